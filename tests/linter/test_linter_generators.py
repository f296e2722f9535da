"""What a generator yields is what its callers go through."""

from __future__ import annotations

from pathlib import Path

import pytest

from vae_checked.linter import lint

SCRIPT = """\
import contextlib
import torch
import torch.nn as nn
import torch.nn.functional as F
from torchvision import datasets, transforms


def widths():
    yield 784
    yield 33


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = list(self.parts())
        self.trunk = nn.Sequential(*self.layers)
        self.to_mu = nn.Linear(33, 7)
        self.to_logvar = nn.Linear(33, 7)
        self.back = nn.Sequential(nn.Linear(7, 33), nn.ReLU(), nn.Linear(33, 784), nn.Tanh())

    def parts(self):
        first, last = widths()
        yield nn.Linear(first, last)
        yield from [nn.ReLU()]

    def forward(self, x):
        h = self.trunk(x.flatten(1))
        mu, logvar = self.to_mu(h), self.to_logvar(h)
        z = mu + torch.exp(0.5 * logvar) * torch.randn_like(logvar)
        return self.back(z), mu, logvar


class Endless:
    def __init__(self, loader):
        self.loader = loader

    def __iter__(self):
        while True:
            for x, _ in self.loader:
                yield x


def batches(loader, device):
    while True:
        for x, _ in loader:
            yield x.to(device), x.size(0)


@contextlib.contextmanager
def timed():
    yield


data = datasets.MNIST("data", transform=transforms.Compose([transforms.ToTensor()]))
loader = torch.utils.data.DataLoader(data, batch_size=24)
net = Net()
optimizer = torch.optim.Adam(net.parameters())
for step in range(500):
    with timed():
        x, count = next(batches(loader, "cuda"))
    out, mu, logvar = net(x)
    recon = F.mse_loss(out, x.flatten(1), reduction="sum")
    loss = recon - 0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("Tanh", "Tanh", ["VAE403"]),
        ("Tanh", "Sigmoid", []),
        ("        x, count = next(batches(loader, ", "        x = next(iter(Endless(loader))).to((", ["VAE403"]),
        ("to_mu = nn.Linear(33, 7)", "to_mu = nn.Sequential(*self.layers[1:])", ["VAE204", "VAE403"]),
    ],
)
def test_batches_and_layers_that_a_generator_yields(old: str, new: str, expected: list[str], tmp_path: Path) -> None:
    assert SCRIPT.count(old) == 1
    (tmp_path / "script.py").write_text(SCRIPT.replace(old, new))

    report = lint([tmp_path])

    assert sorted({finding.code for finding in report.findings}) == expected
