"""Posteriors over weights, drawn by what a layer makes of them: the KL must read the head as its variance does."""

from __future__ import annotations

from pathlib import Path

import pytest

from vae_checked.facts import Parametrisation
from vae_checked.linter import LintReport, lint

LAYERS = """\
import torch
import torch.nn as nn
import torch.nn.functional as F


class Drawn(nn.Module):
    def __init__(self, taken, made):
        super().__init__()
        self.mean, self.spread = nn.Parameter(torch.zeros(made, taken)), nn.Parameter(torch.zeros(made, taken))

    def kl(self):
        return {kl}


class DrawnLinear(Drawn):
    def forward(self, x):
        mean = F.linear(x, self.mean)
        variance = F.linear({squared}, {variance})
        return mean + {std} * torch.randn_like(mean)
"""
RIGHT = {
    "log variance": (
        "torch.sum(0.5 * (self.spread.exp() + self.mean ** 2 - 1 - self.spread))",
        "self.spread.exp()",
        "(0.5 * variance.log()).exp()",
    ),
    "log std": (
        "torch.sum(0.5 * ((2 * self.spread).exp() + self.mean ** 2 - 1) - self.spread)",
        "torch.exp(2 * self.spread)",
        "variance.sqrt()",
    ),
    "std": (
        "torch.sum(0.5 * (self.spread ** 2 + self.mean ** 2 - 1) - self.spread.log())",
        "self.spread.pow(2)",
        "(variance + 1e-8) ** 0.5",
    ),
}


def read(folder: Path, kl: str, variance: str, std: str, squared: str = "x.pow(2)") -> LintReport:
    path = folder / "layers.py"
    path.write_text(LAYERS.format(kl=kl, variance=variance, std=std, squared=squared), encoding="utf-8")
    return lint([path])


@pytest.mark.parametrize("written", RIGHT)
@pytest.mark.parametrize("drawn", RIGHT)
def test_the_variance_of_a_weight_is_read_as_its_kl_reads_it(written: str, drawn: str, tmp_path: Path) -> None:
    report = read(tmp_path, RIGHT[written][0], *RIGHT[drawn][1:])
    assert [finding.code for finding in report.findings] == ([] if written == drawn else ["VAE201"])
    known = {facts.sampler.std.value.parametrisation for facts in report.facts if facts.sampler.std and facts.kl.form}
    names = {"log variance": Parametrisation.LOGVAR, "log std": Parametrisation.LOG_STD, "std": Parametrisation.STD}
    assert known == {names[drawn]}


def test_a_finding_names_the_place_of_the_weights_variance(tmp_path: Path) -> None:
    (finding,) = read(tmp_path, RIGHT["log std"][0], *RIGHT["log variance"][1:]).findings
    assert finding.place is not None
    assert (finding.place.line, finding.related[0].place.line) == (18, 12)
    assert finding.message.startswith("the sampler uses sqrt(self.spread.exp()) as std")


def test_a_layer_of_what_is_not_squared_makes_no_variance(tmp_path: Path) -> None:
    report = read(tmp_path, RIGHT["log std"][0], *RIGHT["log variance"][1:], squared="x")
    assert report.findings == ()
