"""Optimizers that networks build for themselves: what another one takes for its own is none of the VAE's."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import linted

CLASSIFIER = """\
import torch
from torch import nn


class Classifier(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.width = width
        self.layer = nn.Linear(width, 5)
        self.optimizer = torch.optim.Adam(self.parameters())

    def forward(self, x):
        return self.layer(x)

    def train_epoch(self, loader):
        for x, y in loader:
            self.optimizer.zero_grad()
            nn.CrossEntropyLoss()(self(x), y).backward()
            self.optimizer.step()
"""
VAE = """\
import torch
import torch.nn.functional as F
from torch import nn


class VAE(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.enc, self.mu, self.logvar, self.dec = (
            nn.Linear(width, 33), nn.Linear(33, 7), nn.Linear(33, 7), nn.Linear(7, width)
        )
        self.optimizer = torch.optim.Adam({given})

    def forward(self, x):
        h = F.relu(self.enc(x))
        mu, logvar = self.mu(h), self.logvar(h)
        z = mu + torch.randn_like(mu) * torch.exp(0.5 * logvar)
        return torch.sigmoid(self.dec(z)), mu, logvar

    def fit(self, loader):
        device = next(self.parameters()).device
        return [self(x.to(device))[1] for x, _ in loader]

    def train_epoch(self, loader):
        for x, _ in loader:
            self.optimizer.zero_grad()
            x_hat, mu, logvar = self(x)
            kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
            (F.binary_cross_entropy(x_hat, x, reduction="sum") + kl).backward()
            self.optimizer.step()
"""
MAIN = """\
from classifier import Classifier
from vae import VAE


def main(loader):
    vae, classifier = VAE(84), Classifier(84)
    for _ in range(9):
        vae.train_epoch(loader)
        classifier.train_epoch(loader)
"""


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ("self.parameters()", []),
        ("self.dec.parameters()", ["VAE602"]),
        ("[*self.enc.parameters(), *self.mu.parameters(), *self.dec.parameters()]", ["VAE602"]),
    ],
)
def test_the_optimizer_of_a_classifier_holds_nothing_of_the_vae(given: str, named: list[str], tmp_path: Path) -> None:
    files = {"classifier.py": CLASSIFIER, "vae.py": VAE.format(given=given), "main.py": MAIN}
    report = linted(tmp_path, files)
    assert sorted({finding.code for finding in report.findings}) == named
    assert any("VAE602" in vae.clean for vae in report.vaes) is not bool(named)


WRAPPED = """

class Experiment(pl.LightningModule):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def training_step(self, batch, place):
        x_hat, mu, logvar = self.model(batch[0])
        kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
        return F.binary_cross_entropy(x_hat, batch[0], reduction="sum") + kl

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters())
"""


def test_a_wrapper_that_runs_the_model_holds_it(tmp_path: Path) -> None:
    text = "import pytorch_lightning as pl\n" + VAE.replace("self.optimizer = torch.optim.Adam({given})", "pass")
    report = linted(tmp_path, {"vae.py": text.partition("    def fit")[0] + WRAPPED})
    assert report.findings == ()
    assert any("VAE602" in vae.clean for vae in report.vaes)
