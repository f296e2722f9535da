"""Features that stand last, as those of an embedding do, are no channels by a view alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, codes, linted

TEXT = (
    HEAD
    + """

class Net(nn.Module):
    def __init__(self, kinds={kinds}, size={size}):
        super().__init__()
        self.kinds, self.size = kinds, size
        self.letters, self.wide = nn.Embedding(91, {features}), nn.Linear({features}, {features})
        self.body = nn.Sequential(nn.Conv2d({features}, 33, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1))
        self.to_m, self.to_s = nn.Linear(33, 7), nn.Linear(33, 7)
        self.back = nn.Linear(7, 84)

    def forward(self, x):
        e = {made}
        h = self.body({shaped}).flatten(1)
        m, s = self.to_m(h), self.to_s(h)
        return self.back(m + torch.randn_like(m) * torch.exp(0.5 * s)), m, s


def fit(loader):
    net = Net({given})
    optimizer = torch.optim.Adam(net.parameters())
    for x, wanted in loader:
        y, m, s = net(x)
        error = F.binary_cross_entropy_with_logits(y, wanted, reduction="sum")
        loss = error - 0.5 * torch.sum(1 + s - m.pow(2) - s.exp())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
)
FLAT = "self.letters(x.flatten(1))"
OWN = "e.reshape(-1, self.kinds, self.size, self.size)"
# Of each: what is embedded, and how it is shaped.
MIXED = {
    "reshape": (FLAT, OWN),
    "view": ("self.letters(x.view(len(x), -1))", "e.view(len(x), self.kinds, self.size, self.size)"),
    "dropped out": (f"F.dropout({FLAT}, 0.1, training=self.training)", OWN),
    "a rectangle": (FLAT, "e.view(-1, self.kinds, 4, self.size)"),
    "a linear layer": (f"torch.relu(self.wide({FLAT}))", "e.reshape(-1, 55, 8, 8)"),
}
RIGHT = {
    "moved": (f"{FLAT}.transpose(1, 2)", OWN),
    "moved after": (FLAT, "e.view(-1, self.size, self.size, self.kinds).permute(0, 3, 1, 2)"),
    "a label": ("self.letters(x)", "e.view(-1, self.kinds, 1, 1)"),
    "a linear layer for a label": ("self.wide(self.letters(x))", "e.view(-1, 55, 1, 1)"),
    "rows of letters": ("self.letters(x)", "e.view(len(x), self.size, -1, self.kinds)"),
}


def _text(made: str, shaped: str, kinds: str = "55", size: str = "8", given: str = "") -> dict[str, str]:
    features = "kinds" if "self.wide" not in made else "55"
    parts = {"made": made, "shaped": shaped, "kinds": kinds, "size": size, "given": given, "features": features}
    return {"net.py": TEXT.format(**parts)}


@pytest.mark.parametrize("name", MIXED)
def test_features_as_channels_by_a_view_are_named(name: str, tmp_path: Path) -> None:
    assert codes(linted(tmp_path, _text(*MIXED[name]))) == ["VAE101"]


@pytest.mark.parametrize(("made", "named"), [(FLAT, ["VAE101"]), ("self.letters(x)", [])])
def test_they_are_named_whatever_numbers_are_given_but_for_labels(made: str, named: list[str], tmp_path: Path) -> None:
    files = _text(made, OWN, kinds="None", size="None", given="kinds, size")
    files["net.py"] = files["net.py"].replace("def fit(loader)", "def fit(loader, kinds, size)")

    assert codes(linted(tmp_path, files)) == named


@pytest.mark.parametrize("name", RIGHT)
def test_features_that_are_moved_and_labels_are_not(name: str, tmp_path: Path) -> None:
    assert codes(linted(tmp_path, _text(*RIGHT[name]))) == []


def test_as_many_pixels_as_features_may_be_rows_of_channels(tmp_path: Path) -> None:
    made, shaped = "self.wide(self.letters(x))", "e.reshape(-1, 55, 5, 11)"

    assert codes(linted(tmp_path, _text(made, shaped))) == []
