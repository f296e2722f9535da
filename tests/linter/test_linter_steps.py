"""The steps of a trainer: what validation adds up without a weight is only shown."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import FORWARD, HEAD, MODEL, codes, linted

STEPS = (
    HEAD
    + MODEL
    + FORWARD
    + """
    def terms(self, x):
        out, m, s = self(x)
        error = F.binary_cross_entropy(out, x, reduction="none")
        return error.mean(), (-0.5 * (1 + s - m**2 - s.exp())).sum(-1).mean()

    def training_step(self, batch, index):
        error, kl = self.terms(batch)
        return error + {weight}kl

    def {shown}(self, batch, index):
        error, kl = self.terms(batch)
        loss = error + kl
        self.log("loss", loss)
        return loss
"""
)


@pytest.mark.parametrize("shown", ["validation_step", "test_step"])
@pytest.mark.parametrize(("weight", "expected"), [("self.annealed() * ", []), ("", ["VAE502"])])
def test_what_is_only_shown_is_not_weighed(shown: str, weight: str, expected: list[str], tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"steps.py": STEPS.format(shown=shown, weight=weight)})) == expected


def test_a_step_of_another_name_may_train(tmp_path: Path) -> None:
    text = STEPS.format(shown="second_step", weight="self.annealed() * ")
    assert codes(linted(tmp_path, {"steps.py": text})) == ["VAE502"]
