"""Latents that are clamped behind encode, before a model is trained on them: that they are not clamped is not said."""

from __future__ import annotations

from pathlib import Path

import pytest

from vae_checked.linter import lint
from vae_checked.reports import all_examined

DIFFUSION = """\
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL, FlowMatchEulerDiscreteScheduler

vae = AutoencoderKL.from_pretrained("somebody/a-vae").requires_grad_(False)


def bounded(z):
    return torch.clamp(z, -1, 1)


class Diffusion:
    def __init__(self, net):
        self.net, self.schedule = net, FlowMatchEulerDiscreteScheduler()

    def train(self, x, t, asked):
        z = {encoded} * vae.config.scaling_factor
        {made}
        noise = torch.randn_like(z)
        F.mse_loss(self.net(z + t * noise, t), noise - z).backward()

    def draw(self, count):
        z = torch.randn(count, 4, 24, 32)
        for t in self.schedule.timesteps:
            z = self.schedule.step(self.net(z, t), t, z).prev_sample
        return vae.decode(z / vae.config.scaling_factor).sample
"""
ENCODED = "vae.encode(x).latent_dist.sample()"
CLAMPED = {
    "by a method": "z = z.clamp(-1, 1)",
    "by a function": "z = torch.clamp(z, min=-1.0, max=1.0)",
    "in place": "z.clamp_(-1, 1)",
    "in place by a function": "torch.clamp_(z, -1, 1)",
    "by its other name": "z = torch.clip(z, -1, 1)",
    "from below, then from above": "z = z.clamp(min=-1).clamp(max=1)",
    "by a function of the file": "z = bounded(z)",
    "on a condition": "z = z.clamp(-1, 1) if asked else z",
    "to less": "z = z.clamp(-0.5, 0.5)",
}
FREE = {
    "not at all": "pass",
    "far from what they are": "z = z.clamp(-20, 20)",
    "something else": "x = x.clamp(-1, 1)",
    "the noise": "noise = torch.randn_like(z).clamp(-1, 1)",
}


def verdict(folder: Path, made: str = "pass", encoded: str = ENCODED) -> str:
    (folder / "diffusion.py").write_text(DIFFUSION.format(made=made, encoded=encoded))
    report = lint([folder])
    found = {finding.code for finding in report.findings}
    assert found <= {"VAE707"}
    (own,) = (each for each in all_examined(report) if each.subject.endswith(":Diffusion"))
    if found:
        return "found"
    return "clean" if "VAE707" in own.clean else own.undecided["VAE707"].reason


@pytest.mark.parametrize("made", CLAMPED.values(), ids=CLAMPED)
def test_latents_that_are_clamped_before_a_training_are_open(made: str, tmp_path: Path) -> None:
    assert "behind encode" in verdict(tmp_path, made)


def test_latents_that_are_clamped_as_they_are_encoded_are_open(tmp_path: Path) -> None:
    assert "behind encode" in verdict(tmp_path, encoded=f"{ENCODED}.clamp(-1, 1)")


@pytest.mark.parametrize("made", FREE.values(), ids=FREE)
def test_latents_that_nothing_clamps_are_clean(made: str, tmp_path: Path) -> None:
    assert verdict(tmp_path, made) == "clean"


def test_a_clamp_before_decode_is_named_beside_one_behind_encode(tmp_path: Path) -> None:
    text = DIFFUSION.replace("vae.decode(z /", "vae.decode(z.clamp(-1, 1) /")
    (tmp_path / "diffusion.py").write_text(text.format(made=CLAMPED["by a method"], encoded=ENCODED))
    assert [finding.code for finding in lint([tmp_path]).findings] == ["VAE707"]
