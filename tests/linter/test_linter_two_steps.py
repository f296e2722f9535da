"""Two steps of training of which a condition chooses one: a KL that is added by one and taken away by the other."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import FORWARD, HEAD, KL, MODEL, codes, linted

STEPS = (
    HEAD
    + "import random\n"
    + MODEL
    + FORWARD
    + f"""
    def first(self, x):
        y, m, s = self(x)
        loss = F.binary_cross_entropy(y, x, reduction="none").sum(1) + {KL}
        loss.mean().backward()

    def second(self, x):
        y, m, s = self(x)
        loss = F.binary_cross_entropy(y, x, reduction="none").sum(1) {{sign}} {KL}
        loss.mean().backward()


def fit(loader, optimizer, share):
    net = Net()
    for epoch in range(9):
        for x, _ in loader:
            optimizer.zero_grad()
            if {{chosen}}:
                net.first(x)
            else:
                net.second(x)
            optimizer.step()
"""
)
CHOICES = ["random.random() < share", "epoch % 2 == 0", "torch.rand(1) < share"]


@pytest.mark.parametrize("chosen", CHOICES)
@pytest.mark.parametrize(("sign", "clean"), [("+", True), ("-", False)])
def test_a_kl_that_one_of_two_steps_takes_away(chosen: str, sign: str, clean: bool, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": STEPS.replace("{chosen}", chosen).replace("{sign}", sign)})
    assert codes(report) == []
    assert any("VAE302" in vae.clean for vae in report.vaes) is clean
