"""What trains a model may stand in its base class, and what it trains in the class alone: both are one VAE."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import codes, linted

from vae_checked.linter import LintReport

BASE = """
from abc import ABC, abstractmethod

import pytorch_lightning as pl
import torch
import torch.nn.functional as F
from torch import nn


class Base({bases}):
    def __init__(self):
        super().__init__()
        self.encoder = self.decoder = None

    def loss_function(self, x, y, m, s):
        return F.mse_loss(y, x, reduction="sum") - 0.5 * torch.sum(1 + s - m.pow(2) - s.exp())

    {trains}

    @abstractmethod
    def make(self):
        ...
"""
LOOP = """def fit_on(self, loader):
        optimizer = torch.optim.Adam(self.parameters())
        for x in loader:
            m, s, z = self.encoder(x)
            loss = self.loss_function(x, self.decoder(z), m, s)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()"""
STEP = """def training_step(self, x, index):
        m, s, z = self.encoder(x)
        return self.loss_function(x, self.decoder(z), m, s)"""
MODEL = """
import torch
from base import Base
from torch import nn


class Encoder(nn.Module):
    def __init__(self, seen, latents):
        super().__init__()
        self.to_m, self.to_s = nn.Linear(seen, latents), nn.Linear(seen, latents)

    def forward(self, x):
        m, s = self.to_m(x), self.to_s(x)
        return m, s, m + torch.exp({half}s) * torch.randn_like(s)


class Dense(Base):
    def __init__(self, seen=33, latents=7):
        super().__init__()
        self.latents = latents
        self.encoder, self.decoder = self.make(seen)

    def make(self, seen):
        return Encoder(seen, self.latents), nn.Linear(self.latents, seen)
"""
FORMS = {
    "loop": ("nn.Module, ABC", LOOP),
    "step": ("pl.LightningModule, ABC", STEP),
    "by hand": ("pl.LightningModule, ABC", LOOP.replace("loss.backward()", "self.manual_backward(loss)")),
    "by a library": ("nn.Module, ABC", LOOP.replace("loss.backward()", "torch.autograd.backward(loss)")),
}


def read(tmp_path: Path, form: str, half: str) -> LintReport:
    bases, trains = FORMS[form]
    files = {"base.py": BASE.format(bases=bases, trains=trains), "model.py": MODEL.format(half=half)}
    return linted(tmp_path, files)


@pytest.mark.parametrize("form", FORMS)
def test_a_model_is_trained_by_what_its_base_does(form: str, tmp_path: Path) -> None:
    report = read(tmp_path, form, "0.5 * ")
    assert codes(report) == []
    assert any({"VAE201", "VAE305", "VAE504"} <= set(each.clean) for each in report.judgements)


@pytest.mark.parametrize("form", FORMS)
def test_what_a_model_draws_is_judged_beside_its_bases_loss(form: str, tmp_path: Path) -> None:
    assert codes(read(tmp_path, form, "")) == ["VAE201"]


SHELL = """
class Shell:
    def __init__(self, settings):
        self.settings = settings

    def train(self, loader):
        for x in loader:
            y, m, s = self.model(x)
            kl = -0.5 * (1 + s - m.pow(2) - s.exp()).sum(1)
            loss = ((y - x).pow(2).sum(1) + kl).mean()
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()


class Small(Shell):
    def __init__(self, settings):
        super().__init__(settings)
        self.build()

    def build(self):
        self.model = Both(Encoder(33, 7), nn.Linear(7, 33))
        self.optimizer = torch.optim.Adam(self.model.parameters())


class Both(nn.Module):
    def __init__(self, there, back):
        super().__init__()
        self.there, self.back = there, back

    def forward(self, x):
        m, s, z = self.there(x)
        return self.back(z), m, s
"""


@pytest.mark.parametrize(("half", "expected"), [("0.5 * ", []), ("", ["VAE201"])])
def test_a_trainer_trains_the_model_that_a_class_derived_from_it_builds(
    half: str, expected: list[str], tmp_path: Path
) -> None:
    encoder = MODEL[: MODEL.index("class Dense")].replace("from base import Base\n", "").format(half=half)
    report = linted(tmp_path, {"shell.py": encoder + SHELL})
    assert codes(report) == expected
    assert [facts for facts in report.facts if facts.sampler.std and facts.kl.form and facts.recon.kind]
