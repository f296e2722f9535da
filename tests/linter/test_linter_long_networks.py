"""Networks of many layers that a loop goes through: the last layer decides what comes out."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, codes, joined, linted

NET = (
    HEAD
    + """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.up, self.to_m, self.to_s = nn.Linear(40, 33), nn.Linear(33, 7), nn.Linear(33, 7)
        self.layers = nn.{container}({layers})

    def step(self, x, optimizer):
        m, s = self.to_m(self.up(x)), self.to_s(self.up(x))
        h = m + torch.exp(0.5 * s) * torch.randn_like(s)
        for {target} in {source}:
            h = layer(h)
        loss = F.binary_cross_entropy(h, x, reduction="sum") - 0.5 * torch.sum(1 + s - m.pow(2) - s.exp())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
)
# The short one is gone through turn by turn, as is the one of some dozens; of the long one the end is not known.
PAIRS = (2, 9, 70)
ENDS = {"in a sigmoid": ("nn.Sigmoid()", []), "in scores": ("nn.Identity()", ["VAE402"])}
WAYS = {
    "a list": ("ModuleList", "layer", "self.layers"),
    "with its number": ("ModuleList", "_, layer", "enumerate(self.layers)"),
    "a sequence": ("Sequential", "layer", "self.layers"),
}


def scene(pairs: int, end: str, container: str, target: str, source: str) -> str:
    inner = "nn.Linear(33, 33), nn.ReLU(), " * pairs
    layers = f"nn.Linear(7, 33), {inner}nn.Linear(33, 40), {end}"
    layers = f"[{layers}]" if container == "ModuleList" else layers
    return NET.format(container=container, layers=layers, target=target, source=source)


@pytest.mark.parametrize(("container", "target", "source"), WAYS.values(), ids=WAYS)
@pytest.mark.parametrize(("end", "found"), ENDS.values(), ids=ENDS)
@pytest.mark.parametrize("pairs", PAIRS)
def test_what_a_network_of_many_layers_ends_in(
    pairs: int, end: str, found: list[str], container: str, target: str, source: str, tmp_path: Path
) -> None:
    report = linted(tmp_path, {"net.py": scene(pairs, end, container, target, source)})
    assert codes(report) == (found if pairs < PAIRS[-1] else [])
    if pairs < PAIRS[-1]:
        assert joined(report)
    assert pairs < PAIRS[-1] or not any("VAE402" in each.clean for each in report.judgements)
