"""Latents that are divided by a number where it is not 0, or where there is one: nothing is left undone otherwise."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import codes, linted

NET = """\
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.there, self.back = nn.Linear(12, 10), nn.Linear(5, 12)

    def encode(self, x):
        return self.there(x).chunk(2, dim=-1)

    def decode(self, z):
        return self.back(z)

    def forward(self, x):
        m, s = self.encode(x)
        return self.decode(m + torch.randn_like(m) * torch.exp(0.5 * s)), m, s
"""
TRAINER = """\
import torch


class Trainer:
    def __init__(self, model, vae, factor):
        self.model, self.vae, self.factor = model, vae, factor

    def latents(self, x):
        m, _ = self.vae.encode(x)
        return m * self.factor

    def given(self, x):
        if self.vae is not None:
            return self.latents(x)
        return x

    def shown(self, latent, flag):
        {undone}
        return self.vae.decode(latent)
"""
RUN = """\
import torch
from net import Net
from trainer import Trainer


def main():
    trainer = Trainer(model=torch.nn.Linear(5, 5), vae=Net(), factor=3.0)
    trainer.given(torch.randn(4, 12))
    m, _ = Net().encode(torch.randn(4, 12))


main()
"""
UNDONE = {
    "unless it is 0": "latent = latent / self.factor if self.factor != 0 else latent",
    "unless it is 0, the other way": "latent = latent if self.factor == 0 else latent / self.factor",
    "where there is one": "if self.factor is not None:\n            latent = latent / self.factor",
    "where it is any": "if self.factor:\n            latent = latent / self.factor",
    "in every case": "latent = latent / self.factor",
    "as its inverse": "latent = latent * (1 / self.factor) if self.factor > 0 else latent",
}
LEFT = {
    "by a condition on something else": "latent = latent / self.factor if flag == 2 else latent",
    "by another condition": "if flag > 1:\n            latent = latent / self.factor",
    "though it is asked for": "latent = torch.relu(latent) if self.factor != 0 else latent",
    "at all": "pass",
}


def found(undone: str, folder: Path) -> list[str]:
    return codes(linted(folder, {"net.py": NET, "trainer.py": TRAINER.format(undone=undone), "run.py": RUN}))


@pytest.mark.parametrize("undone", UNDONE.values(), ids=UNDONE)
def test_a_factor_is_undone_where_there_is_one(undone: str, tmp_path: Path) -> None:
    assert found(undone, tmp_path) == []


@pytest.mark.parametrize("undone", LEFT.values(), ids=LEFT)
def test_a_factor_is_left_as_it_is(undone: str, tmp_path: Path) -> None:
    assert found(undone, tmp_path) == ["VAE701"]
