"""A weight is a number whatever it comes from: a schedule, a table of settings, the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from vae_checked.linter import lint

LOSS = """\
import argparse

import torch
import torch.nn.functional as F

parser = argparse.ArgumentParser()
parser.add_argument("--rows", type=int, default=64)
options = parser.parse_args()


def model_loss(out, x, mu, logvar, epoch, settings, schedule):
    recon = F.binary_cross_entropy(out, x{reduced})
    kl = {sign}0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
    {weighed}
    return loss
"""
WEIGHTS = {
    "schedule": 'loss = recon + schedule(epoch, settings["warm"]) * kl',
    "table": 'loss = recon + torch.tensor([min(epoch * 0.1, settings["beta"]["last"])]) * kl',
    "method": "loss = recon + schedule.weight(epoch) * kl",
    "command line": "kl /= options.rows * 784\n    loss = recon + kl",
    "parameter": "loss = recon + settings * kl",
}


@pytest.mark.parametrize("weighed", WEIGHTS.values(), ids=WEIGHTS)
def test_the_sign_of_a_weighed_term_is_read(weighed: str, tmp_path: Path) -> None:
    path = tmp_path / "loss.py"
    reduced = "" if "options" in weighed else ', reduction="sum"'
    path.write_text(LOSS.format(sign="-", weighed=weighed, reduced=reduced), encoding="utf-8")
    report = lint([path])
    assert [facts.kl.sign.value for facts in report.facts if facts.kl.sign] == [1]
    assert report.findings == ()
    path.write_text(LOSS.format(sign="", weighed=weighed, reduced=reduced), encoding="utf-8")
    assert [finding.code for finding in lint([path]).findings] == ["VAE302"]


@pytest.mark.parametrize("factor", ["torch.nn.Linear(7, 1)(mu).mean()", "schedule(torch.nn.Linear(7, 1)(mu)).sum()"])
def test_what_the_model_computes_is_no_weight(factor: str, tmp_path: Path) -> None:
    path = tmp_path / "loss.py"
    path.write_text(
        LOSS.format(sign="", weighed=f"loss = recon + {factor} * kl", reduced=', reduction="sum"'), encoding="utf-8"
    )
    report = lint([path])
    assert all(facts.kl.sign is None for facts in report.facts)
    assert report.findings == ()


BALANCED = """\
import torch
import torch.nn as nn
import torch.nn.functional as F


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.m, self.s = nn.Linear(784, 50), nn.Linear(50, 7), nn.Linear(50, 7)
        self.back = nn.Linear(7, ELEMENTS)

    def forward(self, x):
        h = torch.relu(self.body(x))
        mu, logvar = self.m(h), self.s(h)
        return self.back(mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)), mu, logvar


def train(loader):
    net = Net()
    optimizer = torch.optim.Adam(net.parameters())
SETTING    for x, target in loader:
        out, mu, logvar = net(x)
        kl = WEIGHT(-0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())) / x.size(0)
        loss = F.mse_loss(out, target) + kl
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""


@pytest.mark.parametrize(
    ("weight", "elements", "codes"),
    [
        ("lambda_kl * ", "784", []),
        ("0.01 * ", "784", []),
        ("", "784", ["VAE502"]),
        ("2 * 0.5 * ", "784", ["VAE502"]),
        # The mean over one element is the sum.
        ("", "1", []),
    ],
)
def test_a_number_of_its_own_weighs_the_kl_in_its_term_as_well(
    weight: str, elements: str, codes: list[str], tmp_path: Path
) -> None:
    path = tmp_path / "net.py"
    code = BALANCED.replace("SETTING", "    lambda_kl = 0.01\n" if "lambda" in weight else "")
    path.write_text(code.replace("WEIGHT", weight).replace("ELEMENTS", elements), encoding="utf-8")
    assert [finding.code for finding in lint([path]).findings] == codes
