"""Right code that looks wrong: conditions, own statistics, caches, wrappers, attacks. None of it is accused."""

from __future__ import annotations

from pathlib import Path

import pytest

from vae_checked.linter import LintReport, lint

HEAD = """\
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL, AutoencoderKLTemporalDecoder


def load(path="stabilityai/sd-vae-ft-mse"):
    return AutoencoderKL.from_pretrained(path).requires_grad_(False)


def drawn(model, scheduler, z):
    for t in scheduler.timesteps:
        z = scheduler.step(model(z, t), t, z).prev_sample
    return z

"""
RIGHT = {
    "the condition of a video model": """
def train(unet, scheduler, frames, t):
    vae = AutoencoderKLTemporalDecoder.from_pretrained("stabilityai/stable-video-diffusion-img2vid")
    vae.requires_grad_(False)
    z = vae.encode(frames).latent_dist.sample() * vae.config.scaling_factor
    condition = vae.encode(frames[:1]).latent_dist.mode()
    noise = torch.randn_like(z)
    noisy = torch.cat([scheduler.add_noise(z, noise, t), condition.expand_as(z)], dim=2)
    return F.mse_loss(unet(noisy, t), noise)
""",
    "a condition that is scaled and scaled back": """
def train(unet, scheduler, frames, t):
    vae = load()
    z = vae.encode(frames).latent_dist.sample() * vae.config.scaling_factor
    condition = (vae.encode(frames[:1]).latent_dist.sample() * vae.config.scaling_factor) / vae.config.scaling_factor
    noise = torch.randn_like(z)
    return F.mse_loss(unet(torch.cat([scheduler.add_noise(z, noise, t), condition], dim=1), t), noise)
""",
    "the picture that is edited": """
def train(unet, scheduler, original, edited, t):
    vae = load()
    z = vae.encode(edited).latent_dist.sample() * vae.config.scaling_factor
    noise = torch.randn_like(z)
    beside = vae.encode(original).latent_dist.mode()
    return F.mse_loss(unet(torch.cat([scheduler.add_noise(z, noise, t), beside], dim=1), t), noise)
""",
    "a factor that is the standard deviation": """
def train(unet, scheduler, x, t, std):
    z = load().encode(x).latent_dist.sample() / std
    noise = torch.randn_like(z)
    return F.mse_loss(unet(scheduler.add_noise(z, noise, t), t), noise)


def draw(unet, scheduler, z, std):
    return load().decode(drawn(unet, scheduler, z) * std).sample
""",
    "statistics as 1 / std": """
def encode(vae, x):
    mean = torch.tensor(vae.config.latents_mean).view(1, -1, 1, 1)
    std = 1.0 / torch.tensor(vae.config.latents_std).view(1, -1, 1, 1)
    return (vae.encode(x).latent_dist.sample() - mean) * std


def train(unet, scheduler, vae, x, t):
    z = encode(vae, x)
    noise = torch.randn_like(z)
    return F.mse_loss(unet(scheduler.add_noise(z, noise, t), t), noise)


def draw(unet, scheduler, vae, z):
    mean = torch.tensor(vae.config.latents_mean).view(1, -1, 1, 1)
    std = 1.0 / torch.tensor(vae.config.latents_std).view(1, -1, 1, 1)
    return vae.decode(drawn(unet, scheduler, z) / std + mean).sample
""",
    "a wrapper that scales inside": """
class Wrapper:
    def __init__(self):
        self.vae = load()

    def encode(self, x):
        return self.vae.encode(x).latent_dist.sample() * self.vae.config.scaling_factor

    def decode(self, z):
        return self.vae.decode(z / self.vae.config.scaling_factor).sample


def train(unet, scheduler, x, t):
    z = Wrapper().encode(x)
    noise = torch.randn_like(z)
    return F.mse_loss(unet(scheduler.add_noise(z, noise, t), t), noise)


def draw(unet, scheduler, z):
    return Wrapper().decode(drawn(unet, scheduler, z))
""",
    "a cache that was scaled": """
def train(unet, scheduler, loader, t, mean, std):
    for z, _ in loader:
        z = (z / 0.18215 - mean) / std
        noise = torch.randn_like(z)
        F.mse_loss(unet(scheduler.add_noise(z, noise, t), t), noise).backward()


def draw(unet, scheduler, z, mean, std):
    return load().decode(drawn(unet, scheduler, z) * std + mean).sample
""",
    "a round trip": """
def trip(x):
    vae = load()
    return vae.decode(vae.encode(x).latent_dist.mode()).sample
""",
    "an embedding": """
def embed(x):
    return load().encode(x).latent_dist.mean.flatten(1)
""",
    "an attack on the encoder": """
def attack(x, target, steps):
    vae = load()
    delta = torch.zeros_like(x, requires_grad=True)
    goal = vae.encode(target).latent_dist.mean
    for _ in range(steps):
        F.mse_loss(vae.encode(x + delta).latent_dist.mean, goal).backward()
        delta.data = (delta - 0.01 * delta.grad.sign()).clamp(-0.03, 0.03)
    return x + delta
""",
    "a VAE without a factor": """
def train(model, scheduler, waves, t, oobleck_vae):
    z = oobleck_vae.encode(waves).latent_dist.sample()
    noise = torch.randn_like(z)
    return F.mse_loss(model(scheduler.add_noise(z, noise, t), t), noise)


def draw(model, scheduler, z, oobleck_vae):
    return oobleck_vae.decode(drawn(model, scheduler, z)).sample
""",
    "a shift of 0 where there is none": """
def train(unet, scheduler, x, t):
    vae = load()
    shift = 0.0
    z = (vae.encode(x).latent_dist.sample() - shift) * vae.config.scaling_factor
    noise = torch.randn_like(z)
    return F.mse_loss(unet(scheduler.add_noise(z, noise, t), t), noise)


def draw(unet, scheduler, z):
    vae = load()
    return vae.decode(drawn(unet, scheduler, z) / vae.config.scaling_factor).sample
""",
    "a frozen VAE whose input needs no gradient": """
def train(unet, scheduler, x, t):
    vae = load()
    z = vae.encode(x).latent_dist.sample() * vae.config.scaling_factor
    noise = torch.randn_like(z)
    F.mse_loss(unet(scheduler.add_noise(z, noise, t), t), noise).backward()
""",
    "a picture that is decoded for a loss on it": """
def train(unet, scheduler, lpips, noisy, x, t):
    vae = load()
    z = unet(noisy, t)
    picture = vae.decode(z / vae.config.scaling_factor).sample
    loss = F.mse_loss(z, noisy) + 0.1 * lpips(picture, x).mean()
    loss.backward()
""",
    "score distillation": """
def distil(unet, scheduler, render, t):
    vae = load()
    z = vae.encode(render() * 2 - 1).latent_dist.sample() * vae.config.scaling_factor
    with torch.no_grad():
        noise = torch.randn_like(z)
        predicted = unet(scheduler.add_noise(z, noise, t), t)
    target = (z - (predicted - noise)).detach()
    (0.5 * F.mse_loss(z, target, reduction="sum")).backward()
""",
    "statistics of one's own": """
def encode(x, stats):
    return (load().encode(x).latent_dist.sample() - stats["mean"]) / stats["std"] * 0.5


def train(unet, scheduler, x, t, stats):
    z = encode(x, stats)
    noise = torch.randn_like(z)
    return F.mse_loss(unet(scheduler.add_noise(z, noise, t), t), noise)


def draw(unet, scheduler, z, stats):
    return load().decode(drawn(unet, scheduler, z) / 0.5 * stats["std"] + stats["mean"]).sample
""",
    "a picture for CLIP beside the latents": """
def train(unet, scheduler, clip, x, t):
    vae = load()
    features = clip((x + 1.0) / 2.0)
    z = vae.encode(x).latent_dist.sample() * vae.config.scaling_factor
    noise = torch.randn_like(z)
    return F.mse_loss(unet(scheduler.add_noise(z, noise, t), t, features), noise)
""",
    "the mode for a cache": """
def cache(loader):
    vae = load()
    for x, name in loader:
        torch.save(vae.encode(x).latent_dist.mode() * vae.config.scaling_factor, name)
""",
    "a factor that is estimated": """
class Diffusion(torch.nn.Module):
    def __init__(self, unet):
        super().__init__()
        self.unet, self.first_stage_model = unet, load()
        self.register_buffer("scale_factor", torch.tensor(1.0))

    def estimate(self, x):
        self.scale_factor = 1.0 / self.first_stage_model.encode(x).latent_dist.sample().flatten().std()

    def get_first_stage_encoding(self, x):
        return self.scale_factor * self.first_stage_model.encode(x).latent_dist.sample()

    def decode_first_stage(self, z):
        return self.first_stage_model.decode(1.0 / self.scale_factor * z).sample
""",
    "a start that is mixed with noise": """
def draw(unet, scheduler, x, weight=0.005):
    vae = load()
    noise = torch.randn(5, 4, 24, 32)
    z = weight * (vae.encode(x).latent_dist.sample() * vae.config.scaling_factor) + (1 - weight) * noise
    return vae.decode(drawn(unet, scheduler, z) / vae.config.scaling_factor).sample
""",
    "latents that are packed": """
def packed(z):
    b, c, h, w = z.shape
    return z.view(b, c, h // 2, 2, w // 2, 2).permute(0, 2, 4, 1, 3, 5).reshape(b, (h // 2) * (w // 2), c * 4)


def train(model, x, t):
    vae = load("black-forest-labs/FLUX.1-dev")
    z = packed((vae.encode(x).latent_dist.sample() - vae.config.shift_factor) * vae.config.scaling_factor)
    noise = torch.randn_like(z)
    return F.mse_loss(model((1 - t) * z + t * noise, t), noise - z)
""",
    "a small VAE of pictures in [0, 1]": """
def trip(path, x):
    from taesd import TAESD

    taesd = TAESD(path)
    return taesd.decode(taesd.encode(x.clamp(0, 1))).clamp(0, 1)
""",
    "another thing of the name": """
def split(batch, loader):
    latent_dist = batch["latent_dist"]
    return latent_dist.sample(frac=0.1) * 2 - 1
""",
    "a picture that the statistics of the data map back": """
def round_trip(x):
    vae = load()
    mean = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
    std = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)
    return vae.decode(vae.encode(x).latent_dist.sample()).sample * std + mean
""",
    "a latent that is decoded with a little noise": """
def encode(vae, x):
    return vae.encode(x).latent_dist.sample() * vae.config.scaling_factor


def pictures(vae, model, scheduler, shape, amount):
    z = drawn(model, scheduler, torch.randn(shape)) / vae.config.scaling_factor
    weight = torch.tensor([float(amount)])[:, None, None, None]
    noise = torch.randn(z.shape)
    z = (1 - weight) * z + weight * noise
    return vae.decode(z).sample
""",
}
# Where no VAE is met, or what it is used for is no way from one end to the other.
_UNSEEN = frozenset(("another thing of the name", "a small VAE of pictures in [0, 1]"))


def read(folder: Path, text: str) -> LintReport:
    path = folder / "train.py"
    path.write_text(HEAD + text, encoding="utf-8")
    return lint([path])


@pytest.mark.parametrize(("name", "text"), RIGHT.items(), ids=RIGHT)
def test_right_latents_are_not_accused(name: str, text: str, tmp_path: Path) -> None:
    report = read(tmp_path, text)
    assert report.findings == ()
    followed = any(path.startswith("latents.") for facts in report.facts for path, _ in facts.known())
    assert followed != (name in _UNSEEN)


WRONG = {
    "the condition of a video model": (
        ".sample() * vae.config.scaling_factor\n    condition",
        ".sample() * 0.13025\n    condition",
    ),
    "a factor that is the standard deviation": ("z) * std)", "z) / std)"),
    "a start that is mixed with noise": (" * vae.config.scaling_factor)", ")"),
    "a wrapper that scales inside": ("self.vae.decode(z / self.vae", "self.vae.decode(z * self.vae"),
    "a shift of 0 where there is none": (" / vae.config.scaling_factor).sample", ").sample"),
    "a picture that is decoded for a loss on it": (").sample\n    loss", ").sample.detach()\n    loss"),
    "a latent that is decoded with a little noise": ("shape)) / vae", "shape)) * vae"),
    "latents that are packed": (
        "(vae.encode(x).latent_dist.sample() - vae.config.shift_factor)",
        "vae.encode(x).latent_dist.sample()",
    ),
}


@pytest.mark.parametrize(("name", "edit"), WRONG.items(), ids=WRONG)
def test_the_same_code_with_a_mistake_is_accused(name: str, edit: tuple[str, str], tmp_path: Path) -> None:
    before, after = edit
    assert RIGHT[name].count(before) == 1
    assert [finding.code for finding in read(tmp_path, RIGHT[name].replace(before, after)).findings] != []


TRIED = """
def test_parts():
    vae = load()
    z = vae.encode(torch.rand(5, 3, 48, 64) * 2 - 1).latent_dist.mode()
    x = vae.decode(z / vae.config.scaling_factor).sample
    assert x.shape == (5, 3, 48, 64)
"""


@pytest.mark.parametrize(("name", "found"), [("test_vae.py", []), ("tests/parity.py", []), ("trip.py", ["VAE701"])])
def test_what_a_test_decodes_is_not_held_against_what_it_encoded(name: str, found: list[str], tmp_path: Path) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(HEAD + TRIED, encoding="utf-8")
    assert [finding.code for finding in lint([path]).findings] == found
