"""A VAE that the project writes itself, and a denoiser that is trained on its latents, in scripts of their own."""

from __future__ import annotations

from pathlib import Path

import pytest

from vae_checked.linter import lint

AUTOENCODER = """\
import torch
from torch import nn
import torch.nn.functional as F


class Autoencoder(nn.Module):
    def __init__(self, width=32, factor=0.4):
        super().__init__()
        self.down = nn.Conv2d(3, 2 * width, 4, stride=4)
        self.up = nn.ConvTranspose2d(width, 3, 4, stride=4)
        self.factor = factor

    def encode(self, x):
        mu, logvar = self.down(x).chunk(2, dim=1)
        z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
        return {given}

    def decode(self, z):
        return torch.tanh(self.up({taken}))

    def forward(self, x):
        z, mu, logvar = self.encode(x)
        return self.decode(z), mu, logvar


def loss_of(x_hat, x, mu, logvar):
    kl = -0.5 * (1 + logvar - mu**2 - logvar.exp()).sum((1, 2, 3)).mean()
    return F.mse_loss(x_hat, x, reduction="none").sum((1, 2, 3)).mean() + kl
"""
SCHEDULE = """\
import torch


class Schedule:
    def __init__(self, steps=500):
        self.betas = torch.linspace(1e-4, 0.02, steps)
        self.kept = torch.cumprod(1 - self.betas, 0)

    def add_noise(self, z, noise, t):
        kept = self.kept[t][:, None, None, None]
        return kept.sqrt() * z + (1 - kept).sqrt() * noise

    def back(self, z, predicted, t):
        mean = (z - self.betas[t] * predicted / (1 - self.kept[t]).sqrt()) / (1 - self.betas[t]).sqrt()
        if t == 0:
            return mean
        return mean + self.betas[t].sqrt() * torch.randn_like(mean)
"""
NET = """\
from torch import nn


class Net(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(width, 48, 3, padding=1), nn.SiLU(), nn.Conv2d(48, width, 3, padding=1))

    def forward(self, z, t):
        return self.body(z)
"""
TRAIN = """\
import torch
import torch.nn.functional as F
from autoencoder import Autoencoder
from net import Net
from schedule import Schedule


def train(loader):
    vae, net, schedule = Autoencoder().eval(), Net(), Schedule()
    optimizer = torch.optim.AdamW(net.parameters())
    for x in loader:
        with torch.no_grad():
            z = {encoded}
        noise, t = torch.randn_like(z), torch.randint(0, 500, (len(z),))
        loss = F.mse_loss(net(schedule.add_noise(z, noise, t), t), noise)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
DRAW = """\
import torch
from torchvision.utils import save_image
from autoencoder import Autoencoder
from net import Net
from schedule import Schedule


def draw():
    vae, net, schedule = Autoencoder().eval(), Net(), Schedule()
    z = torch.randn(8, 32, 16, 16)
    for t in reversed(range(500)):
        z = schedule.back(z, net(z, t), t)
    save_image(vae.decode({before}) / 2 + 0.5, "drawn.png")
"""
# What encode gives, and what the draw is taken from.
OF_ALL, ALONE = ("(z, mu, logvar)", "vae.encode(x)[0]"), ("z", "vae.encode(x)")


def places(folder: Path, encoded: str, before: str, given: str, taken: str = "z") -> list[tuple[str, str]]:
    folder.mkdir(exist_ok=True)
    texts = {
        "autoencoder": AUTOENCODER.format(given=given, taken=taken),
        "schedule": SCHEDULE,
        "net": NET,
        "train": TRAIN.format(encoded=encoded),
        "draw": DRAW.format(before=before),
    }
    for name, text in texts.items():
        (folder / f"{name}.py").write_text(text, encoding="utf-8")
    found = [each for each in lint([folder]).findings if each.code.startswith("VAE7")]
    return [(each.code, Path(each.place.path).stem) for each in found if each.place is not None]


@pytest.mark.parametrize(("given", "drawn"), [OF_ALL, ALONE])
@pytest.mark.parametrize(
    ("scale", "before"),
    [(" * 0.4", "z"), (" * 0.4", "z * 0.4"), (" / 2.5", "z"), ("", "z / 0.4"), (" * 0.4", "z / 0.8")],
)
def test_ends_of_an_own_vae_that_disagree_are_named(
    given: str, drawn: str, scale: str, before: str, tmp_path: Path
) -> None:
    assert places(tmp_path, f"{drawn}{scale}", before, given) == [("VAE701", "draw")]


@pytest.mark.parametrize(("given", "drawn"), [OF_ALL, ALONE])
@pytest.mark.parametrize(
    ("scale", "before"), [("", "z"), (" * 0.4", "z / 0.4"), (" / 2.5", "2.5 * z"), (" * 0.4", "z * 2.5")]
)
def test_ends_of_an_own_vae_that_agree_are_left_alone(
    given: str, drawn: str, scale: str, before: str, tmp_path: Path
) -> None:
    assert places(tmp_path, f"{drawn}{scale}", before, given) == []


@pytest.mark.parametrize(
    ("given", "taken", "scale", "before"),
    [
        ("z * self.factor", "z", "", "z / 0.4"),
        ("z", "z / self.factor", " * 0.4", "z"),
        ("z / self.factor", "self.factor * z", "", "z"),
    ],
)
def test_what_a_vae_scales_inside_is_no_end(given: str, taken: str, scale: str, before: str, tmp_path: Path) -> None:
    assert places(tmp_path, f"vae.encode(x){scale}", before, given, taken) == []


def test_heads_that_the_caller_draws_from_are_no_latents(tmp_path: Path) -> None:
    """Noise that is added to a mean is what makes a latent of it, and no noise of a schedule."""
    drawn = "vae.encode(x)[0] + torch.exp(0.5 * vae.encode(x)[1]) * torch.randn(4, 32, 16, 16)"
    assert places(tmp_path, drawn, "z / 0.4", "(mu, logvar)") == []


FLOW = """\
import torch
import torch.nn.functional as F
from autoencoder import Autoencoder
from net import Net


class Path:
    def weights(self, t):
        return 1 - t, t, -1, 1

    def targets(self, z):
        noise, t = torch.randn_like(z), torch.rand(len(z))
        kept, added, slope, other = self.weights(t.view(-1, 1, 1, 1))
        return {"noisy": kept * z + added * noise, "velocity": slope * z + other * noise, "t": t}


def train(loader):
    vae, net = Autoencoder().eval(), Net()
    optimizer = torch.optim.AdamW(net.parameters())
    for x in loader:
        with torch.no_grad():
            z = SCALED
        targets = Path().targets(z)
        loss = F.mse_loss(net(targets["noisy"], targets["t"]), targets["velocity"])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""


@pytest.mark.parametrize(("scaled", "found"), [("vae.encode(x)[0]", []), ("vae.encode(x)[0] * 0.4", ["draw"])])
def test_the_velocity_from_a_latent_to_noise_is_no_scale(scaled: str, found: list[str], tmp_path: Path) -> None:
    texts = {
        "autoencoder": AUTOENCODER.format(given="(z, mu, logvar)", taken="z"),
        "schedule": SCHEDULE,
        "net": NET,
        "train": FLOW.replace("SCALED", scaled),
        "draw": DRAW.format(before="z"),
    }
    for name, text in texts.items():
        (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
    assert [Path(each.place.path).stem for each in lint([tmp_path]).findings if each.place is not None] == found
