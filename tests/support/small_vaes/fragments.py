"""Pieces of which tests of the linter put modules together."""

from __future__ import annotations

from pathlib import Path

from vae_checked.facts import Facts
from vae_checked.linter import LintReport, lint

HEAD = """\
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torchvision
from torch.utils.data import DataLoader, Dataset
"""
MODEL = """

class Net(nn.Module):
    def __init__(self, settings=None):
        super().__init__()
        self.settings = settings
        self.trunk = nn.Sequential(nn.Linear(84, 33), nn.ReLU())
        self.to_m = nn.Linear(33, 7)
        self.to_s = nn.Linear(33, 7)
        self.back = nn.Sequential(nn.Linear(7, 33), nn.ReLU(), nn.Linear(33, 84), nn.Sigmoid())

    def encode(self, x):
        h = self.trunk(x)
        return self.to_m(h), self.to_s(h)
"""
FORWARD = """
    def forward(self, x):
        m, s = self.encode(x)
        return self.back(m + torch.exp(0.5 * s) * torch.randn_like(s)), m, s
"""
# A model of a layer for each head, and one that decodes: what it runs is written by each test.
LAYERS = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.to_m, self.to_s, self.back = nn.Linear(84, 7), nn.Linear(84, 7), nn.Linear(7, 84)
"""
LAYERS_FORWARD = """
    def forward(self, x):
        m, s = self.to_m(x), self.to_s(x)
        return self.back(m + torch.randn_like(m) * torch.exp(0.5 * s)), m, s
"""
# The same, with the heads by a method of their own; `{std}` is how they are drawn with.
ENCODING_FORWARD = """
    def encode(self, x):
        return self.to_m(x), self.to_s(x)

    def forward(self, x):
        m, s = self.encode(x)
        return self.back(m + torch.randn_like(m) * {std}), m, s
"""
# The layers, with a decoder that ends in a sigmoid.
SQUASHED = LAYERS.replace("nn.Linear(7, 84)", "nn.Sequential(nn.Linear(7, 84), nn.Sigmoid())")
# The same by the names that papers have for what is computed; as it is run.
NAMED = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.mu, self.logvar, self.back = nn.Linear(84, 7), nn.Linear(84, 7), nn.Linear(7, 84)
"""
NAMED_FORWARD = """
    def forward(self, x):
        mu, logvar = self.mu(x), self.logvar(x)
        return self.back(mu + torch.randn_like(mu) * torch.exp(0.5 * logvar)), mu, logvar
"""
# What a model of pictures of three channels, 20 rows and 28 columns is built of; its class is begun by each test.
PICTURE_LAYERS = """\
    def __init__(self, wide=48, codes=7):
        super().__init__()
        self.back = nn.Sequential(nn.Flatten(), nn.Linear(3 * 20 * 28, wide), nn.ReLU())
        self.mu = nn.Linear(wide, codes)
        self.logvar = nn.Linear(wide, codes)
        self.out = nn.Sequential(nn.Linear(codes, wide), nn.ReLU(), nn.Linear(wide, 3 * 20 * 28), nn.Sigmoid())
"""
# A trunk below both heads: what decodes, and what else there is, is written by each test.
TRUNK = """

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(84, 33), nn.ReLU())
        self.to_m, self.to_s = nn.Linear(33, 7), nn.Linear(33, 7)
"""
KL = "-0.5 * torch.sum(1 + s - m.pow(2) - s.exp(), dim=1)"
# How a model that returns what it decodes and both heads is trained: how it is made and by which loss, each test says.
MADE_LOOP = """

def fit({given}):
    {made}
    optimizer = torch.optim.Adam(net.parameters())
    for x in loader:
        y, m, s = net(x)
        {loss}
        optimizer.zero_grad()
        {differentiated}
        optimizer.step()
"""
# The same for a model that is made without a setting.
LOOP = MADE_LOOP.replace("{given}", "loader").replace("{made}", "net = Net()")
# The same by a squared error and the KL.
FIT = LOOP.format(
    loss=f'loss = (F.mse_loss(y, x, reduction="none").sum(1) + {KL}).mean()', differentiated="loss.backward()"
)
# How a model that computes its loss itself is trained.
OWN_LOSS = """

def fit(loader):
    net = Net()
    optimizer = torch.optim.Adam(net.parameters())
    for x in loader:
        loss = net.loss(x)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
# Both heads, of a module of their own.
ENCODER = """

class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.to_m, self.to_s = nn.Linear(84, 33), nn.Linear(33, 7), nn.Linear(33, 7)

    def forward(self, x):
        h = torch.relu(self.body(x))
        return self.to_m(h), self.to_s(h)
"""
# A model that encodes by it.
ENCODED = """

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.back = Encoder(), nn.Linear(7, 84)

    def forward(self, x):
        m, s = self.encoder(x)
        return self.back(m + torch.exp(0.5 * s) * torch.randn_like(s)), m, s
"""
OBJECTIVE = f"""

def objective(y, x, m, s):
    return (F.binary_cross_entropy(y, x, reduction="none").sum(1) + {KL}).mean()
"""

# A divergence that is returned summed, in parts or raw; the loss hands it `{arguments}`.
STATISTICS = (
    HEAD
    + """

def divergence(m, s, parts=False, raw=False):
    each = 0.5 * (m.pow(2) + s.exp() - 1 - s)
    if raw:
        return each
    per_latent = each.mean(dim=0)
    if parts:
        return per_latent
    return per_latent.sum()


class Loss:
    def __init__(self, kind):
        self.kind = kind

    def total(self, x, model):
        out = model(x)
        error = F.mse_loss(out["y"], x, reduction="sum") / len(x)
        return error + divergence({arguments}).sum()
"""
)


def linted(tmp_path: Path, files: dict[str, str]) -> LintReport:
    for path, text in files.items():
        target = tmp_path / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
    return lint([tmp_path])


def codes(report: LintReport) -> list[str]:
    return sorted({finding.code for finding in report.findings})


def joined(report: LintReport) -> list[Facts]:
    """The evaluations in which sampler, KL and reconstruction were all recognised."""
    return [facts for facts in report.facts if facts.sampler.std and facts.kl.form and facts.recon.kind]
