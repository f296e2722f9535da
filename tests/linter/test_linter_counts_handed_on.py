"""A weight that a function makes of the number of the step: what counting begins with, it is in one step alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import FORWARD, HEAD, MODEL, codes, linted

LOOP = (
    HEAD
    + MODEL
    + FORWARD
    + """

def weight_at(at):
    {weight}


net, at = Net(), 0
optimizer = torch.optim.Adam(net.parameters())
for _ in range(9):
    for x in torch.load("rows.pt").split(31):
        y, m, s = net(x)
        loss = F.binary_cross_entropy(y, x, reduction="sum")
        loss = loss {sign} weight_at({handed}) * 0.5 * (m.pow(2) + s.exp() - 1 - s).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        at += 1
"""
)
STEPS = """if at < 100:
        return {first}
    elif at < 900:
        return (at - 100) / 800
    return 1.0"""
WEIGHTS = {
    "none at first": STEPS.format(first="0.0"),
    "little at first": STEPS.format(first="0.1"),
    "at most one": "return min(1.0, at / 900)",
    "late": "return max(0.0, at - 100) / 900",
}


@pytest.mark.parametrize("handed", ["at", "at=at"])
@pytest.mark.parametrize("weight", WEIGHTS.values(), ids=WEIGHTS)
def test_a_weight_of_the_step_that_is_handed_on_is_one_of_any_step(weight: str, handed: str, tmp_path: Path) -> None:
    report = linted(tmp_path / "right", {"net.py": LOOP.format(weight=weight, sign="+", handed=handed)})
    assert not report.findings
    assert [vae.core_checked for vae in report.vaes] == [True]
    wrong = LOOP.format(weight=weight, sign="-", handed=handed)
    assert "VAE302" in codes(linted(tmp_path / "wrong", {"net.py": wrong}))


TRAINER = (
    HEAD
    + MODEL
    + FORWARD
    + """

class Trainer:
    def __init__(self, net):
        self.net, self.at = net, 0
        self.optimizer = torch.optim.Adam(net.parameters())

{weight}
    def fit(self, rows):
        for x in rows:
            y, m, s = self.net(x)
            loss = F.binary_cross_entropy(y, x, reduction="sum")
            loss = loss {sign} {asked} * 0.5 * (m.pow(2) + s.exp() - 1 - s).sum()
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            self.at += 1


Trainer(Net()).fit(torch.load("rows.pt").split(31))
"""
)
METHODS = {
    "handed over": (
        """    def weight(self, at):
        if at < 100:
            return 0.0
        return 1.0
""",
        "self.weight(self.at)",
    ),
    "a share of the steps that are left": (
        """    @property
    def weight(self):
        return min(1.0, max(0.0, (self.at - 100) / 900))
""",
        "self.weight",
    ),
}


@pytest.mark.parametrize(("weight", "asked"), METHODS.values(), ids=METHODS)
def test_a_weight_of_the_step_that_a_trainer_counts_is_one_of_any_step(weight: str, asked: str, tmp_path: Path) -> None:
    report = linted(tmp_path / "right", {"net.py": TRAINER.format(weight=weight, asked=asked, sign="+")})
    assert not report.findings
    assert [vae.core_checked for vae in report.vaes] == [True]
    wrong = TRAINER.format(weight=weight, asked=asked, sign="-")
    assert "VAE302" in codes(linted(tmp_path / "wrong", {"net.py": wrong}))


def test_a_weight_that_nothing_counts_on_stays_the_number_that_it_is(tmp_path: Path) -> None:
    text = LOOP.format(weight="return 0.0 if at < 100 else 1.0", sign="-", handed="at").replace("at += 1", "pass")
    report = linted(tmp_path, {"net.py": text})
    assert codes(report) == []
    (vae,) = report.vaes
    assert "VAE301" in vae.clean
    assert "VAE302" in vae.undecided
