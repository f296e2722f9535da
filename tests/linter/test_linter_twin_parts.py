"""Encoder and decoder that one function builds: noise that a model is given is a picture, and no latent."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import codes, linted

BUILT = """
def mlp(sizes):
    layers = []
    for first, second in zip(sizes, sizes[1:]):
        layers += [nn.Linear(first, second), nn.ReLU()]
    return nn.Sequential(*layers[:-1])
"""
NET = """
import torch
from torch import nn

{built}

class Plain(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = {body}
        self.back = {back}

    def forward(self, x):
        return self.back(self.body(x))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.loc, self.spread = {body}, nn.Linear(7, 7), nn.Linear(7, 7)
        self.back = {back}

    def forward(self, x):
        h = self.body(x)
        mu, logvar = self.loc(h), self.spread(h)
        return self.back(mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)), mu, logvar


def made(kind):
    return Plain() if kind == "plain" else Net()


def check(config):
    model = made(config["kind"])
    return model({noise})


def generate(count):
    return Net().back(torch.{draw}(count, 7))
"""
ONE = {"built": BUILT, "body": "mlp([84, 33, 7])", "back": "mlp([7, 33, 84])"}
TWO = {"built": "", "body": "nn.Linear(84, 7)", "back": "nn.Linear(7, 84)"}


def test_a_noisy_picture_for_one_of_two_models_is_no_latent(tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"net.py": NET.format(**ONE, noise="torch.rand(4, 84)", draw="randn")})) == []


@pytest.mark.parametrize(("draw", "found"), [("randn", []), ("rand", ["VAE202"])])
def test_noise_for_a_decoder_that_is_built_apart_is_judged(draw: str, found: list[str], tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"net.py": NET.format(**TWO, noise="torch.ones(4, 84)", draw=draw)})) == found
