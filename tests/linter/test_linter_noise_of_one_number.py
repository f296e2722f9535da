"""One number that is drawn for all latents is shared by them; for one latent it may be all that there should be."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import codes, joined

from vae_checked.facts import Axis
from vae_checked.linter import LintReport, lint

MODEL = """\
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.distributions import Independent, Normal


class Small(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.trunk = nn.Linear(41, 23)
        self.both = nn.Linear(23, 14)
        self.to_m, self.to_s = nn.Linear(23, LATENTS), nn.Linear(23, LATENTS)
        self.back = nn.Linear(LATENTS, 41)
        self.unit = Normal(0.0, 1.0)

    def forward(self, x):
        h = self.trunk(x)
        m, s = HEADS
        z = m + torch.exp(0.5 * s) * EPS
        out = self.back(z)
        kl = -0.5 * torch.sum(1 + s - m.pow(2) - s.exp(), dim=1).sum()
        return F.mse_loss(out, x, reduction="sum") + kl
"""
HEADS = "self.to_m(h), self.to_s(h)"
OF_ONE = [
    "self.unit.sample()",
    "self.unit.rsample()",
    "Normal(torch.tensor(0.0), 1.0).sample()",
    "Independent(Normal(0.0, 1.0), 0).sample()",
    "torch.randn(1)",
    "torch.randn(1, device=x.device).expand_as(s)",
    "torch.normal(0.0, 1.0, size=(1,))",
    "torch.empty(1).normal_()",
]
OF_MORE = [
    "self.unit.sample(s.shape)",
    "self.unit.expand(s.shape).sample()",
    "Independent(self.unit.expand([7]), 1).sample(x.shape[:1])",
    "Normal(torch.zeros(7), 1.0).sample(x.shape[:1])",
    "self.unit.sample([len(x), 7])",
    "torch.randn(x.size(0), 7)",
]
OF_ALL_SAMPLES = [
    "Normal(torch.zeros(7), 1.0).sample()",
    "Independent(Normal(torch.zeros(7), torch.ones(7)), 1).rsample()",
    "torch.randn(7)",
    "torch.randn(1, 7)",
]


def read(
    folder: Path, eps: str, latents: str = "7", heads: str = HEADS, given: str = "x", axes: str = ", dim=1"
) -> LintReport:
    text = MODEL.replace("EPS", eps).replace("LATENTS", latents).replace("HEADS", heads)
    text = text.replace("self.trunk(x)", f"self.trunk({given})").replace(", dim=1)", f"{axes})")
    (folder / "small.py").write_text(text, encoding="utf-8")
    report = lint([folder])
    assert joined(report), "the draw, its KL and its error were not seen"
    return report


@pytest.mark.parametrize("eps", OF_ONE)
def test_one_number_for_all_latents_is_named(eps: str, tmp_path: Path) -> None:
    assert codes(read(tmp_path, eps)) == ["VAE203"]
    assert codes(read(tmp_path, eps, latents="width")) == ["VAE203"]
    assert codes(read(tmp_path, eps, heads="self.both(h).chunk(2, dim=1)")) == ["VAE203"]


SINGLE = {
    "of an entry": ("7", "self.both(h)[:, 0], self.both(h)[:, 1]", "x", ", dim=1"),
    "of one sample": ("1", HEADS, "x.view(1, -1)", ", dim=1"),
    "of one sample, by its axis": ("1", HEADS, "x.unsqueeze(0)", ", dim=1"),
    "of no more axes than are seen": ("1", HEADS, "x", ""),
}


@pytest.mark.parametrize("eps", OF_ONE)
@pytest.mark.parametrize(("latents", "heads", "given", "axes"), SINGLE.values(), ids=SINGLE)
def test_one_number_for_one_latent_is_left_open(
    eps: str, latents: str, heads: str, given: str, axes: str, tmp_path: Path
) -> None:
    """Right for a single sample, shared by those of a batch."""
    report = read(tmp_path, eps, latents, heads, given, axes)
    assert codes(report) == []
    assert not any("VAE203" in vae.clean for vae in report.vaes)


@pytest.mark.parametrize("eps", OF_ONE)
def test_one_number_for_the_one_latent_of_a_batch_is_named(eps: str, tmp_path: Path) -> None:
    """That the KL is summed over its second axis says that there are rows."""
    report = read(tmp_path, eps, latents="1")
    assert codes(report) == ["VAE203"]
    assert all(facts.sampler.shared_over.value == {Axis.BATCH} for facts in joined(report) if facts.sampler.shared_over)


@pytest.mark.parametrize("eps", ["torch.randn(len(x), 1)", "torch.randn(x.size(0), 1)", "torch.randn_like(m)"])
def test_a_number_for_each_sample_is_all_that_one_latent_needs(eps: str, tmp_path: Path) -> None:
    report = read(tmp_path, eps, latents="1")
    assert codes(report) == []
    assert any("VAE203" in vae.clean for vae in report.vaes)


@pytest.mark.parametrize("eps", ["torch.randn(len(x), 1)", "torch.randn(x.size(0), 1)"])
def test_a_number_for_each_sample_is_shared_by_several_latents(eps: str, tmp_path: Path) -> None:
    assert codes(read(tmp_path, eps)) == ["VAE203"]


@pytest.mark.parametrize("eps", OF_MORE)
def test_noise_of_the_sizes_of_the_heads_is_silent(eps: str, tmp_path: Path) -> None:
    assert codes(read(tmp_path, eps)) == []


@pytest.mark.parametrize("eps", OF_ALL_SAMPLES)
def test_a_number_for_each_latent_of_all_samples_is_named(eps: str, tmp_path: Path) -> None:
    assert codes(read(tmp_path, eps)) == ["VAE203"]
