"""Pieces of code that would not end, or would fill the memory, and the VAE with a known mistake around one of them."""

from __future__ import annotations

from textwrap import indent

from hostile_code import calls, containers, loops, numbers

KINDS = {"numbers": numbers.PIECES, "containers": containers.PIECES, "loops": loops.PIECES, "calls": calls.PIECES}

# The mistake around every piece: the sampler takes exp(logvar) for the standard deviation.
MISTAKE = "VAE201"
_MODULE = """\
import torch
from torch import nn
import torch.nn.functional as F
{at_top}

class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Linear(784, 400)
        self.mu_head = nn.Linear(400, 20)
        self.logvar_head = nn.Linear(400, 20)
        self.decoder = nn.Sequential(nn.Linear(20, 400), nn.ReLU(), nn.Linear(400, 784), nn.Sigmoid())

    def forward(self, x):
        x0 = x
{in_forward}
        h = torch.tanh(self.encoder(x0))
        mu, logvar = self.mu_head(h), self.logvar_head(h)
        std = torch.exp(logvar)
        z = mu + std * torch.randn_like(std)
        return self.decoder(z), mu, logvar


def loss_function(recon, x, mu, logvar):
    x0 = x
{in_loss}
    bce = F.binary_cross_entropy(recon, x0, reduction="sum")
    kld = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
    return bce + kld


def train(loader):
    model = VAE()
    optimizer = torch.optim.Adam(model.parameters())
    for data in loader:
        optimizer.zero_grad()
        recon, mu, logvar = model(data)
        loss = loss_function(recon, data, mu, logvar)
        loss.backward()
        optimizer.step()
"""


def module(*, at_top: str = "", in_forward: str = "", in_loss: str = "") -> str:
    """A file with the VAE and its training, and pieces of code in these places of it; `x` is a tensor in each."""
    top = f"x = torch.zeros(3, 4)\n{at_top}" if at_top else ""
    return _MODULE.format(at_top=top, in_forward=indent(in_forward, " " * 8), in_loss=indent(in_loss, " " * 4))
