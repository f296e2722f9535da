"""What trainers do with latents: behind models that take all steps, and with one of two schedules."""

from __future__ import annotations

from pathlib import Path

import pytest

from vae_checked.linter import lint

VAE = """\
import torch
import torch.nn.functional as F
from torch import nn


class PictureVAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Conv2d(3, 8, 3, padding=1)
        self.decoder = nn.Conv2d(4, 3, 3, padding=1)

    def encode(self, x):
        mu, logvar = self.encoder(x).chunk(2, dim=1)
        return mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)

    def decode(self, z):
        return self.decoder(z)
"""
DEEP = """

class Denoiser(nn.Module):
    def __init__(self, width=64):
        super().__init__()
        self.first = nn.Linear(width, width)
        self.second = nn.Linear(width, width)

    def forward(self, z, t):
{layers}
        return h


class Trainer:
    def __init__(self, vae: PictureVAE):
        self.vae = vae
        self.model = Denoiser()

    def loss(self, x, t):
        z = self.vae.encode(x)
{calls}
        return F.mse_loss(self.model(z, t), x)

    def pictures(self, count):
        z = torch.randn(count, 4, 32, 32)
        for i in range(20):
            z = z - self.model(z, torch.full((1,), i / 20)) / 20
        return self.vae.decode({z})
"""
# More than one evaluation has the steps for.
LAYERS = "\n".join(["        h = self.second(F.silu(self.first(z)))"] * 120)
CALLS = "\n".join(["        self.model(z, t)"] * 120)


def places(folder: Path, text: str, **beside: str) -> list[tuple[str, int]]:
    folder.mkdir(exist_ok=True)
    (folder / "trainer.py").write_text(text, encoding="utf-8")
    for name, content in beside.items():
        (folder / f"{name}.py").write_text(content, encoding="utf-8")
    found = [finding for finding in lint([folder], select=["VAE7"]).findings if finding.place is not None]
    return [(finding.code, finding.place.line) for finding in found if finding.place is not None]


@pytest.mark.parametrize(("z", "codes"), [("z.clamp(-1, 1)", ["VAE707"]), ("z", [])])
def test_a_trainer_is_read_behind_a_model_that_takes_all_steps(z: str, codes: list[str], tmp_path: Path) -> None:
    assert [code for code, _ in places(tmp_path, VAE + DEEP.format(z=z, calls=CALLS, layers=LAYERS))] == codes


SCHEDULES = """

class Steps:
    def __init__(self, count):
        self.count = count

    def noised(self, z, t):
        variance = torch.exp(-t * self.count)
        return variance.sqrt() * z + (1 - variance).sqrt() * torch.randn_like(z)


class Straight:
    @torch.no_grad()
    def solve(self, model, shape):
        z = torch.randn(shape)
        for i in range(20):
            z = z - model(z, i / 20) / 20
        return {end}


class Trainer:
    def __init__(self, vae: PictureVAE, model, settings):
        self.vae, self.model = vae, model
        if settings.get("straight", True):
            self.schedule = Straight()
            self.is_straight = True
        else:
            self.schedule = Steps(settings["count"])
            self.is_straight = False

    def pictures(self, count):
        if self.is_straight:
            z = self.schedule.solve(self.model, (count, 4, 32, 32))
        else:
            z = self.model(self.schedule.noised(torch.randn(count, 4, 32, 32), 1.0), 0)
        return self.vae.decode(z)
"""


@pytest.mark.parametrize(("end", "codes"), [("z.clamp(-1, 1)", ["VAE707"]), ("z", [])])
def test_a_method_is_that_of_the_object_that_has_it(end: str, codes: list[str], tmp_path: Path) -> None:
    assert [code for code, _ in places(tmp_path, VAE + SCHEDULES.format(end=end))] == codes


SCHEDULE = """\
class Schedule:
    def __init__(self, count=1000, clips=True, until=1.0):
        self.count, self.clips, self.until = count, clips, until

    def step(self, noise, level, z):
        clean = (z - level * noise) / (1 - level)
        if self.clips:
            clean = clean.clamp(-self.until, self.until)
        return clean * 0.9 + 0.1 * noise
"""
SAMPLER = """\
import torch
from diffusers import AutoencoderKL
from schedule import Schedule


def draw(model, settings):
    vae = AutoencoderKL.from_pretrained("stabilityai/sd-vae-ft-ema")
    schedule = Schedule({given})
    z = torch.randn(5, 4, 32, 16)
    for i in range(20):
        z = schedule.step(model(z, i), i / 20, z)
    return vae.decode(z / 0.18215).sample
"""


@pytest.mark.parametrize(
    ("given", "found"),
    [("", True), ("500", True), ("**settings", False), ("500, **settings['schedule']", False), ("clips=False", False)],
)
def test_what_a_mapping_may_switch_off_is_left_open(given: str, found: bool, tmp_path: Path) -> None:
    expected = [("VAE707", 8)] if found else []
    assert places(tmp_path, SAMPLER.format(given=given), schedule=SCHEDULE) == expected


SHIFTED = """\
import torch
from diffusers import AutoencoderKL, {kind}


def load({given}):
    vae = AutoencoderKL.from_pretrained({where}, subfolder="vae")
    model = {made}
    return vae, model


def train(scheduler, x, t):
    vae, model = load()
    z = vae.encode(x * 2 - 1).latent_dist.sample()
    z = {encoded}
    noise = torch.randn_like(z)
    return (model(scheduler.scale_noise(z, t, noise), t) - noise).pow(2).mean()


def draw(scheduler, model, z):
    vae, _ = load()
    for t in scheduler.timesteps:
        z = scheduler.step(model(z, t), t, z).prev_sample
    return vae.decode({decoded}).sample
"""
SD3 = "stabilityai/stable-diffusion-3.5-medium"
S, M = "vae.config.scaling_factor", "vae.config.shift_factor"
LOADED = '{kind}.from_pretrained({where}, subfolder="transformer")'


def shifted(kind: str, made: str, identity: str = SD3, *, by_name: bool = False, shift: bool = False) -> str:
    where = "name" if by_name else f'"{identity}"'
    return SHIFTED.format(
        kind=kind,
        given=f'name="{identity}"' if by_name else "",
        where=where,
        made=made.format(kind=kind, where=where),
        encoded=f"(z - {M}) * {S}" if shift else f"z * {S}",
        decoded=f"z / {S} + {M}" if shift else f"z / {S}",
    )


@pytest.mark.parametrize("by_name", [False, True])
def test_a_shift_that_both_ends_leave_out_is_missed_by_a_trained_model(by_name: bool, tmp_path: Path) -> None:
    text = shifted("SD3Transformer2DModel", LOADED, by_name=by_name)
    assert places(tmp_path, text) == [("VAE702", 14), ("VAE702", 23)]


@pytest.mark.parametrize(
    "text",
    [
        shifted("SD3Transformer2DModel", LOADED, shift=True),
        # A model that is trained from nothing takes the latents that it is given.
        shifted("SD3Transformer2DModel", "{kind}(sample_size=64)"),
        shifted("SD3Transformer2DModel", '{kind}.from_pretrained("somebody/trained-without-shift")'),
        # A VAE without a shift.
        shifted("UNet2DConditionModel", LOADED, "stabilityai/stable-diffusion-2-1"),
        shifted("CLIPVisionModel", LOADED),
    ],
)
def test_a_shift_that_nothing_asks_for_may_be_left_out(text: str, tmp_path: Path) -> None:
    assert places(tmp_path, text) == []
