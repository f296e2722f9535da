"""Items that a list does not have: nothing stands in for them, as nothing does for those of a tuple."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, codes, linted

from vae_checked.linter import LintReport

SCENE = (
    HEAD
    + """from torch.distributions import Independent, Normal


class Spread(nn.Module):
    def __init__(self):
        super().__init__()
        self.to_m, self.to_s = nn.Linear(33, 7), nn.Linear(33, 7)

    def forward(self, x):
        return Independent(Normal(self.to_m(x), (0.5 * self.to_s(x)).exp()), 1)

    def told(self, q):
        {told}


def divergence(m, std):
    return (torch.square(m) + torch.square(std) - 2 * torch.log(std) - 1) / 2


def fit(spread, back, loader, optimizer):
    spread = Spread()
    for x in loader:
        q = spread(x)
        told = spread.told(q)
        error = ((back(q.rsample()) - x) ** 2).sum(-1).mean()
        loss = error + divergence({given}).sum(-1).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
)
LISTED = "return [q.base_dist.loc, q.base_dist.scale]"
TUPLE = "return q.base_dist.loc, q.base_dist.scale"
APPENDED = "found = [q.base_dist.loc]; found.append(q.base_dist.scale); return found"


def scene(folder: Path, told: str, given: str) -> LintReport:
    return linted(folder, {"fit.py": SCENE.format(told=told, given=given)})


@pytest.mark.parametrize("told", [LISTED, TUPLE, APPENDED], ids=["list", "tuple", "appended"])
def test_nothing_stands_in_for_an_item_that_is_not_there(told: str, tmp_path: Path) -> None:
    report = scene(tmp_path, told, "told[1], told[2]")
    assert codes(report) == []
    assert not any("VAE205" in each.clean for each in report.judgements)


@pytest.mark.parametrize("told", [LISTED, TUPLE, APPENDED], ids=["list", "tuple", "appended"])
def test_items_in_each_others_place_are_still_named(told: str, tmp_path: Path) -> None:
    assert codes(scene(tmp_path / "right", told, "told[0], told[1]")) == []
    assert codes(scene(tmp_path / "wrong", told, "told[1], told[0]")) == ["VAE205"]
    assert codes(scene(tmp_path / "behind", told, "told[-1], told[-2]")) == ["VAE205"]


def test_the_first_item_stands_for_a_list_that_grows(tmp_path: Path) -> None:
    """How long a list gets in a loop is not known: of layers that are alike one is as good as another."""
    grown = SCENE.replace("self.to_m, self.to_s = nn.Linear(33, 7), nn.Linear(33, 7)", "{layers}").replace(
        "return Independent(", "found = []\n        for layer in self.layers:\n            found.append(layer(x))\n"
        "        m, s = found[5].chunk(2, -1)\n        return Independent("
    ).replace("self.to_m(x), (0.5 * self.to_s(x))", "m, (0.5 * s)")  # fmt: skip
    layers = "self.layers = nn.ModuleList([nn.Linear(33, 14) for _ in range(told())])"
    text = grown.format(told=LISTED, given="told[1], told[0]", layers=layers)
    assert codes(linted(tmp_path, {"fit.py": text})) == ["VAE205"]
