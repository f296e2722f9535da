"""Models that one name chooses from a file, alike but for their layers: each of them is trained and looked at."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import linted

from vae_checked.catalogue.coverage import examined

MODELS = """
import torch
import torch.nn.functional as F
from torch import nn


class Stacked(nn.Module):
    trained = 0

    def forward(self, x, at=None):
        m, s = x, x
        for k in range(self.trained) if at is None else (at,):
            m, s = self.mean[k](x), self.log_var[k](x)
        z = m + torch.exp(0.5 * s) * torch.randn_like(s)
        return self.back(z), m, s


class Plain(Stacked):
    def __init__(self):
        super().__init__()
        self.mean = nn.ModuleList([nn.Sequential(nn.Linear(784, 7))])
        self.log_var = nn.ModuleList([nn.Sequential(nn.Linear(784, 7))])
        self.back = nn.Sequential(nn.Linear(7, 784), nn.Sigmoid())


class Other(Stacked):
    def __init__(self):
        super().__init__()
        self.mean = nn.ModuleList([nn.Sequential(nn.Linear(784, 7){bent})])
        self.log_var = nn.ModuleList([nn.Sequential(nn.Linear(784, 7))])
        self.back = nn.Sequential(nn.Linear(7, 784), nn.Sigmoid())


def total(y, x, m, s):
    kl = -0.5 * torch.sum(1 + s - m.pow(2) - s.exp())
    return F.mse_loss(y, x, reduction="sum") + kl
"""
TRAIN = """
import argparse

import torch
import models
from models import *


def make(kind):
    {made}


def main(loader):
    parser = argparse.ArgumentParser()
    parser.add_argument("--kind", required=True)
    net = make(parser.parse_args().kind)
    optimizer = torch.optim.Adam(net.parameters())
    for x, _ in loader:
        y, m, s = net(x.view(-1, 784), 0)
        loss = total(y, x.view(-1, 784), m, s)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
MADE = {
    "by getattr": "return getattr(models, kind)()",
    "by getattr and kept": "cls = getattr(models, kind)\n    return cls()",
    "by globals": "return globals()[kind]()",
    "of a dict": "return {'plain': Plain, 'other': Other}[kind]()",
}


@pytest.mark.parametrize("made", MADE.values(), ids=MADE)
def test_the_other_model_of_a_name_is_looked_at(made: str, tmp_path: Path) -> None:
    texts = {"models.py": MODELS.format(bent=", nn.Sigmoid()"), "train.py": TRAIN.format(made=made)}
    report = linted(tmp_path, texts)
    assert [(each.code, each.subject.rpartition(":")[2]) for each in report.findings] == [("VAE204", "Other")]
    clean = {each.subject.rpartition(":")[2]: each.clean for each in examined(report.facts, report.judgements)}
    assert "VAE204" in clean["Plain"]
    assert all("VAE204" not in codes for name, codes in clean.items() if name != "Plain")


@pytest.mark.parametrize("made", MADE.values(), ids=MADE)
def test_two_right_models_of_a_name_are_clean(made: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"models.py": MODELS.format(bent=""), "train.py": TRAIN.format(made=made)})
    assert report.findings == ()
    clean = {each.subject.rpartition(":")[2]: each.clean for each in examined(report.facts, report.judgements)}
    # What is alike in all that is asked is reported once.
    assert {"VAE201", "VAE204", "VAE301"} <= set(clean["Plain"])
    assert all("VAE204" in codes for codes in clean.values())


def test_what_another_class_is_made_of_is_no_model_of_the_choice(tmp_path: Path) -> None:
    text = MODELS.format(bent="").replace("class Other(Stacked)", "class Apart(nn.Module)")
    report = linted(tmp_path, {"models.py": text, "train.py": TRAIN.format(made=MADE["by getattr"])})
    names = {each.subject.rpartition(":")[2] for each in examined(report.facts, report.judgements)}
    assert report.findings == ()
    assert not {"Stacked", "Apart"} & names
