"""A VAE whose parts are called one by one: `quant_conv(encoder(x))` encodes, `decoder(post_quant_conv(z))` decodes."""

from __future__ import annotations

from pathlib import Path

import pytest

from vae_checked.linter import lint

PIPELINE = """\
import torch
from diffusers import DiffusionPipeline


class Pipeline(DiffusionPipeline):
    factor = 0.18215

    def __init__(self, net, vae, scheduler):
        super().__init__()
        self.register_modules(net=net, vae=vae, scheduler=scheduler)

    def draw(self, photo):
        seen = self.to_latent(photo)
        z = torch.randn_like(seen)
        for t in self.scheduler.timesteps:
            z = self.scheduler.step(self.net(torch.cat([seen, z], dim=1), t).sample, t, z).prev_sample
        return self.to_depth({sampled})

    def to_latent(self, photo):
        features = self.vae.encoder(photo)
        mean, logvar = torch.chunk(self.vae.quant_conv(features), 2, dim=1)
        return {latent}

    def to_depth(self, z):
        features = self.vae.post_quant_conv({before})
        return self.vae.decoder(features).mean(dim=1, keepdim=True)
"""
RIGHT = {"latent": "mean * self.factor", "before": "z / self.factor", "sampled": "z"}


def found(folder: Path, text: str) -> list[tuple[str, str]]:
    folder.mkdir(exist_ok=True)
    (folder / "pipeline.py").write_text(text, encoding="utf-8")
    findings = [each for each in lint([folder]).findings if each.severity != "info"]
    return [(each.code, each.place.text.strip()) for each in findings if each.place is not None]


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({}, None),
        ({"before": "z"}, "VAE701"),
        ({"before": "z * self.factor"}, "VAE701"),
        ({"latent": "mean"}, None),
        ({"latent": "(mean - 0.06) * self.factor"}, "VAE702"),
        ({"sampled": "z.clamp(-1, 1)"}, "VAE707"),
    ],
)
def test_parts_called_by_hand_are_the_ends(changed: dict[str, str], code: str | None, tmp_path: Path) -> None:
    codes = [each for each, _ in found(tmp_path, PIPELINE.format(**{**RIGHT, **changed}))]
    assert codes == ([] if code is None else [code])


FITTED = """\
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL
from PIL import Image
from torchvision.transforms import functional as TF


def fit(net, scheduler, paths):
    vae = AutoencoderKL.from_pretrained("stabilityai/sd-vae-ft-mse")
    vae.requires_grad_(False)
    for path in paths:
        picture = TF.to_tensor(Image.open(path))[None]
        moments = vae.quant_conv(vae.encoder({given}))
        z = moments.chunk(2, dim=1)[0] * {factor}
        noise, t = torch.randn_like(z), torch.randint(0, 1000, (1,))
        F.mse_loss(net(scheduler.add_noise(z, noise, t), t), noise).backward()
"""


@pytest.mark.parametrize(
    ("given", "factor", "code"),
    [
        ("picture * 2 - 1", "0.18215", None),
        ("picture", "0.18215", "VAE704"),
        ("picture * 2 - 1", "0.13025", "VAE703"),
    ],
)
def test_parts_tell_pixels_and_factors(given: str, factor: str, code: str | None, tmp_path: Path) -> None:
    codes = [each for each, _ in found(tmp_path, FITTED.format(given=given, factor=factor))]
    assert codes == ([] if code is None else [code])


TWO_MODELS = """\
import torch
from diffusers import AutoencoderKL


def across(other):
    vae = AutoencoderKL.from_pretrained("stabilityai/sd-vae-ft-mse")
    mean, _ = vae.quant_conv(other.encoder(torch.rand(2, 3, 16, 24))).chunk(2, dim=1)
    return vae.decoder(other.post_quant_conv(mean * 0.18215))
"""


def test_parts_of_two_models_are_no_vae(tmp_path: Path) -> None:
    assert found(tmp_path, TWO_MODELS) == []
