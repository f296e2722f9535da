"""A seed that is set before eps is drawn: the same noise at every step, or left open."""

from __future__ import annotations

from pathlib import Path
from textwrap import indent

import pytest

from vae_checked.catalogue import CATALOGUE
from vae_checked.linter import LintReport, lint

MODULE = """\
import os

import torch
import torch.nn as nn
import torch.nn.functional as F


class Net(nn.Module):
    def __init__(self, options):
        super().__init__()
        self.options = options
        self.seed = 5
        self.to_m = nn.Linear(91, 7)
        self.to_s = nn.Linear(91, 7)
        self.out = nn.Linear(7, 91)

    def latent(self, mu, logvar):
{latent}

    def forward(self, x):
        mu, logvar = self.to_m(x), self.to_s(x)
        return torch.sigmoid(self.out(self.latent(mu, logvar))), mu, logvar


def train(loader, options):
    model = Net(options)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for x, _ in loader:
        x_hat, mu, logvar = model(x)
        recon = F.binary_cross_entropy(x_hat, x, reduction="sum")
        loss = recon - 0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
STD = "std = torch.exp(0.5 * logvar)\n"
RIGHT = f"{STD}return mu + std * torch.randn_like(std)"
SAMPLED = "return mu + std * torch.randn(std.shape, generator=g)"


def module(latent: str = RIGHT) -> str:
    return MODULE.format(latent=indent(latent, " " * 8))


def read(folder: Path, text: str) -> LintReport:
    path = folder / "train.py"
    path.write_text(text, encoding="utf-8")
    return lint([path], select=[mistake.code for mistake in CATALOGUE])


def clean(report: LintReport) -> set[str]:
    return {code for judgement in report.judgements for code in judgement.clean}


# The same eps at every step, and the line that sets the seed.
SEEDED = {
    "a number": (f"torch.manual_seed(3)\n{RIGHT}", "torch.manual_seed(3)"),
    "a setting": (f"seed = int(os.environ['SEED'])\ntorch.manual_seed(seed)\n{RIGHT}", "torch.manual_seed(seed)"),
    "an attribute": (
        f"torch.random.manual_seed(self.options.seed)\n{RIGHT}",
        "torch.random.manual_seed(self.options.seed)",
    ),
    "in training": (
        f"if not self.training:\n    return mu\ntorch.manual_seed(7)\ntorch.cuda.manual_seed_all(7)\n{RIGHT}",
        "torch.manual_seed(7)",
    ),
    "a new generator": (f"{STD}g = torch.Generator().manual_seed(3)\n{SAMPLED}", "torch.Generator().manual_seed(3)"),
    "a generator in steps": (f"{STD}g = torch.Generator()\ng.manual_seed(3)\n{SAMPLED}", "g.manual_seed(3)"),
    "a generator in the call": (
        f"{STD}return mu + std * torch.randn(std.shape, generator=torch.Generator().manual_seed(3))",
        "torch.Generator().manual_seed(3)",
    ),
}


@pytest.mark.parametrize(("latent", "written"), SEEDED.values(), ids=SEEDED)
def test_a_seed_before_each_draw_makes_the_noise_a_constant(latent: str, written: str, tmp_path: Path) -> None:
    report = read(tmp_path, module(latent))
    assert [finding.code for finding in report.findings] == ["VAE207"]
    place = report.findings[0].place
    assert place is not None
    assert place.text[place.column - 1 :].startswith(written)
    assert "the same at every step" in report.findings[0].message
    assert "VAE202" not in clean(report)


LEFT_OPEN = {
    "a seed that is handed in": f"torch.manual_seed(self.seed_of(mu))\n{RIGHT}",
    "a seed that counts on": f"self.seed += 1\ntorch.manual_seed(self.seed)\n{RIGHT}",
    "a step that the trainer counts": f"torch.manual_seed(self.global_step)\n{RIGHT}",
    "a seed under a setting": f"if self.options.again:\n    torch.manual_seed(3)\n{RIGHT}",
    "a second seed, under a setting": (
        f"torch.manual_seed(3)\nif self.options.again:\n    torch.manual_seed(mu.shape[0])\n{RIGHT}"
    ),
    "a seed of a generator that the draw does not use": f"torch.Generator().manual_seed(3)\n{RIGHT}",
    "a state that is given back before the draw": (f"with torch.random.fork_rng():\n    torch.manual_seed(3)\n{RIGHT}"),
}


@pytest.mark.parametrize("latent", LEFT_OPEN.values(), ids=LEFT_OPEN)
def test_a_seed_that_may_vary_leaves_the_noise_open(latent: str, tmp_path: Path) -> None:
    report = read(tmp_path, module(latent))
    assert report.findings == ()
    assert "VAE202" not in clean(report)
    assert {"VAE202", "VAE207"} <= clean(read(tmp_path, module()))


def test_a_seed_before_the_loop_leaves_the_noise_as_it_is(tmp_path: Path) -> None:
    text = module().replace("    model =", "    torch.manual_seed(3)\n    model =")
    assert "VAE202" in clean(read(tmp_path, text))
