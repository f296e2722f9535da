"""A VAE that a function makes from a configuration, whose latents are used as `encode` gives them, and clamps by it."""

from __future__ import annotations

from pathlib import Path

import pytest

from vae_checked.linter import lint

BUILDING = """\
import importlib


def build(entry):
    module, _, name = entry["target"].rpartition(".")
    return getattr(importlib.import_module(module), name)(**entry.get("params", {}))
"""
ENGINE = """\
import torch
from torch import nn
from building import build


class Engine(nn.Module):
    def __init__(self, entries, factor):
        super().__init__()
        self.net = build(entries["net"])
        self._freeze(entries["first_stage"])
        self.factor = factor

    def _freeze(self, entry):
        made = {made}
        made.requires_grad_(False)
        self.{attribute} = made

    def to_latents(self, x):
        return {encoded}

    def to_pictures(self, z):
        return self.{attribute}.decode({before})

    def training_step(self, batch, number):
        z = self.to_latents(batch["pictures"])
        noise = torch.randn_like(z)
        share = torch.rand(len(z))[:, None, None, None]
        wanted = self.net({noisy})
        return ((wanted - (noise - z)) ** 2).mean()
"""
FILLED = {
    "made": "build(entry).eval()",
    "attribute": "first_stage_model",
    "encoded": "self.first_stage_model.encode(x) * self.factor",
    "before": "z",
    "noisy": "(1 - share) * z + share * noise",
}


def codes(folder: Path, **changed: str) -> list[str]:
    folder.mkdir(exist_ok=True)
    (folder / "building.py").write_text(BUILDING, encoding="utf-8")
    (folder / "engine.py").write_text(ENGINE.format(**{**FILLED, **changed}), encoding="utf-8")
    return [finding.code for finding in lint([folder]).findings if finding.severity != "info"]


@pytest.mark.parametrize("made", ["build(entry)", "build(entry).eval()", "build(entry).to('cuda').eval()"])
def test_what_a_factory_makes_is_a_vae_by_its_later_name(made: str, tmp_path: Path) -> None:
    assert codes(tmp_path / "wrong", made=made) == ["VAE701"]
    assert codes(tmp_path / "right", made=made, before="z / self.factor") == []
    # One that gives a latent itself may scale it inside.
    given = "self.first_stage_model.encode(x)"
    assert codes(tmp_path / "inside", made=made, encoded=given, before="z / self.factor") == []


def test_what_no_name_calls_a_vae_is_none(tmp_path: Path) -> None:
    assert codes(tmp_path, attribute="tokens", encoded="self.tokens.encode(x) * self.factor") == []


PIPELINE = """\
import torch
from diffusers import AutoencoderKL, DDIMScheduler


class Sampler:
    def __init__(self, unet, confine=True):
        self.vae = AutoencoderKL.from_pretrained("somebody/a-vae")
        self.unet, self.scheduler, self.confine = unet, DDIMScheduler(clip_sample=False), confine

    def __call__(self, shape, wanted="pictures"):
        z = torch.randn(shape)
        for t in self.scheduler.timesteps:
            z = self.scheduler.step(self.unet(z, t), t, z).prev_sample
        {how}
        return z


def main(settings):
    return Sampler(**settings)((2, 4, 24, 40))
"""


IDIOM = """if not wanted == "latents":
            z = z.clamp(-1, 1)
            z = self.vae.decode(z / 0.18215)
        else:
            z = z.float()"""
CHOSEN = """if self.confine:
            z = self.vae.decode(z.clamp(-1, 1) / 0.18215)
        else:
            z = self.vae.decode(z / 0.18215)"""


@pytest.mark.parametrize(
    ("how", "found"),
    [
        ("if wanted != 'latents':\n            z = z.clamp(-1, 1)\n            z = self.vae.decode(z / 0.18215)", True),
        ("z = z.clamp(-1, 1)\n        if wanted != 'latents':\n            z = self.vae.decode(z / 0.18215)", True),
        ("if self.confine:\n            z = z.clamp(-1, 1)\n        z = self.vae.decode(z / 0.18215)", False),
        (IDIOM, True),
        (CHOSEN, False),
    ],
)
def test_a_clamp_in_the_branch_of_its_decode_is_no_choice(how: str, found: bool, tmp_path: Path) -> None:
    (tmp_path / "sampler.py").write_text(PIPELINE.format(how=how), encoding="utf-8")
    assert [finding.code for finding in lint([tmp_path]).findings] == ["VAE707"] * found


ESTIMATED = """\
import torch
from torch import nn
from building import build


class Base(nn.Module):
    def training_step(self, batch, number):
        z = self.given(batch)
        noise = torch.randn_like(z)
        share = torch.rand(len(z))[:, None, None, None]
        return ((self.net((1 - share) * z + share * noise) - noise + z) ** 2).mean()


class Latents(Base):
    def __init__(self, entries, scale_factor=1.0, *args):
        super().__init__(*args)
        self.net, self.vae = build(entries["net"]), build(entries["vae"])
        self.scale_factor = scale_factor

    def sampled(self, shape):
        z = torch.randn(shape)
        for t in range(40):
            z = z - self.net(z) / 40
        return self.pictures(z)

    def given(self, batch):
        return self.scaled(self.vae.encode(batch))

    def scaled(self, posterior):
        return posterior.sample() * self.scale_factor

    def pictures(self, z):
        {undone}
        return self.vae.decode(z)
"""


@pytest.mark.parametrize(
    ("undone", "found"),
    [
        ("z = 1.0 / self.scale_factor * z", False),
        ("z = z / self.scale_factor", False),
        ("undo = 1.0 / self.scale_factor\n        z = undo * z", False),
        ("z = z.contiguous()", True),
        ("z = self.scale_factor * z", True),
    ],
)
def test_a_factor_that_is_1_by_default_is_one_factor(undone: str, found: bool, tmp_path: Path) -> None:
    (tmp_path / "building.py").write_text(BUILDING, encoding="utf-8")
    (tmp_path / "latents.py").write_text(ESTIMATED.format(undone=undone), encoding="utf-8")
    assert [finding.code for finding in lint([tmp_path]).findings if finding.code == "VAE701"] == ["VAE701"] * found
