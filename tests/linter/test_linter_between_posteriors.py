"""A draw between several posteriors, for a picture, is that of no posterior: nothing is asked of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from vae_checked.linter import LintReport, lint

MODEL = """\
import torch
import torch.nn as nn
import torch.nn.functional as F


class Small(nn.Module):
    def __init__(self, width, latent):
        super().__init__()
        self.trunk, self.to_m, self.to_s = nn.Linear(width, 23), nn.Linear(23, latent), nn.Linear(23, latent)
        self.back = nn.Linear(latent, width)

    def encode(self, x):
        h = self.trunk(x)
        return self.to_m(h), self.to_s(h)

    def forward(self, x):
        m, s = self.encode(x)
        z = m + torch.exp(0.5 * s) * torch.randn_like(s)
        return self.back(z), m, s

    def loss_function(self, out, x, mu, logvar):
        error = F.mse_loss(out, x, reduction="sum")
        return error - 0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())

    def between(self, one, other, share=0.6, heat=1.3):
        with torch.no_grad():
            (m, s), (n, t) = self.encode(one), self.encode(other)
            MIXED
            std = torch.exp(0.5 * mixed_s) * heat
            z = mixed_m + std * torch.randn_like(std)
            return self.back(z)
"""
MIXED = {
    "added": "mixed_m, mixed_s = share * m + (1 - share) * n, share * s + (1 - share) * t",
    "moved": "mixed_m, mixed_s = m + share * (n - m), s",
    "averaged": "mixed_m, mixed_s = torch.stack([m, n]).mean(0), torch.stack([s, t]).mean(0)",
}


def read(folder: Path, text: str) -> LintReport:
    (folder / "small.py").write_text(text, encoding="utf-8")
    return lint([folder])


@pytest.mark.parametrize("mixed", MIXED.values(), ids=MIXED)
def test_a_draw_between_posteriors_is_of_none(mixed: str, tmp_path: Path) -> None:
    text = MODEL.replace("MIXED", mixed)
    report = read(tmp_path, text)
    assert report.findings == ()
    assert report.vaes
    assert all({"VAE201", "VAE302", "VAE305"} <= set(each.clean) for each in report.vaes)
    for right, wrong, code in (
        ("z = m + torch.exp(0.5 * s)", "z = m + torch.exp(s)", "VAE201"),
        ("error - 0.5", "error + 0.5", "VAE302"),
    ):
        assert [each.code for each in read(tmp_path, text.replace(right, wrong)).findings] == [code]


def test_a_draw_between_posteriors_that_an_error_takes_is_looked_at(tmp_path: Path) -> None:
    text = MODEL.replace("MIXED", MIXED["added"]).replace("with torch.no_grad():", "if one is not other:")
    shown, compared = (
        "            return self.back(z)\n",
        "            return F.mse_loss(self.back(z), one, reduction='sum')\n",
    )
    assert text.count(shown) == 1
    report = read(tmp_path, text.replace(shown, compared))
    assert len([facts for facts in report.facts if facts.sampler.std is not None]) == 2
    assert report.vaes
    assert not any("VAE206" in each.clean for each in report.vaes)
