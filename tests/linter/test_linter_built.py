"""Layers that are put together by loops, branches and options, and what stands at the end of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from vae_checked.linter import lint

BUILT = """\
import argparse

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader
from torchvision import datasets, transforms


class Net(nn.Module):
    def __init__(self, sizes, latents):
        super().__init__()
        self.trunk = nn.Linear(sizes[-1], 20)
        self.to_m, self.to_s = nn.Linear(20, latents), nn.Linear(20, latents)
        self.back = nn.Sequential()
        for i, (a, b) in enumerate(zip([latents] + sizes[:-1], sizes)):
            self.back.add_module(name="L{{:d}}".format(i), module=nn.Linear(a, b))
            if i + 1 < len(sizes):
                self.back.add_module(name="A%d" % i, module=nn.ReLU())
            else:
                self.back.add_module(name="out", module=nn.{end}())

    def forward(self, x):
        h = torch.relu(self.trunk(x))
        m, s = self.to_m(h), self.to_s(h)
        return self.back(m + torch.randn_like(m) * torch.exp(0.5 * s)), m, s


def main(args):
    model = Net(args.sizes, args.latents)
    for x, _ in DataLoader(datasets.MNIST("data", transform=transforms.ToTensor())):
        x = x.view(-1, 784)
        out, m, s = model(x)
        recon = F.binary_cross_entropy(out, x, reduction="sum")
        loss = recon - 0.5 * torch.sum(1 + s - m.pow(2) - s.exp())
        loss.backward()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--sizes", type=int, nargs="*", default=[256, 784])
    parser.add_argument("--latents", type=int, default=7)
    main(parser.parse_args())
"""


@pytest.mark.parametrize(("end", "expected"), [("Sigmoid", []), ("Tanh", ["VAE402"])])
def test_layers_built_from_options(end: str, expected: list[str], tmp_path: Path) -> None:
    path = tmp_path / "built.py"
    path.write_text(BUILT.format(end=end), encoding="utf-8")
    assert sorted({finding.code for finding in lint([path]).findings}) == expected


CHOSEN = "if i + 1 < len(widths):\n                {one}\n            else:\n                {other}"
STACKED = """\
import torch
import torch.nn as nn
import torch.nn.functional as F


class Net(nn.Module):
    def __init__(self, widths):
        super().__init__()
        self.trunk = nn.Linear(784, 20)
        self.to_m, self.to_s = nn.Linear(20, 7), nn.Linear(20, 7)
        self.back = nn.Sequential()
        layers = []
        for i, (a, b) in enumerate(zip(widths[:-1], widths[1:])):
            {body}
        {end}

    def forward(self, x):
        h = torch.relu(self.trunk(x))
        m, s = self.to_m(h), self.to_s(h)
        return self.back(m + torch.randn_like(m) * torch.exp(0.5 * s)), m, s


def loss(recon_x, x, mu, logvar):
    return F.mse_loss(recon_x, x, reduction="sum") - 0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
"""


@pytest.mark.parametrize(
    ("body", "end", "expected"),
    [
        ("layers.append(nn.ReLU() if i + 1 < len(widths) else nn.Sigmoid())", "self.back = nn.Sequential(*layers)", []),
        (
            CHOSEN.format(one="layers.append(nn.ReLU())", other="layers.append(nn.Sigmoid())"),
            "self.back = nn.Sequential(*layers)",
            [],
        ),
        (
            CHOSEN.format(
                one="self.back.add_module(f'a{i}', nn.ReLU())", other="self.back.add_module('e', nn.Sigmoid())"
            ),
            "pass",
            [],
        ),
        (
            "if i > 0:\n                layers.append(nn.ReLU())\n            layers.append(nn.Linear(a, b))",
            "self.back = nn.Sequential(*layers, nn.ReLU(), nn.Sigmoid())",
            ["VAE406"],
        ),
    ],
)
def test_layers_of_which_only_one_is_built(body: str, end: str, expected: list[str], tmp_path: Path) -> None:
    path = tmp_path / "stacked.py"
    path.write_text(STACKED.format(body=body, end=end), encoding="utf-8")
    assert sorted({finding.code for finding in lint([path]).findings}) == expected


# ------------------------------------------------------------------------------------ conditions in Python's own words

STACK = """\
import torch
import torch.nn as nn
import torch.nn.functional as F


def stack(widths, last=True):
    layers = []
    for i, (a, b) in enumerate(zip(widths[:-1], widths[1:])):
        layers.append(nn.Linear(a, b))
        if {condition}:
            layers.append(nn.ReLU())
    return nn.Sequential(*layers)


class Net(nn.Module):
    def __init__(self, widths):
        super().__init__()
        self.to_m, self.to_s = stack(widths, last=False), stack(widths, last=False)
        self.back = nn.Linear(widths[-1], widths[0])
        self.distance = {distance}

    def forward(self, x):
        m, s = self.to_m(x), self.to_s(x)
        return self.back(m + torch.randn_like(m) * torch.exp(0.5 * s)), m, s

    def loss(self, x):
        out, m, s = self(x)
        recon = self.distance(out, x)
        kl = 0.5 * torch.sum(s.exp() + m.pow(2) - 1 - s)
        if {taken}:
            kl = kl / x.shape[0]
        return recon + kl
"""
SUMMED = 'nn.MSELoss(reduction="sum")'


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("not ((i + 2 == len(widths)) & ~last)", []),  # ~False is -1: the last layer is left alone
        ("(i + 2 < len(widths)) | last", []),
        ("(i + 2 == len(widths)) ^ last", ["VAE204"]),
        ("~last", ["VAE204"]),
    ],
)
def test_conditions_of_bits_are_read_as_python_reads_them(condition: str, expected: list[str], tmp_path: Path) -> None:
    path = tmp_path / "net.py"
    path.write_text(STACK.format(condition=condition, distance=SUMMED, taken="False"), encoding="utf-8")
    assert sorted({finding.code for finding in lint([path]).findings}) == expected


@pytest.mark.parametrize(
    ("taken", "expected"),
    [
        (f"self.distance == {SUMMED}", []),  # two modules: never equal
        (f"self.distance != {SUMMED}", ["VAE504"]),
        ("self.distance is self.distance", ["VAE504"]),
        ("self.distance is not self.distance", []),
    ],
)
def test_modules_are_compared_by_identity(taken: str, expected: list[str], tmp_path: Path) -> None:
    path = tmp_path / "net.py"
    path.write_text(STACK.format(condition="i + 2 < len(widths)", distance=SUMMED, taken=taken), encoding="utf-8")
    assert sorted({finding.code for finding in lint([path]).findings}) == expected


# ----------------------------------------------------------------------------------------- lists of unknown length

LEVELS = """\
import torch
import torch.nn as nn
import torch.nn.functional as F


def levels_of(graph):
    levels, found = [graph.roots()], []
    while found is not None:
        found = graph.below(levels[-1])
        levels.append(found)
    return levels[:-1]


class Level(nn.Module):
    def __init__(self, wide, narrow, is_last=False):
        super().__init__()
        self.map, self.is_last = nn.Linear(wide, narrow), is_last

    def forward(self, h):
        return self.map(h).chunk(2, dim=1) if self.is_last else torch.tanh(self.map(h))


class Net(nn.Module):
    def __init__(self, graph):
        super().__init__()
        depth = len(levels_of(graph))
        parts = [Level(33, 14)]
        for i in range(1, depth):
            parts.append(Level(14, 14, is_last=i == depth - {before_the_end}))
        self.encoder, self.back = nn.Sequential(*parts), nn.Linear(7, 33)

    def forward(self, x):
        m, s = self.encoder(x)
        return self.back(m + torch.randn_like(m) * torch.exp(0.5 * s)), m, s

    def loss(self, x):
        out, m, s = self(x)
        kl = 0.5 * torch.sum(s.exp() + m.pow(2) - 1 - s, dim=1)
        return (F.mse_loss(out, x, reduction="none").sum(1) + kl).mean()
"""


@pytest.mark.parametrize(("before_the_end", "expected"), [(1, []), (0, ["VAE204"])])
def test_a_list_that_grows_in_a_while_loop_is_of_no_known_length(
    before_the_end: int, expected: list[str], tmp_path: Path
) -> None:
    path = tmp_path / "net.py"
    path.write_text(LEVELS.format(before_the_end=before_the_end), encoding="utf-8")
    assert sorted({finding.code for finding in lint([path]).findings}) == expected


TABLE = """\
import torch
import torch.nn as nn
from torch.distributions import Normal, kl_divergence


class Net(nn.Module):
    def __init__(self, size, latents, table):
        super().__init__()
        self.latents = latents
        layers{start}
        for i in range(table["depth"]):
            {add}(nn.Linear(table["sizes"][i], table["sizes"][i + 1]))
            {condition}{add}(nn.ReLU())
        self.trunk = {made}
        self.back = nn.Linear(latents, size)

    def forward(self, x):
        m, s = torch.split(self.trunk(x), self.latents, dim=1)
        q = Normal(m, torch.exp(s))
        kl = kl_divergence(q, Normal(torch.zeros_like(m), torch.ones_like(m))).sum(1)
        return ((self.back(q.rsample()) - x) ** 2).sum(1).mean() + kl.mean()
"""


@pytest.mark.parametrize(
    ("start", "add", "made"),
    [(" = []", "layers.append", "nn.Sequential(*layers)"), (" = nn.Sequential()", "layers.append", "layers")],
)
def test_an_activation_that_a_table_asks_for_is_not_taken_to_be_there(
    start: str, add: str, made: str, tmp_path: Path
) -> None:
    path = tmp_path / "net.py"
    found = {}
    for condition in ("if table['bent'][i] != 0: ", ""):
        path.write_text(TABLE.format(start=start, add=add, made=made, condition=condition), encoding="utf-8")
        found[condition] = [finding.code for finding in lint([path]).findings]
    assert list(found.values()) == [[], ["VAE204"]]
