"""An axis of length 1: what a squeeze leaves out, what a view writes, what is a copy of each sample for a draw."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import codes, linted

PICTURES = """\
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader
from torchvision import datasets, transforms


class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden, self.back = nn.Linear(784, 40), nn.Linear(18, 784)
        self.mu, self.logvar = nn.Linear(40, 18), nn.Linear(40, 18)

    def forward(self, x, n):
        h = torch.relu(self.hidden(x.flatten(1)))
        mu, logvar = self.mu(h), self.logvar(h)
        z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
        x_hat = torch.sigmoid(self.back(z)).view(-1, SHAPE)
        error = F.binary_cross_entropy(x_hat, x, reduction="none")
        kl = -0.5 * (1 + logvar - mu.pow(2) - logvar.exp()).sum(1)
        return error.REDUCED + kl


net = VAE()
optimizer = torch.optim.Adam(net.parameters())
for x, _ in DataLoader(datasets.MNIST(".", transform=transforms.ToTensor()), 4):
    optimizer.zero_grad()
    net(x, 1).mean().backward()
    optimizer.step()
"""

TOKENS = """\
import torch
from torch import nn
from torch.utils.data import DataLoader


class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.cell = nn.Embedding(90, 32), nn.LSTM(32, 32, batch_first=True)
        self.mu, self.logvar, self.out = nn.Linear(32, 16), nn.Linear(32, 16), nn.Linear(48, 90)
        self.loss = nn.CrossEntropyLoss(reduction="none", ignore_index=0)

    def draw(self, mu, logvar, copies=1):
        mu, std = (each.unsqueeze(1).expand(-1, copies, -1) for each in (mu, logvar.mul(0.5).exp()))
        return mu + std * torch.randn_like(std)

    def error(self, x, z):
        size, copies = len(x), z.size(1)
        steps = torch.cat([self.embed(x), z.repeat(1, x.size(1), 1)], dim=-1)
        scores = self.out(steps)
        error = self.loss(scores.view(-1, scores.size(2)), x.contiguous().view(-1))
        return error.SHAPED

    def forward(self, x):
        _, (h, _) = self.cell(self.embed(x))
        mu, logvar = self.mu(h[-1]), self.logvar(h[-1])
        kl = 0.5 * (mu.pow(2) + logvar.exp() - logvar - 1).sum(dim=1)
        return self.error(x, self.draw(mu, logvar)) + kl


net = VAE()
optimizer = torch.optim.Adam(net.parameters())
for x in DataLoader(sentences, 32):
    optimizer.zero_grad()
    net(x).mean().backward()
    optimizer.step()
"""


def _pictures(shape: str, reduced: str, folder: Path) -> list[str]:
    return codes(linted(folder, {"vae.py": PICTURES.replace("SHAPE", shape).replace("REDUCED", reduced)}))


@pytest.mark.parametrize(
    "reduced",
    [
        "sum((2, 3)).squeeze(1)",
        "sum((2, 3)).squeeze(-1)",
        "sum(dim=3).sum(dim=2).squeeze(dim=1)",
        "flatten(2).sum(-1).squeeze(1)",
        "view(len(x), n, -1).sum(-1).squeeze(1)",
        "view(len(x), n, -1).sum(-1)",
        "squeeze(1).sum((1, 2))",
        "sum((2, 3)).mean(1)",
        "flatten(2).sum(-1).mean(1)",
    ],
)
def test_an_axis_of_length_one_is_none_that_is_left(reduced: str, tmp_path: Path) -> None:
    assert _pictures("1, 28, 28", reduced, tmp_path) == []


@pytest.mark.parametrize(
    ("reduced", "named"),
    [
        ("sum(3).mean((1, 2))", "VAE501"),
        ("sum((1, 2)).mean(-1)", "VAE501"),
        ("squeeze(1).sum(1).mean(1)", "VAE501"),
        ("mean((2, 3)).squeeze(1)", "VAE502"),
        ("mean((2, 3)).sum(1)", "VAE502"),
    ],
)
def test_other_axes_than_that_of_length_one_are_read(reduced: str, named: str, tmp_path: Path) -> None:
    assert _pictures("1, 28, 28", reduced, tmp_path) == [named]


def test_channels_of_colours_are_averaged_over(tmp_path: Path) -> None:
    assert "VAE501" in _pictures("3, 28, 28", "sum((2, 3)).mean(1)", tmp_path)


@pytest.mark.parametrize(
    "shaped",
    [
        "view(size, copies, -1).sum(-1).squeeze(1)",
        "view(size, copies, -1).sum(-1)",
        "view(size, 1, -1).sum(-1).squeeze(1)",
        "reshape(size, copies, -1).sum(2).squeeze(1)",
        "view(size, -1).sum(-1)",
        "view(size, -1).sum(-1, keepdim=True).squeeze(1)",
    ],
)
def test_tokens_are_summed_for_each_copy_of_a_sample(shaped: str, tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"vae.py": TOKENS.replace("SHAPED", shaped)})) == []


def test_tokens_that_are_averaged_beside_a_summed_kl_are_named(tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"vae.py": TOKENS.replace("SHAPED", "view(size, -1).mean(-1)")})) == ["VAE502"]
