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
PAIRS = (2, 22, 70)
ENDS = {"in a sigmoid": ("nn.Sigmoid()", []), "in scores": ("nn.Identity()", ["VAE402"])}
WAYS = {
    "a list": ("ModuleList", "layer", "self.layers"),
    "with its number": ("ModuleList", "_, layer", "enumerate(self.layers)"),
    "a sequence": ("Sequential", "layer", "self.layers"),
    "by its number": ("ModuleList", "i", "range(len(self.layers))"),
}


def scene(pairs: int, end: str, container: str, target: str, source: str) -> str:
    inner = "nn.Linear(33, 33), nn.ReLU(), " * pairs
    layers = f"nn.Linear(7, 33), {inner}nn.Linear(33, 40), {end}"
    layers = f"[{layers}]" if container == "ModuleList" else layers
    text = NET.format(container=container, layers=layers, target=target, source=source)
    return text.replace("h = layer(h)", "h = self.layers[i](h)") if target == "i" else text


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


COUNTED = """i = 0
        while i < len(self.layers):
            h = self.layers[i](h)
            i += 1
"""


@pytest.mark.parametrize(("end", "found"), [("nn.Sigmoid()", []), ("nn.Identity()", ["VAE402"])])
def test_layers_that_a_loop_counts_are_run_one_by_one(end: str, found: list[str], tmp_path: Path) -> None:
    text = scene(2, end, "ModuleList", "layer", "self.layers").replace(
        "for layer in self.layers:\n            h = layer(h)\n", COUNTED
    )
    assert "self.layers[i](h)" in text
    report = linted(tmp_path, {"net.py": text})
    assert codes(report) == found
    assert any("VAE402" in each.clean for each in report.judgements) is not bool(found)


@pytest.mark.parametrize("end", ["nn.Sigmoid()", "nn.Identity()"])
def test_layers_as_many_as_nobody_knows_end_in_one_that_is_open(end: str, tmp_path: Path) -> None:
    text = scene(2, end, "ModuleList", "i", "range(self.depth)").replace("__init__(self)", "__init__(self, depth)")
    text = text.replace("super().__init__()", "super().__init__()\n        self.depth = depth")
    assert "self.layers[i](h)" in text
    report = linted(tmp_path, {"net.py": text})
    assert codes(report) == []
    assert not any("VAE402" in each.clean for each in report.judgements)


@pytest.mark.parametrize("loop", ["for i in range(60):\n            h = self.layers[i](h)\n", COUNTED])
def test_of_layers_of_one_kind_each_stands_for_all(loop: str, tmp_path: Path) -> None:
    text = NET.format(container="ModuleList", layers="[nn.Linear(7, 7) for _ in range(60)]", target="layer", source="x")
    text = text.replace("for layer in x:\n            h = layer(h)\n", f"{loop}        h = self.last(h)\n")
    text = text.replace("        self.layers = ", "        self.last = nn.Linear(7, 40)\n        self.layers = ")
    assert codes(linted(tmp_path, {"net.py": text})) == ["VAE402"]
