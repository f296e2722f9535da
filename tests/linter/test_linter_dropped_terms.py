"""A term that a method returns and its caller forgets is in no loss, whatever the method added to it."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, linted

from vae_checked.linter import LintReport

SCENE = (
    HEAD
    + """

class Loss(nn.Module):
    def forward(self, input, target):
        y, m, s, code = input
        error = F.mse_loss(y, target, reduction="none").sum(1).mean()
        latent = self.latent(m, s, code)
        return {end}

    def latent(self, m, s, code):
        kl = (-0.5 * torch.sum(1 + s - m.pow(2) - s.exp(), dim=1)).mean()
        return kl + {other}
"""
)


def clean(report: LintReport) -> set[str]:
    return {code for each in report.judgements for code in each.clean}


PAIRS = "(code - code.flip(1)).pow(2).sum(1).mean()"
SMALL = "torch.mean(torch.sum(torch.square(code), dim=[1]))"


@pytest.mark.parametrize("end", ["error", "2 * error", "error.clone()"])
@pytest.mark.parametrize("other", [PAIRS, "(code[:, 1:] - code[:, :-1]).abs().sum(1).mean()"])
def test_what_the_caller_forgets_is_in_no_loss(end: str, other: str, tmp_path: Path) -> None:
    text = SCENE.replace("{end}", end).replace("{other}", other)
    assert "VAE305" not in clean(linted(tmp_path, {"loss.py": text}))


@pytest.mark.parametrize("end", ["error + latent", "error + 0.5 * latent", "latent + error.clone()"])
def test_what_the_caller_adds_is_in_its_loss(end: str, tmp_path: Path) -> None:
    text = SCENE.replace("{end}", end).replace("{other}", SMALL)
    assert "VAE305" in clean(linted(tmp_path, {"loss.py": text}))
