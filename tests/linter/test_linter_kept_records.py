"""Numbers that a trainer keeps of its first run are no part of the loss of the next one."""

from __future__ import annotations

from pathlib import Path

import pytest

from vae_checked.linter import LintReport, lint

TRAINED = """\
import torch
import torch.nn as nn
import torch.nn.functional as F


class Small(nn.Module):
    def __init__(self, width, latent):
        super().__init__()
        self.trunk, self.to_m, self.to_s = nn.Linear(width, 23), nn.Linear(23, latent), nn.Linear(23, latent)
        self.back = nn.Linear(latent, width)

    def forward(self, x):
        h = self.trunk(x)
        m, s = self.to_m(h), self.to_s(h)
        z = m + torch.exp(0.5 * s) * torch.randn_like(s)
        return self.back(z), m, s

    def terms(self, out, x, m, s):
        error = F.mse_loss(out, x, reduction="sum") / x.size(0)
        kl = -0.5 * torch.sum(1 + s - m.pow(2) - s.exp())
        kl = kl / x.size(0)
        total = error + kl
        return total, {"total": total.item(), "kl": kl.item()}


class Fitting:
    def __init__(self, model: Small):
        self.model = model
        self.steps = torch.optim.Adam(model.parameters())
        self.kept = {"total": [], "kl": []}
        self.all = []

    def epoch(self, x):
        self.steps.zero_grad()
        out, m, s = self.model(x)
        loss, parts = self.model.terms(out, x, m, s)
        loss.backward()
        self.steps.step()
        return parts

    def fit(self, x):
        for turn in range(5):
            parts = self.epoch(x)
            KEEP
        return KEPT
"""
SCRIPT = """\
import torch
from fitting import Fitting, Small

Fitting(Small(31, 7)).fit(torch.load("rows.pt"))
"""
WAYS = {
    "each by its name": (
        'self.kept["total"].append(parts["total"])\n            self.kept["kl"].append(parts["kl"])',
        "self.kept",
    ),
    "the loss alone": ('self.kept["total"].append(parts["total"] / 3)', "self.kept"),
    "all together": ("self.all.append(parts)", "self.all"),
    "as pairs": ('self.all += [(turn, parts["kl"])]', "self.all[-1]"),
}


def read(folder: Path, text: str, way: str) -> LintReport:
    keep, kept = WAYS[way]
    (folder / "fitting.py").write_text(text.replace("KEEP", keep).replace("KEPT", kept), encoding="utf-8")
    return lint([folder])


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("script", [False, True], ids=["alone", "run by a script"])
def test_what_a_trainer_keeps_is_no_loss_of_its_next_run(way: str, tmp_path: Path, *, script: bool) -> None:
    if script:
        (tmp_path / "run.py").write_text(SCRIPT, encoding="utf-8")
    report = read(tmp_path, TRAINED, way)
    assert report.findings == ()
    examined = report.vaes
    assert examined
    assert all({"VAE302", "VAE305", "VAE504"} <= set(each.clean) for each in examined)


@pytest.mark.parametrize("way", WAYS)
def test_a_kl_that_is_only_kept_is_named(way: str, tmp_path: Path) -> None:
    report = read(tmp_path, TRAINED.replace("total = error + kl", "total = error + kl.detach()"), way)
    assert [each.code for each in report.findings] == ["VAE305"]


def test_a_kl_that_a_trainer_collects_is_part_of_its_loss(tmp_path: Path) -> None:
    text = TRAINED.replace("loss.backward()", "self.all.append(loss)\n        (sum(self.all[-1:]) * 3).backward()")
    report = read(tmp_path, text, "the loss alone")
    assert report.findings == ()
    wrong = text.replace("m.pow(2) - s.exp()", "m.pow(2) + s.exp()")
    assert [each.code for each in read(tmp_path, wrong, "the loss alone").findings] == ["VAE301"]
