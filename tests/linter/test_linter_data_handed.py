"""What is done to data before a model is handed them: sets read as they are stored, entries that are left out."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import codes, linted

MODEL = """\
import torch
import torch.nn as nn
import torch.nn.functional as F


class FaceVAE(nn.Module):
    def __init__(self, size=9):
        super().__init__()
        self.trunk = nn.Sequential(nn.Flatten(), nn.Linear(3 * 20 * 24, 64), nn.ELU())
        self.loc, self.spread = nn.Linear(64, size), nn.Linear(64, size)
        self.draw = nn.Sequential(nn.Linear(size, 64), nn.ELU(), nn.Linear(64, 3 * 20 * 24), nn.Sigmoid())

    def forward(self, faces):
        h = self.trunk(faces)
        mu, logvar = self.loc(h), self.spread(h)
        z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
        return self.draw(z).view(-1, 3, 20, 24), mu, logvar


def elbo(recon, x, mu, logvar):
    error = F.mse_loss(recon, x, reduction="sum") / x.size(0)
    return error - 0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp(), dim=1).mean()
"""
STORED = """\
from torch.utils.data import DataLoader, TensorDataset
from torchvision import datasets, transforms

from model import FaceVAE, elbo

steps = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.5,), (0.5,))])


def stored(root):
    return datasets.CIFAR10(root, train=True, transform=steps)


def fit(net, root, optimizer):
    pictures = stored(root)
    {loader}
    for batch, *_ in loader:
        drawn, mu, logvar = net(batch)
        loss = elbo(drawn, batch, mu, logvar)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""


OWN_READER = """
def as_lab(path):
    return color.rgb2lab(Image.open(path).convert("RGB")).astype("float32")


def stored(root):
    return datasets.ImageFolder(root, transform=steps{reader})
"""


@pytest.mark.parametrize(("reader", "expected"), [(", loader=as_lab", []), ("", ["VAE403"])])
def test_what_a_reader_of_its_own_gives_need_not_be_bytes(reader: str, expected: list[str], tmp_path: Path) -> None:
    text = STORED.format(loader="loader = DataLoader(pictures, batch_size=16)")
    text = text.replace(
        text[text.index("\ndef stored") : text.index("\n\n\ndef fit")], OWN_READER.format(reader=reader)
    )
    assert codes(linted(tmp_path, {"model.py": MODEL, "train.py": text})) == expected


@pytest.mark.parametrize(
    ("loader", "expected"),
    [
        ("loader = DataLoader(TensorDataset(scaled(pictures.data)), batch_size=16)", []),
        ("show(pictures.data[0])\n    loader = DataLoader(pictures, batch_size=16)", ["VAE403"]),
    ],
    ids=["read as they are stored", "through the transforms"],
)
def test_transforms_of_a_set_that_is_read_as_it_is_stored(loader: str, expected: list[str], tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"model.py": MODEL, "train.py": STORED.format(loader=loader)})) == expected


MASKED = """\
import torch
import torch.nn.functional as F
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.loc, self.spread, self.back = nn.Linear(84, 7), nn.Linear(84, 7), nn.Linear(7, 84)

    def forward(self, x):
        h = {inside}
        mu, logvar = self.loc(h), self.spread(h)
        return self.back(mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)), mu, logvar


def fit(loader, masked):
    net = Net()
    for x, _ in loader:
        given = {outside}
        drawn, mu, logvar = net(given)
        divergence = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp(), dim=1)
        loss = F.mse_loss(drawn, x, reduction="none").sum(1) + divergence
        loss.mean().backward()
"""


@pytest.mark.parametrize(
    ("inside", "outside", "expected"),
    [
        ("x", "F.dropout(x, 0.3) if masked else x", []),
        ("x", "F.dropout(x, p=0.3)", []),
        ("F.dropout(x, 0.3)", "x", ["VAE603"]),
    ],
)
def test_entries_that_training_leaves_out_are_no_dropout(
    inside: str, outside: str, expected: list[str], tmp_path: Path
) -> None:
    assert codes(linted(tmp_path, {"net.py": MASKED.format(inside=inside, outside=outside)})) == expected


COLLATED = """\
import torch
from torch.utils.data import DataLoader
from torchvision import datasets, transforms

from model import FaceVAE, elbo


def together(items):
    pictures = torch.stack([picture for picture, _ in items])
    return {made}


def fit(net: FaceVAE, root, optimizer):
    pictures = datasets.CIFAR10(root, transform=transforms.PILToTensor())
    for batch in DataLoader(pictures, batch_size=24, collate_fn=together):
        recon, mu, logvar = net(batch)
        loss = elbo(recon, batch, mu, logvar)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""


@pytest.mark.parametrize(("made", "expected"), [("pictures.float() / 255", []), ("pictures.float()", ["VAE104"])])
def test_a_collation_may_scale_what_a_data_set_has(made: str, expected: list[str], tmp_path: Path) -> None:
    report = linted(tmp_path, {"model.py": MODEL, "fit.py": COLLATED.format(made=made)})
    assert [code for code in codes(report) if code == "VAE104"] == expected


DIVIDED_AGAIN = """\
import numpy as np
from PIL import Image
from torch.utils.data import DataLoader, Dataset
from torchvision import datasets, transforms

from model import FaceVAE, elbo


class Divided:
    def __call__(self, pixels):
        return pixels / 255.0


class Stored(Dataset):
    def __init__(self, paths, transform):
        self.paths, self.transform = paths, transform

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, index):
        return self.transform({read})


def fit(net, paths, optimizer):
    steps = transforms.Compose([transforms.ToTensor(), Divided()])
    loader = DataLoader({stored}, batch_size=16)
    for batch in loader:
        drawn, mu, logvar = net(batch)
        loss = elbo(drawn, batch, mu, logvar)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""


@pytest.mark.parametrize(
    ("read", "stored", "expected"),
    [
        # ToTensor divides bytes alone: an array of floats is divided once.
        ("np.load(self.paths[index])", "Stored(paths, steps)", []),
        ("cut(self.paths[index])", "Stored(paths, steps)", []),
        ("Image.open(self.paths[index])", "Stored(paths, steps)", ["VAE104"]),
        ("None", "datasets.FakeData(transform=steps)", ["VAE104"]),
    ],
)
def test_bytes_alone_are_divided_by_to_tensor(read: str, stored: str, expected: list[str], tmp_path: Path) -> None:
    text = DIVIDED_AGAIN.format(read=read, stored=stored)
    report = linted(tmp_path, {"model.py": MODEL, "train.py": text})
    assert codes(report) == expected
    assert not any("VAE104" in each.clean for each in report.judgements)
