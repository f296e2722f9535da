"""A product of Gaussian experts: what confines the spread of one is named, whatever the other is."""

from __future__ import annotations

from pathlib import Path

import pytest

from vae_checked.facts import Parametrisation
from vae_checked.linter import LintReport, lint

MERGE = """\
import torch
import torch.nn as nn
import torch.nn.functional as F


class Merge(nn.Module):
    def __init__(self):
        super().__init__()
        self.to_m, self.to_s, self.back = nn.Linear(33, 7), nn.Linear(33, 7), nn.Linear(7, 33)

    def forward(self, h, m, s):
        mine, own = self.to_m(h), {own}
        {merged}
        return self.back(mean + std * torch.randn_like(std)), mean, std
"""
MERGED = {
    "log variance": (
        """\
p, q = 1 / torch.exp(s), 1 / torch.exp(own)
        mean = (m * p + mine * q) / (p + q)
        std = torch.exp(0.5 * torch.log(1 / (p + q) + 1e-8))""",
        "self.to_s(h)",
    ),
    "log std": (
        """\
p, q = torch.exp(-2 * s), torch.exp(-2 * own)
        mean = (m * p + mine * q) / (p + q)
        std = (p + q).rsqrt()""",
        "self.to_s(h)",
    ),
    "variance": (
        """\
joint = 1 / (1 / s + 1 / own)
        mean = joint * (m / s + mine / own)
        std = torch.sqrt(joint)""",
        "F.softplus(self.to_s(h))",
    ),
}


def read(folder: Path, merged: str, own: str) -> LintReport:
    path = folder / "merge.py"
    path.write_text(MERGE.format(merged=merged, own=own), encoding="utf-8")
    return lint([path])


@pytest.mark.parametrize("form", MERGED)
def test_a_confined_expert_is_named(form: str, tmp_path: Path) -> None:
    merged, own = MERGED[form]
    assert read(tmp_path, merged, own).findings == ()
    confined = "torch.sigmoid(self.to_s(h)) + 1" if form == "variance" else "F.softplus(self.to_s(h))"
    findings = read(tmp_path, merged, confined).findings
    assert [(finding.code, finding.place.line) for finding in findings if finding.place] == [("VAE204", 12)]
    assert read(tmp_path, merged, "self.to_s(h).clamp(-30, 20)" if form != "variance" else own).findings == ()


def test_variances_that_are_added_make_no_product(tmp_path: Path) -> None:
    added = "mean = m + mine\n        std = (s.exp() + own.exp()).sqrt()"
    report = read(tmp_path, added, "F.softplus(self.to_s(h))")
    read_as = {facts.sampler.std.value.parametrisation for facts in report.facts if facts.sampler.std}
    assert read_as == {Parametrisation.VAR}


def test_a_spread_whose_precision_no_float_holds_is_left_alone(tmp_path: Path) -> None:
    merged = MERGED["log std"][0] + " * 1e-200"
    report = read(tmp_path, merged, "self.to_s(h)")
    assert [str(remark) for remark in report.remarks if "please report" in str(remark)] == []


SCHEDULE = """\
import numpy as np
import torch
from torch import nn
from torch.distributions import Normal


class Chain(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.back = nn.Linear(size, size)

    def forward(self, x):
        kept = np.clip(np.cos(np.linspace(0, 1.5, 11)) ** 2 * 0.9 + 0.1, 0, 1)
        left, bars = torch.tensor(1 - kept), torch.tensor(np.cumprod(kept))
        for t in range(1, 11):
            z = Normal(x, torch.sqrt(left[t] * (1 - bars[t - 1]) / (1 - bars[t]))).rsample()
        return self.back(z)
"""


def test_a_schedule_of_diffusion_is_no_product_of_experts(tmp_path: Path) -> None:
    (tmp_path / "chain.py").write_text(SCHEDULE, encoding="utf-8")
    assert not lint([tmp_path / "chain.py"]).findings
