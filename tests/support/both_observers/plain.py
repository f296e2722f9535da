"""A plain VAE as text, to which a test writes the loss that both observers see."""

from __future__ import annotations

from both_observers.observing import Program, Seen, Subject, observe
from vae_checked.catalogue import Judgement

MODEL = """\
import torch
import torch.nn.functional as F
from torch import nn


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk, self.back = nn.Linear(30, 19), nn.Linear(7, 30)
        self.to_mu, self.to_logvar = nn.Linear(19, 7), nn.Linear(19, 7)

    def drawn(self, mu, logvar):
        return mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)

    def forward(self, x):
        h = torch.tanh(self.trunk(x))
        mu, logvar = self.to_mu(h), self.to_logvar(h)
        z = self.drawn(mu, logvar)
        return torch.sigmoid(self.back(z)), mu, logvar


"""
LOSS = "def loss_function(x_hat, x, mu, logvar):\n"


def seen(text: str) -> Seen:
    """The model and its `loss_function`, as both observers see them."""
    return observe(
        Program(
            "scene",
            {"scene.py": text},
            lambda each: Subject(each["scene"].Model(), "B 30", each["scene"].loss_function),
        )
    )


def standing(judgement: Judgement, code: str) -> str:
    """How a code stands in one judgement."""
    if code in {finding.code for finding in judgement.findings}:
        return "found"
    return "clean" if code in judgement.clean else "weighted" if code in judgement.weighted else "open"
