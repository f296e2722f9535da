"""Branches that a default leaves out, and in which a VAE encodes or decodes: they are read as well."""

from __future__ import annotations

from pathlib import Path

import pytest

from vae_checked.linter import lint

WRAPPER = """\
import torch
from diffusers import AutoencoderKL


class Wrapper(torch.nn.Module):
    def __init__(self, rows=None):
        super().__init__()
        self.vae = AutoencoderKL.from_pretrained("stabilityai/sdxl-vae")
        self.rows = rows

    def encode(self, x):
        if self.rows is None:
            return self.vae.encode(x).latent_dist.sample() * {whole}
        parts = []
        for i in range(0, len(x), self.rows):
            parts.append(self.vae.encode(x[i : i + self.rows]).latent_dist.sample() * {part})
        return torch.cat(parts)

    def decode(self, z, steps=False):
        picture = self.vae.decode(z / {whole}).sample
        if steps:
            return picture, self.vae.decode(z.flip(0) / {part}).sample
        return picture
"""


def codes(folder: Path, text: str) -> list[tuple[str, int]]:
    path = folder / "wrapper.py"
    path.write_text(text, encoding="utf-8")
    return [(each.code, each.place.line) for each in lint([path]).findings if each.place is not None]


@pytest.mark.parametrize(
    ("whole", "part", "lines"),
    [
        ("0.13025", "0.13025", []),
        ("0.18215", "0.18215", [13, 16, 20, 22]),
        ("0.13025", "0.18215", [16, 22]),
        ("0.18215", "0.13025", [13, 20]),
    ],
)
def test_both_ways_are_held_against_the_vae(whole: str, part: str, lines: list[int], tmp_path: Path) -> None:
    assert codes(tmp_path, WRAPPER.format(whole=whole, part=part)) == [("VAE703", line) for line in lines]


PICTURE = """\
import torch


def sample(autoencoder, z, scale_factor, save=False):
    picture = autoencoder.decode_stage_2_outputs(z / scale_factor)
    if save:
        return picture, [autoencoder.decode_stage_2_outputs(each){scaled} for each in z.split(2)]
    return picture
"""


@pytest.mark.parametrize(("scaled", "found"), [(" * scale_factor", [("VAE701", 7)]), ("", [])])
def test_a_picture_that_is_scaled_where_a_default_does_not_ask_for_it(
    scaled: str, found: list[tuple[str, int]], tmp_path: Path
) -> None:
    assert codes(tmp_path, PICTURE.format(scaled=scaled)) == found


def test_what_is_written_as_off_is_not_run(tmp_path: Path) -> None:
    text = WRAPPER.format(whole="0.13025", part="0.18215")
    assert "if steps:" in text
    assert codes(tmp_path, text.replace("if steps:", "if False:")) == [("VAE703", 16)]


def test_maps_that_a_setting_turns_on_at_both_ends_undo_each_other(tmp_path: Path) -> None:
    text = """\
import torch


def trip(vae, scheduler, model, x, t, scaled=False):
    z = vae.encode(x).latent_dist.sample()
    if scaled:
        z = vae.encode(x).latent_dist.sample() * vae.config.scaling_factor
    z = scheduler.step(model(scheduler.add_noise(z, torch.randn_like(z), t), t), t, z).prev_sample
    if scaled:
        return vae.decode(z / vae.config.scaling_factor).sample
    return vae.decode(z).sample
"""
    assert codes(tmp_path, text) == []
