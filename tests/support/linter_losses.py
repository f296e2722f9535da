"""A small VAE and the loop that trains it, into which a test writes the lines of a loss."""

from __future__ import annotations

from pathlib import Path

from vae_checked.catalogue import CATALOGUE
from vae_checked.facts import Facts
from vae_checked.finding import Severity
from vae_checked.linter import LintReport, lint

WARNED = [mistake.code for mistake in CATALOGUE if mistake.severity is not Severity.INFO]

MODEL = """\
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.distributions import Independent, Normal, kl_divergence


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk = nn.Linear(91, 33)
        self.to_m = nn.Linear(33, 7)
        self.to_s = nn.Linear(33, 7)
        self.back = nn.Sequential(nn.Linear(7, 33), nn.ReLU(), nn.Linear(33, 91), nn.Sigmoid())

    def forward(self, picture):
        h = F.relu(self.trunk(picture))
        m, s = self.to_m(h), self.to_s(h)
        z = m + torch.exp(s / 2) * torch.randn_like(m)
        return self.back(z), m, s

"""

LOOP = """

BETA = 2.0
WIDTH = 48


def fit(loader, epochs=5):
    model = Net()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for epoch in range(epochs):
        for x, _ in loader:
            x = x.view(-1, 91)
            out, mu, logvar = model(x)
{body}
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
"""
RECON = 'recon = F.binary_cross_entropy(out, x, reduction="sum")'
KL = "kl = -0.5 * torch.sum(1 + logvar - mu ** 2 - logvar.exp())"


def read(folder: Path, text: str) -> LintReport:
    path = folder / "train.py"
    path.write_text(text, encoding="utf-8")
    report = lint([path], select=WARNED)
    assert report.facts, "the VAE was not seen"
    return report


def looped(body: str) -> str:
    return "\n".join(" " * 12 + line for line in body.strip("\n").splitlines())


def codes(folder: Path, body: str, model: str = MODEL) -> list[str]:
    report = read(folder, model + LOOP.format(body=looped(body)))
    assert any(facts.kl.form is not None for facts in report.facts), "the KL was not found"
    return sorted({finding.code for finding in report.findings})


def loss_codes(folder: Path, text: str) -> list[str]:
    return sorted({finding.code for finding in read(folder, MODEL + text).findings})


def one(report: LintReport) -> Facts:
    return max(report.facts, key=lambda facts: len(list(facts.known())))
