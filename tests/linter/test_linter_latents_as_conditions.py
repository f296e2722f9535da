"""Latents of pictures that a model is given beside the noise: on one scale as it is trained and as it draws."""

from __future__ import annotations

from pathlib import Path

import pytest

from vae_checked.linter import LintReport, lint
from vae_checked.reports import all_examined

HEAD = """\
import torch
import torch.nn as nn
import torch.nn.functional as F
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
"""
OWN = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.above, self.beside = nn.Conv2d(4, 24, 3, padding=1), nn.Conv2d(4, 24, 3, padding=1)
        self.last = nn.Conv2d(24, 4, 3, padding=1)

    def forward(self, noisy, t, hint):
        return self.last(F.silu(self.above(noisy) + self.beside(hint)))
"""
FIT = """
def fit(batches, t, mask, prepared):
    vae = AutoencoderKL.from_pretrained("somebody/a-vae")
    net, schedule = {made}, DDIMScheduler(1000, clip_sample=False)
    optimizer = torch.optim.AdamW(net.parameters())
    for x, y in batches:
        with torch.no_grad():
            z = vae.encode(x).latent_dist.sample() * vae.config.scaling_factor
            hint = {hint}
        noise = torch.randn_like(z)
        noisy = schedule.add_noise(z, noise, t)
        loss = F.mse_loss({run}, noise)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
DRAW = """
@torch.no_grad()
def draw(y, mask, prepared):
    vae = AutoencoderKL.from_pretrained("somebody/a-vae")
    net, schedule = {made}, DDIMScheduler(1000, clip_sample=False)
    noisy = torch.randn(5, 4, 24, 32)
    hint = {hint}
    for t in schedule.timesteps:
        noisy = schedule.step({run}, t, noisy).prev_sample
    return vae.decode(noisy / vae.config.scaling_factor).sample
"""
PLAIN = "vae.encode(y).latent_dist.mode()"
SCALED = f"{PLAIN} * vae.config.scaling_factor"
LOADED = 'UNet2DConditionModel.from_pretrained("somebody/a-net")'
MODELS = {
    "in one tensor": (LOADED, "net(torch.cat([noisy, hint], dim=1), t).sample"),
    "as an argument": (LOADED, "net(noisy, t, hint).sample"),
    "by a name": (LOADED, "net(noisy, t, hint=hint).sample"),
    "in a dict": (LOADED, 'net(noisy, t, added_cond_kwargs={"image": hint}).sample'),
    "behind a part of the model": (LOADED, "net(noisy, t, net.beside(hint)).sample"),
    "of the project": ("Net()", "net(noisy, t, hint)"),
}


def clean(folder: Path, trained: str, drawn: str, model: tuple[str, str], apart: bool = False) -> set[str]:
    made, run = model
    fit = FIT.format(made=made, hint=trained, run=run)
    draw = DRAW.format(made=made, hint=drawn, run=run)
    texts = {"net.py": HEAD + OWN} if apart else {}
    head = HEAD + "from net import Net\n" if apart else HEAD + OWN
    texts |= {"fit.py": head + fit, "draw.py": head + draw} if apart else {"fit.py": head + fit + draw}
    folder.mkdir(exist_ok=True)
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    report = lint([folder])
    assert not found(report)
    return {code for each in all_examined(report) for code in each.clean} & {"VAE701", "VAE702"}


def found(report: LintReport) -> list[str]:
    return [each.code for each in report.findings if each.code.startswith("VAE7")]


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
@pytest.mark.parametrize("apart", [False, True])
def test_a_condition_on_another_scale_than_in_the_training_is_open(
    model: tuple[str, str], apart: bool, tmp_path: Path
) -> None:
    for number, both in enumerate(((SCALED, PLAIN), (PLAIN, SCALED))):
        assert clean(tmp_path / str(number), *both, model, apart) == set()


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
@pytest.mark.parametrize("hint", [PLAIN, SCALED])
@pytest.mark.parametrize("apart", [False, True])
def test_a_condition_on_one_scale_is_clean(model: tuple[str, str], hint: str, apart: bool, tmp_path: Path) -> None:
    assert clean(tmp_path, hint, hint, model, apart) == {"VAE701", "VAE702"}


@pytest.mark.parametrize(
    ("trained", "drawn"),
    [
        # A condition that is left out at times has the scale that it has.
        (f"mask * {PLAIN}", PLAIN),
        (f"{SCALED} * torch.rand(5, 1, 1, 1).round()", SCALED),
        # What another function does is not known.
        (f"prepared({PLAIN})", SCALED),
        (SCALED, f"prepared({PLAIN})"),
        # One of two.
        (f"{SCALED} if t else {PLAIN}", PLAIN),
        # A number may be that of the configuration.
        (SCALED, f"{PLAIN} * 0.18215"),
    ],
)
def test_what_may_be_the_same_scale_is_not_told_apart(trained: str, drawn: str, tmp_path: Path) -> None:
    assert clean(tmp_path, trained, drawn, MODELS["in one tensor"]) == {"VAE701", "VAE702"}
