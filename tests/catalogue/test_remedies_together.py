"""The remedies of several mistakes of one VAE, followed together, end in a VAE that has none."""

from __future__ import annotations

from pathlib import Path

import pytest

from vae_checked.finding import Finding
from vae_checked.linter import lint

VAE = """\
import torch
from torch import nn
import torch.nn.functional as F


class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Linear(35, 13)
        self.to_mu = nn.Linear(13, 5)
        self.to_second = nn.Linear(13, 5)
        self.out = nn.Linear(5, 35)

    def forward(self, x):
        h = torch.tanh(self.body(x))
        mu, {head} = self.to_mu(h), self.to_second(h)
        std = {std}
        z = mu + std * torch.randn_like(std)
        x_hat = self.out(z)
        recon = F.mse_loss(x_hat, x, reduction="none").sum(dim=1).mean()
        kl = {kl}
        return recon + kl.mean()
"""
MEAN_OF_LOGVAR = "-0.5 * torch.mean(1 + {head} - mu.pow(2) - {head}.exp(), dim=1)"


@pytest.mark.parametrize(
    ("head", "std", "kl"),
    [
        # The sampler departs from the name and from the KL.
        ("logvar", "torch.exp(logvar)", MEAN_OF_LOGVAR),
        # The KL does.
        ("log_std", "torch.exp(log_std)", MEAN_OF_LOGVAR),
    ],
)
def test_followed_together_they_leave_no_mistake(head: str, std: str, kl: str, tmp_path: Path) -> None:
    written = {"std": std, "kl": kl.format(head=head)}
    found = findings(tmp_path / "bad", VAE.format(head=head, **written))
    assert {"VAE201", "VAE503"} <= {finding.code for finding in found}
    for finding in found:
        name, _, formula = str(finding.fix).partition(" = ")
        if name in written:
            written[name] = formula
    assert [finding.code for finding in findings(tmp_path / "good", VAE.format(head=head, **written))] == []


def findings(folder: Path, text: str) -> list[Finding]:
    folder.mkdir()
    (folder / "vae.py").write_text(text, encoding="utf-8")
    return [finding for finding in lint([folder]).findings if finding.severity != "info"]
