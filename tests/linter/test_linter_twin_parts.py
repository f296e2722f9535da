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


BLOCKS = """
import torch
from torch import nn


class Block(nn.Module):
    def __init__(self, first, second):
        super().__init__()
        self.map = nn.Linear(first, second)

    def forward(self, x):
        return torch.tanh(self.map(x))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.front = nn.Linear(84, 33)
        self.body = nn.Sequential(Block(33, 33), Block(33, {width}))
        self.loc, self.spread = nn.Linear({width}, 7), nn.Linear({width}, 7)
        self.mid, self.back = Block(7, 33), nn.Linear(33, 84)

    def forward(self, x):
        h = self.body(self.front(x))
        mu, logvar = self.loc(h), self.spread(h)
        return self.back(self.mid(mu + torch.exp(0.5 * logvar) * torch.randn_like(mu))), mu, logvar


net = Net()


def check():
    return ({used}).mean()
"""
USED = {
    "the encoder": ("net.body(torch.rand(8, 33))", []),
    "a step of the encoder": ("net.body[0](torch.rand(8, 33))", []),
    "the encoder in another shape": ("net.body(torch.rand(8, 3, 11).view(-1, 33))", []),
    "the encoder as far as a head": ("net.loc(net.body(torch.rand(8, 33)))", []),
    "both": ("net.back(net.mid(net.loc(net.body(torch.rand(8, 33)))))", []),
    "a step of the encoder, past the decoder's": ("net.back(net.loc(net.body[0](torch.rand(8, 33))))", []),
    "the encoder's blocks, and the decoder's end": ("net.back(net.body(torch.rand(8, 33)))", []),
    "a step of the decoder": ("net.mid(torch.rand(8, 7))", ["VAE202"]),
    "the decoder": ("net.back(net.mid(torch.rand(8, 7)))", ["VAE202"]),
}


@pytest.mark.parametrize(("used", "found"), USED.values(), ids=USED)
def test_of_blocks_of_one_class_the_decoder_takes_latents(used: str, found: list[str], tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"net.py": BLOCKS.format(width=19, used=used)})) == found


@pytest.mark.parametrize(("used", "found"), USED.values(), ids=USED)
def test_of_blocks_of_one_width_the_decoder_goes_on_to_the_picture(used: str, found: list[str], tmp_path: Path) -> None:
    text = BLOCKS.format(width=7, used=used).replace("33", "7").replace("3, 11", "1, 7")
    expected = [] if used == USED["a step of the decoder"][0] else found
    assert codes(linted(tmp_path, {"net.py": text})) == expected
