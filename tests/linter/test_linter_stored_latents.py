"""Latents that were stored, trained on and decoded in one file: what was done before they were stored is not known."""

from __future__ import annotations

from pathlib import Path

import pytest

from vae_checked.linter import lint

FITTED = """\
import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL
from networks import Net
{also}


class Stored(torch.utils.data.Dataset):
    def __init__(self, files):
        self.files = files

    def __len__(self):
        return len(self.files)

    def __getitem__(self, number):
        return torch.from_numpy(np.load(self.files[number]))


def fit(files, scheduler):
    vae = {made}
    stats = torch.load("stats.pt")
    mean, std = stats["mean"], stats["std"]
    net = Net()
    for z in torch.utils.data.DataLoader(Stored(files), batch_size=6):
        {drawn}
        z = {applied}
        noise, t = torch.randn_like(z), torch.randint(0, 1000, (len(z),))
        F.mse_loss(net(scheduler.add_noise(z, noise, t), t), noise).backward()
    z = torch.randn(5, 4, 24, 32)
    for t in scheduler.timesteps:
        z = scheduler.step(net(z, t), t, z).prev_sample
    return vae.decode({before}).sample
"""
LOADED = 'AutoencoderKL.from_pretrained("somebody/a-vae")'


def codes(folder: Path, applied: str, before: str, **changed: str) -> list[str]:
    filled = {"made": LOADED, "drawn": "pass", "also": "", **changed}
    (folder / "fit.py").write_text(FITTED.format(applied=applied, before=before, **filled), encoding="utf-8")
    return [finding.code for finding in lint([folder]).findings if finding.severity != "info"]


@pytest.mark.parametrize(
    ("applied", "before", "found"),
    [
        ("z * 0.18215", "z / 0.18215", []),
        ("z * 0.18215", "z", ["VAE701"]),
        ("z * vae.config.scaling_factor", "z", ["VAE701"]),
        ("z * vae.config.scaling_factor", "z / vae.config.scaling_factor", []),
        ("(z - mean) / std", "z * std + mean", []),
        ("(z - mean) / std", "z", ["VAE701"]),
        ("(z - mean) / std", "(z - mean) / std", ["VAE701"]),
        ("(z - mean) / std", "z * std", ["VAE702"]),
        # What was stored may be on the scale of the training, and brought back to that of the VAE.
        ("z", "z / 0.18215", []),
        ("z / 0.18215", "z", []),
        ("z", "z * std + mean", []),
        ("(z - mean) / std", "(z * std + mean) / vae.config.scaling_factor", []),
    ],
)
def test_samples_of_what_was_stored_come_back(applied: str, before: str, found: list[str], tmp_path: Path) -> None:
    assert codes(tmp_path, applied, before) == found


@pytest.mark.parametrize(("before", "found"), [("z / 0.18215", []), ("z", ["VAE701"])])
def test_moments_that_were_stored_are_drawn_by_hand(before: str, found: list[str], tmp_path: Path) -> None:
    drawn = "mu, sigma = torch.chunk(z, 2, dim=1); z = mu + sigma * torch.randn_like(mu)"
    assert codes(tmp_path, "z * 0.18215", before, drawn=drawn) == found


def test_a_class_of_the_project_may_scale_inside(tmp_path: Path) -> None:
    also = "from wrapping import Wrapped"
    assert codes(tmp_path, "z * 0.18215", "z", made="Wrapped()", also=also) == []
    assert (
        codes(tmp_path, "z * 0.18215", "z", made="AutoencoderWrapper()", also=also.replace("W", "AutoencoderW")) == []
    )


STORING = """\
import os

import torch
from diffusers import AutoencoderKL


def store(batches, place):
    vae = AutoencoderKL.from_pretrained({loaded}, subfolder="vae")
    kept = []
    for pictures in batches:
        with torch.no_grad():
            kept.append({applied})
    torch.save({{"latents": torch.cat(kept, dim=0)}}, os.path.join(place, "latents.pt"))
"""
TRAINING = """\
import torch
import torch.nn.functional as F
from diffusers import {kind}


def fit(place, batches):
    net = {kind}.from_pretrained(place, subfolder="transformer")
    for z in batches:
        noise, t = torch.randn_like(z), torch.rand(len(z))[:, None, None, None]
        F.mse_loss(net((1 - t) * z + t * noise, t).sample, noise - z).backward()
"""
RAW = "vae.encode(pictures).latent_dist.sample()"
SD3 = 'os.path.join(place, "stabilityai_stable-diffusion-3.5-large")'


@pytest.mark.parametrize(
    ("loaded", "applied", "kind", "found"),
    [
        (SD3, f"{RAW} * vae.config.scaling_factor", "SD3Transformer2DModel", ["VAE702"]),
        (SD3, f"({RAW} - vae.config.shift_factor) * vae.config.scaling_factor", "SD3Transformer2DModel", []),
        (SD3, RAW, "SD3Transformer2DModel", []),
        # A model of one's own may be trained on what is not shifted.
        (SD3, f"{RAW} * vae.config.scaling_factor", "UNet2DModel", []),
        ("place", f"{RAW} * vae.config.scaling_factor", "SD3Transformer2DModel", []),
        ('"stabilityai/sd-vae-ft-mse"', f"{RAW} * vae.config.scaling_factor", "SD3Transformer2DModel", []),
    ],
)
def test_what_is_stored_for_a_trained_model_is_shifted(
    loaded: str, applied: str, kind: str, found: list[str], tmp_path: Path
) -> None:
    (tmp_path / "store.py").write_text(STORING.format(loaded=loaded, applied=applied), encoding="utf-8")
    (tmp_path / "fit.py").write_text(TRAINING.format(kind=kind), encoding="utf-8")
    assert [finding.code for finding in lint([tmp_path]).findings if finding.severity != "info"] == found
