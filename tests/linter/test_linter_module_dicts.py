"""Parts that stand in a table of modules, in whichever way that is made: each goes by its name."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import FIT, HEAD, codes, joined, linted

NET = (
    HEAD
    + """

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        mean, width, back = nn.Linear(84, 7), nn.Linear(84, 7), nn.Linear(7, 84)
        self.parts = nn.ModuleDict({given})

    def forward(self, x):
        m, s = self.parts["mean"](x), self.parts["width"](x)
        return self.parts["back"](m + torch.randn_like(m) * torch.exp({half}s)), m, s
"""
    + FIT
)
TUPLES = '("mean", mean), ("width", width), ("back", back)'
GIVEN = {
    "a dict": '{"mean": mean, "width": width, "back": back}',
    "pairs": f"[{TUPLES}]",
    "pairs in lists": '[["mean", mean], ["width", width], ["back", back]]',
    "a tuple of pairs": f"({TUPLES})",
    "zip": 'zip(["mean", "width", "back"], [mean, width, back])',
    "a generator": f"(name, part) for name, part in [{TUPLES}]",
    "items": '{"mean": mean, "width": width, "back": back}.items()',
    "by its keyword": f"modules=[{TUPLES}]",
    "another table": f"nn.ModuleDict([{TUPLES}])",
}


@pytest.mark.parametrize("given", GIVEN.values(), ids=GIVEN)
def test_parts_of_a_table_are_known_by_their_names(given: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": NET.replace("{given}", given).replace("{half}", "0.5 * ")})
    assert codes(report) == []
    assert joined(report)
    assert codes(linted(tmp_path, {"net.py": NET.replace("{given}", given).replace("{half}", "")})) == ["VAE201"]
