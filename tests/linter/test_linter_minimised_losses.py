"""Losses that an accelerator, an engine or a trainer is handed: what is read of them is that of `loss.backward()`."""

from __future__ import annotations

from pathlib import Path

import pytest

from vae_checked.linter import lint

TERM = """\
import deepspeed
import lightning
import torch
import torch.nn.functional as F
from accelerate import Accelerator
from diffusers import AutoencoderKL


def step(model, pictures, noisy, accelerator, args, weight):
    vae = AutoencoderKL.from_pretrained("somebody/a-vae", subfolder="vae")
    {made}
    z = model(noisy)
    with {switch}:
        decoded = vae.decode(z).sample
    loss = F.mse_loss(z, noisy) + 0.1 * F.l1_loss(decoded, pictures)
    {backward}
"""
HANDED = {
    "an accelerator": ("accelerator = Accelerator()", "accelerator.backward(loss)"),
    "one that is handed over": ("pass", "accelerator.backward(loss / 4)"),
    "an engine": ("engine, *_ = deepspeed.initialize(model=model)", "engine.backward(loss)"),
    "a fabric": ("fabric = lightning.Fabric()", "fabric.backward(loss)"),
    "by itself": ("pass", "loss.backward()"),
    "by itself, scaled": ("scaler = torch.amp.GradScaler()", "scaler.scale(loss).backward()"),
}


@pytest.mark.parametrize(("made", "backward"), HANDED.values(), ids=HANDED)
@pytest.mark.parametrize(("switch", "found"), [("torch.no_grad()", True), ("torch.enable_grad()", False)])
def test_a_term_of_a_loss_that_is_handed_over(
    switch: str, found: bool, made: str, backward: str, tmp_path: Path
) -> None:
    text = TERM.format(made=made, backward=backward, switch=switch)
    (tmp_path / "train.py").write_text(text, encoding="utf-8")
    assert [finding.code for finding in lint([tmp_path]).findings] == ["VAE705"] * found


@pytest.mark.parametrize("backward", ["print(loss)", "decoded.backward(weight)", "accelerator.log(loss)"])
def test_what_is_not_differentiated_is_no_loss(backward: str, tmp_path: Path) -> None:
    text = TERM.format(made="pass", backward=backward, switch="torch.no_grad()")
    (tmp_path / "train.py").write_text(text, encoding="utf-8")
    assert lint([tmp_path]).findings == ()


LIGHTNING = """\
import lightning
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL


class Lit(lightning.LightningModule):
    def __init__(self, model):
        super().__init__()
        self.model, self.vae = model, AutoencoderKL.from_pretrained("somebody/a-vae", subfolder="vae")
        self.automatic_optimization = False

    def training_step(self, batch, index):
        z = self.model(batch["noisy"])
        with {switch}:
            decoded = self.vae.decode(z).sample
        loss = F.mse_loss(z, batch["noisy"]) + 0.1 * F.l1_loss(decoded, batch["pictures"])
        self.manual_backward(loss)
"""


@pytest.mark.parametrize(("switch", "found"), [("torch.no_grad()", True), ("torch.enable_grad()", False)])
def test_a_term_of_a_loss_that_a_module_differentiates(switch: str, found: bool, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(LIGHTNING.format(switch=switch), encoding="utf-8")
    assert [finding.code for finding in lint([tmp_path]).findings] == ["VAE705"] * found


LOOP = """\
import torch
from accelerate import Accelerator
from diffusers import AutoencoderKL, UNet2DConditionModel


def main(loader, scheduler, name):
    accelerator = Accelerator()
    vae = AutoencoderKL.from_pretrained(name, subfolder="vae")
    unet = UNet2DConditionModel.from_pretrained(name, subfolder="unet")
    {frozen}
    unet, loader = accelerator.prepare(unet, loader)
    for x, t in loader:
        with {switch}:
            z = vae.encode(x).latent_dist.sample() * vae.config.scaling_factor
        noise = torch.randn_like(z)
        loss = (unet(scheduler.add_noise(z, noise, t), t).sample - noise).square().mean()
        accelerator.backward(loss)
"""


@pytest.mark.parametrize(
    ("frozen", "switch", "found"),
    [
        ("pass", "torch.enable_grad()", True),
        ("vae.requires_grad_(False)", "torch.enable_grad()", False),
        ("pass", "torch.no_grad()", False),
        ("vae = accelerator.prepare(vae.requires_grad_(False))", "torch.enable_grad()", False),
    ],
)
def test_a_vae_that_an_accelerator_trains_beside(frozen: str, switch: str, found: bool, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(LOOP.format(frozen=frozen, switch=switch), encoding="utf-8")
    assert [finding.code for finding in lint([tmp_path]).findings] == ["VAE706"] * found
