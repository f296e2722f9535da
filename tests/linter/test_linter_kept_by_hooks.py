"""What hooks keep of two passes goes by one name, and is not the same: the data are not compared with themselves."""

from __future__ import annotations

from pathlib import Path

import pytest

from vae_checked.linter import lint

_PERCEPTUAL = """\
import torch
import torch.nn as nn
import torchvision
from torch.utils.data import DataLoader
from torchvision import transforms

KEPT = {{}}


class Seen(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = torchvision.models.vgg16(weights="DEFAULT").features[:9]
        self.net.requires_grad_(False)
        self.kept = {{}}
{made}

    def forward(self, made, wanted):
        handle = self.net[3].register_forward_hook({hook})
{compared}
        handle.remove()
        return torch.mean(torch.square(a - b))


class VAE(nn.Module):
    def __init__(self, latents=7):
        super().__init__()
        self.enc = nn.Sequential(nn.Conv2d(3, 11, 4, 2, 1), nn.ReLU(), nn.Flatten())
        self.mu, self.logvar = nn.Linear(11 * 32 * 32, latents), nn.Linear(11 * 32 * 32, latents)
        self.dec = nn.Sequential(nn.Linear(latents, 3 * 64 * 64), nn.Sigmoid())

    def forward(self, x):
        h = self.enc(x)
        mu, logvar = self.mu(h), self.logvar(h)
        z = mu + torch.randn_like(mu) * torch.exp(0.5 * logvar)
        return self.dec(z).view(-1, 3, 64, 64), mu, logvar


class Loss(nn.Module):
    def __init__(self):
        super().__init__()
        self.seen = Seen()

    def forward(self, x, x_hat, mu, logvar):
        kl = -0.5 * torch.mean(torch.sum(1 + logvar - mu.pow(2) - logvar.exp(), dim=1))
        return self.seen({given}) + 0.01 * kl


def train(model, loader):
    loss_of, optimizer = Loss(), torch.optim.Adam(model.parameters())
    for x, _ in loader:
        x_hat, mu, logvar = model(x)
        loss = loss_of(x, x_hat, mu, logvar)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


train(VAE(), DataLoader(torchvision.datasets.CelebA("d", transform=transforms.ToTensor()), batch_size=5))
"""
_PASSES = """\
        self.net(made)
        a = {kept}
        self.net(wanted)
        b = {kept}"""
_MADE = """
    def _keep(self, name):
        def hook(module, given, made):
            {kept}[name] = made

        return hook"""
_BY_NAME = """
    def _keep(self, module, given, made):
        self.kept["early"] = made"""
_HOOKS = {
    "closure": (_MADE.format(kept="self.kept"), 'self._keep("early")', 'self.kept["early"]'),
    "dict of the file": (_MADE.format(kept="KEPT"), 'self._keep("early")', 'KEPT["early"]'),
    "method": (_BY_NAME, "self._keep", 'self.kept["early"]'),
    "lambda": ("", "lambda module, given, made: self.kept.update(early=made)", 'self.kept["early"]'),
    "part of it": (_BY_NAME, "self._keep", 'self.kept["early"][:, :5]'),
}


@pytest.mark.parametrize(("made", "hook", "kept"), _HOOKS.values(), ids=_HOOKS)
def test_what_a_hook_keeps_of_two_passes_is_not_one(made: str, hook: str, kept: str, tmp_path: Path) -> None:
    text = _PERCEPTUAL.format(made=made, hook=hook, compared=_PASSES.format(kept=kept), given="x_hat, x")
    (tmp_path / "net.py").write_text(text, encoding="utf-8")
    report = lint([tmp_path])
    assert report.findings == ()
    assert not any("VAE601" in each.clean for each in report.judgements)


@pytest.mark.parametrize("given", ["x, x"])
def test_the_data_beside_hooks_are_still_compared_with_themselves(given: str, tmp_path: Path) -> None:
    text = _PERCEPTUAL.format(made=_BY_NAME, hook="self._keep", compared="        a, b = made, wanted", given=given)
    (tmp_path / "net.py").write_text(text, encoding="utf-8")
    assert {finding.code for finding in lint([tmp_path]).findings} == {"VAE601"}
