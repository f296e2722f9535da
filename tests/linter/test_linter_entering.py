"""The scale of what enters the encoder, as it is read: pixels that are divided by 255 once more there."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import linted

from vae_checked.linter.run.report import LintReport

MODEL = """\
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader
from torchvision import datasets, transforms


class SketchVAE(nn.Module):
    def __init__(self, size=9):
        super().__init__()
        self.trunk = nn.Sequential(nn.Flatten(), nn.Linear(784, 60), {norm}nn.ReLU())
        self.loc = nn.Linear(60, size)
        self.spread = nn.Linear(60, size)
        self.draw = nn.Sequential(nn.Linear(size, 60), nn.ReLU(), nn.Linear(60, 784))

    def forward(self, picture):
        h = self.trunk({enters})
        mu, logvar = self.loc(h), self.spread(h)
        z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
        return torch.sigmoid(self.draw(z)).view(-1, 1, 28, 28), mu, logvar


def fit(root):
    net = SketchVAE()
    optimizer = torch.optim.Adam(net.parameters())
    for picture, _ in DataLoader(datasets.MNIST(root, transform=transforms.{given}()), batch_size=32):
        drawn, mu, logvar = net(picture)
        error = F.mse_loss(drawn, {compared}, reduction="none").sum(dim=(1, 2, 3))
        kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp(), dim=1)
        loss = (error + kl).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""


def read(tmp_path: Path, enters: str, given: str = "ToTensor", compared: str = "picture", norm: str = "") -> LintReport:
    text = MODEL.format(enters=enters, given=given, compared=compared, norm=norm)
    return linted(tmp_path, {"model.py": text})


def verdict(report: LintReport) -> str:
    if any(finding.code == "VAE104" for finding in report.findings):
        return "found"
    return "clean" if any("VAE104" in each.clean for each in report.judgements) else "open"


@pytest.mark.parametrize(
    ("enters", "given", "compared"),
    [
        ("picture / 255.0", "ToTensor", "picture"),
        ("(picture / 255.0 - 0.5) * 2", "ToTensor", "picture"),
        ("picture.view(-1, 784).float() / 255 / 255", "PILToTensor", "picture / 255"),
        ("picture.float()", "PILToTensor", "picture / 255"),
    ],
)
def test_another_scale_in_the_encoder_alone_is_named(tmp_path: Path, enters: str, given: str, compared: str) -> None:
    report = read(tmp_path, enters, given, compared)

    assert [finding.code for finding in report.findings] == ["VAE104"]
    place = report.findings[0].place
    assert place is not None
    assert place.line == 1 + next(n for n, line in enumerate(MODEL.split("\n")) if "self.trunk({" in line) or (
        "255" not in enters
    )


@pytest.mark.parametrize(
    ("enters", "given", "compared", "norm"),
    [
        ("picture", "ToTensor", "picture", ""),
        ("2 * picture - 1", "ToTensor", "picture", ""),
        ("picture / 255", "PILToTensor", "picture / 255", ""),
        ("picture * 255", "ToTensor", "picture", ""),
        ("picture.float()", "PILToTensor", "picture / 255", "nn.BatchNorm1d(60), "),
    ],
)
def test_the_scale_that_is_compared_is_clean(tmp_path: Path, enters: str, given: str, compared: str, norm: str) -> None:
    assert verdict(read(tmp_path, enters, given, compared, norm)) == "clean"


@pytest.mark.parametrize("enters", ["torch.log1p(picture)", "picture / picture.max()"])
def test_what_follows_in_no_straight_line_is_open(tmp_path: Path, enters: str) -> None:
    assert verdict(read(tmp_path, enters)) == "open"
