"""Pretrained models that are handed through a library which prepares them for training, several at once."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import codes, linted

from vae_checked.reports import all_examined

HEAD = """\
import torch
from accelerate import Accelerator
from diffusers import AutoencoderKL, UNet2DConditionModel
from lightning.fabric import Fabric
from torch.nn import functional as F

accelerator, fabric = Accelerator(), Fabric()
"""
SCRIPT = (
    HEAD
    + """
vae = AutoencoderKL.from_pretrained("{name}", subfolder="vae")
net = UNet2DConditionModel.from_pretrained("{name}", subfolder="unet")
vae.requires_grad_(False)
{prepared}
optimizer = torch.optim.AdamW(net.parameters())
for x, words in loader:
    z = vae.encode(x).latent_dist.sample() * {factor}
    noise = torch.randn_like(z)
    loss = F.mse_loss(net(z + noise, 3, words).sample, noise)
    loss.backward()
    optimizer.step()
"""
)
OBJECT = (
    HEAD
    + """

class Trainer:
    def __init__(self):
        self.vae = AutoencoderKL.from_pretrained("{name}", subfolder="vae")
        self.net = UNet2DConditionModel.from_pretrained("{name}", subfolder="unet")
        self.vae.requires_grad_(False)
        {prepared}

    def train(self, loader):
        optimizer = torch.optim.AdamW(self.net.parameters())
        for x, words in loader:
            z = self.vae.encode(x).latent_dist.sample() * {factor}
            noise = torch.randn_like(z)
            loss = F.mse_loss(self.net(z + noise, 3, words).sample, noise)
            loss.backward()
            optimizer.step()


Trainer().train(loader)
"""
)
PREPARED = {
    "two": "{vae}, {net} = accelerator.prepare({vae}, {net})",
    "the other way around": "{net}, {vae} = accelerator.prepare({net}, {vae})",
    "one": "{vae} = accelerator.prepare({vae})",
    "beside what is not read": "{net}, other, {vae} = accelerator.prepare({net}, handed, {vae})",
    "on a device": "{vae}, {net} = accelerator.prepare({vae}.to('cuda'), {net}.half())",
    "by another library": "{vae}, {net} = fabric.setup({vae}, {net})",
    "the model alone": "{vae} = accelerator.prepare_model({vae}, evaluation_mode=True)",
}
LATER, EARLIER = "stabilityai/stable-diffusion-xl-base-1.0", "stabilityai/stable-diffusion-2-1"


def _written(script: str, prepared: str, name: str) -> dict[str, str]:
    owner = "self." if script is OBJECT else ""
    given = PREPARED[prepared].format(vae=f"{owner}vae", net=f"{owner}net")
    return {"train.py": script.format(prepared=given, name=name, factor=0.18215)}


@pytest.mark.parametrize("script", [SCRIPT, OBJECT], ids=["script", "object"])
@pytest.mark.parametrize("prepared", PREPARED)
def test_a_prepared_vae_is_the_one_that_was_loaded(prepared: str, script: str, tmp_path: Path) -> None:
    assert codes(linted(tmp_path, _written(script, prepared, LATER))) == ["VAE703"]
    report = linted(tmp_path, _written(script, prepared, EARLIER))
    assert codes(report) == []
    assert any("VAE703" in each.clean for each in all_examined(report))
