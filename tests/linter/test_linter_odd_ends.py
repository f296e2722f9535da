"""Of two ends of the latents' way that disagree the one is named that has not the factor of the VAE."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vae_checked.finding import Finding
from vae_checked.linter import lint

TEXT = """\
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL, DDPMScheduler, UNet2DModel

vae = AutoencoderKL.from_pretrained("{name}").requires_grad_(False)
net = UNet2DModel(in_channels=4)
schedule = DDPMScheduler(1000, clip_sample=False)


def train(loader):
    for x, _ in loader:
        z = vae.encode(x).latent_dist.sample(){behind}
        noise, t = torch.randn_like(z), torch.randint(0, 1000, (len(x),))
        F.mse_loss(net(schedule.add_noise(z, noise, t), t).sample, noise).backward()


def draw():
    z = torch.randn(5, 4, 24, 32)
    for t in schedule.timesteps:
        z = schedule.step(net(z, t).sample, t, z).prev_sample
    return vae.decode(z{before}).sample
"""
_KNOWN, _UNKNOWN = "stabilityai/sd-vae-ft-mse", "somebody/a-vae"
_SCALE = "vae.config.scaling_factor"
# What is done at both ends, and the end that is named, with what is right there.
ENDS = {
    "digits swapped behind encode": (_KNOWN, " * 0.18125", " / 0.18215", "behind encode: z * 0.18215"),
    "digits swapped before decode": (_KNOWN, " * 0.18215", " / 0.18125", "before decode: z * 5.48998"),
    "of a VAE that is not known": (_UNKNOWN, " * 0.18125", " / 0.18215", "behind encode: z * 0.18215"),
    "divided behind encode": (_KNOWN, " / 0.18215", " / 0.18215", "behind encode: z * 0.18215"),
    "multiplied before decode": (_KNOWN, " * 0.18215", " * 0.18215", "before decode: z * 5.48998"),
    "of another VAE behind encode": (_KNOWN, " * 0.13025", " / 0.18215", "behind encode: z * 0.18215"),
    "of another VAE before decode": (_KNOWN, " * 0.18215", " / 0.13025", "before decode: z * 5.48998"),
    "forgotten before decode": (_KNOWN, " * 0.18215", "", "before decode: z * 5.48998"),
    "divided by the configuration": (_KNOWN, f" / {_SCALE}", f" / {_SCALE}", "behind encode: z * scaling_factor"),
    "twice by the configuration": (
        _KNOWN,
        f" * {_SCALE} * {_SCALE}",
        f" / {_SCALE}",
        "behind encode: z * scaling_factor",
    ),
    "neither": (_KNOWN, " * 0.2", " / 0.3", "before decode: z * 5"),
}


def _named(folder: Path) -> Finding:
    (found,) = [finding for finding in lint([folder]).findings if finding.code == "VAE701"]
    return found


@pytest.mark.parametrize(("name", "behind", "before", "remedy"), ENDS.values(), ids=ENDS)
def test_the_odd_end_is_named(name: str, behind: str, before: str, remedy: str, tmp_path: Path) -> None:
    text = TEXT.format(name=name, behind=behind, before=before)
    (tmp_path / "net.py").write_text(text, encoding="utf-8")
    found = _named(tmp_path)
    assert found.fix == remedy
    odd, other = ("encode(", "decode(") if remedy.startswith("behind") else ("decode(", "encode(")
    lines = text.splitlines()
    assert found.place is not None
    assert odd in lines[found.place.line - 1]
    assert [other in lines[each.place.line - 1] for each in found.related] == [True]


def test_the_odd_end_of_a_notebook_is_named_by_its_cell(tmp_path: Path) -> None:
    cells = TEXT.format(name=_KNOWN, behind=" * 0.18125", before=" / 0.18215").split("\n\n\n")
    written = [{"cell_type": "code", "source": cell, "outputs": [], "metadata": {}} for cell in cells]
    (tmp_path / "net.ipynb").write_text(json.dumps({"cells": written, "metadata": {}, "nbformat": 4}), encoding="utf-8")
    found = _named(tmp_path)
    assert found.place is not None
    assert found.place.cell == 1
    assert "behind encode: z * 0.18215" in str(found.fix)


@pytest.mark.parametrize("before", [" / 0.18215", " / vae.config.scaling_factor"])
def test_ends_that_undo_each_other_are_not_named(before: str, tmp_path: Path) -> None:
    behind = before.replace("/", "*")
    (tmp_path / "net.py").write_text(TEXT.format(name=_KNOWN, behind=behind, before=before), encoding="utf-8")
    assert lint([tmp_path]).findings == ()
