"""Five ways to lay out a VAE, with slots for the parts that go wrong: what the linter's spellings are written into.

`[SLOT]` on a line of its own takes a block of statements, `@name` stands for the skeleton's own name of a tensor: x, h,
m and s (the heads), std, eps, z, raw (before the activation), y (the reconstruction), err and kl (per sample).
"""

from __future__ import annotations

import json
import re
import textwrap
from dataclasses import dataclass

IMPORTS = """\
import math

import torch
import torch.nn.functional as F
from torch import nn
from torch.distributions import Independent, Normal, kl_divergence
"""

DEFAULTS = {
    "IN": "@h = @x",
    "EXTRA": "self.unused = None",
    "TRUNK": "@trunk = nn.Sequential(nn.Flatten(), nn.Linear(3 * 8 * 12, 40), nn.ReLU())",
    "HEAD": "@m = @first(@h)\n@s = @second(@h)",
    "STD": "@std = torch.exp(0.5 * @s)",
    "EPS": "@eps = torch.randn_like(@std)",
    "Z": "@z = @m + @std * @eps",
    "OUT": "@y = torch.sigmoid(@raw)",
    "ERR": '@err = F.mse_loss(@y, @x, reduction="none").sum(dim=(1, 2, 3))',
    "KL": "@kl = -0.5 * torch.sum(1 + @s - @m.pow(2) - @s.exp(), dim=1)",
    "LOSS": "return @err.mean() + @kl.mean()",
}


@dataclass(frozen=True)
class Skeleton:
    """Files by name, and the names that stand for the tensors and layers."""

    files: dict[str, str]
    names: dict[str, str]

    def filled(self, slots: dict[str, str]) -> dict[str, str]:
        """The files with every slot filled, those not given by the default."""
        return {path: self._file(path, text, {**DEFAULTS, **slots}) for path, text in self.files.items()}

    def _file(self, path: str, text: str, slots: dict[str, str]) -> str:
        def block(match: re.Match[str]) -> str:
            return textwrap.indent(slots[match["slot"]], match["indent"])

        text = re.sub(r"^(?P<indent> *)\[(?P<slot>[A-Z]+)\]$", block, text, flags=re.M)
        text = re.sub(r"@(\w+)", lambda match: self.names[match[1]], text)
        if not path.endswith(".ipynb"):
            return text
        cells = [{"cell_type": "code", "source": cell} for cell in text.split("#---\n")]
        return json.dumps({"cells": [{"cell_type": "markdown", "source": "# Notes"}, *cells]})


def _names(words: str) -> dict[str, str]:
    return dict(zip("x h m s std eps z raw y err kl trunk first second".split(), words.split(), strict=True))


# One class and a free loss, unusual names throughout.
PLAIN = Skeleton(
    {
        "squeeze.py": IMPORTS
        + """

class Squeezer(nn.Module):
    def __init__(self, width=5):
        super().__init__()
        [TRUNK]
        @first = nn.Linear(40, width)
        @second = nn.Linear(40, width)
        self.back = nn.Sequential(nn.Linear(width, 40), nn.ReLU(), nn.Linear(40, 3 * 8 * 12))
        [EXTRA]

    def forward(self, @x):
        [IN]
        @h = @trunk(@h)
        [HEAD]
        [STD]
        [EPS]
        [Z]
        @raw = self.back(@z).view(-1, 3, 8, 12)
        [OUT]
        return @y, @m, @s


def cost(@y, @x, @m, @s):
    [ERR]
    [KL]
    [LOSS]


def fit(batches):
    net = Squeezer()
    optimizer = torch.optim.Adam(net.parameters())
    for batch, _ in batches:
        guess, one, two = net(batch)
        total = cost(guess, batch, one, two)
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
"""
    },
    _names("pic feats centre spread width noise code drawn guess misfit gap self.trunk self.to_centre self.to_spread"),
)

# Helper functions in another file.
HELPERS = Skeleton(
    {
        "bits.py": IMPORTS
        + """

def draw(@m, @s):
    [STD]
    [EPS]
    [Z]
    return @z


def gap(@m, @s):
    [KL]
    return @kl


def misfit(@y, @x):
    [ERR]
    return @err
""",
        "net.py": IMPORTS
        + """from bits import draw, gap, misfit


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        [TRUNK]
        @first, @second = nn.Linear(40, 7), nn.Linear(40, 7)
        self.back = nn.Linear(7, 3 * 8 * 12)
        [EXTRA]

    def encode(self, @x):
        [IN]
        @h = @trunk(@h)
        [HEAD]
        return @m, @s

    def decode(self, @z):
        @raw = self.back(@z).reshape(len(@z), 3, 8, 12)
        [OUT]
        return @y

    def forward(self, @x):
        @m, @s = self.encode(@x)
        return self.decode(draw(@m, @s)), (@m, @s)


def step(model: Net, @x):
    model = Net()
    @y, pair = model(@x)
    @err, @kl = misfit(@y, @x), gap(*pair)
    [LOSS]


def improve(batches):
    for @x in batches:
        step(None, @x).backward()
""",
    },
    _names("t f a b dev e q r u d k self.body self.one self.two"),
)

# A base class, layers built in a loop, the loss a module of its own.
INHERITED = Skeleton(
    {
        "family.py": IMPORTS
        + """

class Base(nn.Module):
    sizes = (40, 30)

    def __init__(self, latent_dim):
        super().__init__()
        layers = []
        last = latent_dim
        for size in self.sizes:
            layers += [nn.Linear(last, size), nn.ELU()]
            last = size
        layers.append(nn.Linear(last, 3 * 8 * 12))
        self.generator = nn.Sequential(*layers)
        [TRUNK]
        [EXTRA]

    def bottleneck(self, @h):
        raise NotImplementedError

    def sample(self, @m, @s):
        [STD]
        [EPS]
        [Z]
        return @z

    def forward(self, @x):
        [IN]
        @m, @s = self.bottleneck(@trunk(@h))
        @z = self.sample(@m, @s)
        @raw = self.generator(@z).unflatten(1, (3, 8, 12))
        [OUT]
        return {"picture": @y, "location": @m, "dispersion": @s}


class Child(Base):
    def __init__(self, latent_dim=6):
        super().__init__(latent_dim)
        @first = nn.Linear(40, latent_dim)
        @second = nn.Linear(40, latent_dim)

    def bottleneck(self, @h):
        [HEAD]
        return @m, @s


class Objective(nn.Module):
    def forward(self, found, @x):
        @y, @m, @s = found["picture"], found["location"], found["dispersion"]
        [ERR]
        [KL]
        [LOSS]


def train(pictures):
    model, criterion = Child(), Objective()
    for picture in pictures:
        criterion(model(picture), picture).backward()
"""
    },
    _names("image hidden where howwide sd nu w logit_map rebuilt fidelity complexity self.reader self.loc self.disp"),
)

# Everything inside forward, which returns the loss; sizes and activation passed around as values.
INSIDE = Skeleton(
    {
        "compact.py": IMPORTS
        + """

def perceptron(*sizes, act=lambda: nn.Tanh()):
    net = nn.Sequential()
    for index, (one, two) in enumerate(zip(sizes[:-1], sizes[1:])):
        net.add_module(f"affine{index}", nn.Linear(one, two))
        if index < len(sizes) - 2:
            net.add_module(f"act{index}", act())
    return net


class Compact(nn.Module):
    def __init__(self, n=9):
        super().__init__()
        [TRUNK]
        @first = perceptron(40, n)
        @second = perceptron(40, n)
        self.down = perceptron(n, 33, 3 * 8 * 12)
        [EXTRA]

    def forward(self, @x):
        [IN]
        @h = @trunk(@h)
        [HEAD]
        [STD]
        [EPS]
        [Z]
        @raw = torch.reshape(self.down(@z), (-1, 3, 8, 12))
        [OUT]
        [ERR]
        [KL]
        [LOSS]


def run(loader):
    compact = Compact()
    for @x in loader:
        objective = compact(@x)
        objective.backward()
"""
    },
    _names("frame trait p q r n s_ pre out dist info self.look self.heads_p self.heads_q"),
)

# A notebook: the parts in cells, a NamedTuple between them.
NOTEBOOK = Skeleton(
    {
        "study.ipynb": "%matplotlib inline\n"
        + IMPORTS
        + """from typing import NamedTuple
from torch.utils.data import DataLoader, TensorDataset
#---
class Seen(NamedTuple):
    @y: torch.Tensor
    @m: torch.Tensor
    @s: torch.Tensor
#---
class Study(nn.Module):
    def __init__(self):
        super().__init__()
        [TRUNK]
        @first = nn.Linear(40, 4)
        @second = nn.Linear(40, 4)
        self.out = nn.Sequential(nn.Linear(4, 20), nn.ReLU(inplace=True), nn.Linear(20, 3 * 8 * 12))
        [EXTRA]

    def noisy(self, @m, @s):
        [STD]
        [EPS]
        [Z]
        return @z

    def forward(self, @x):
        [IN]
        @h = @trunk(@h)
        [HEAD]
        @raw = self.out(self.noisy(@m, @s)).view(@x.size(0), 3, 8, 12)
        [OUT]
        return Seen(@y, @m, @s)
#---
def target(seen, @x):
    @y, @m, @s = seen
    [ERR]
    [KL]
    [LOSS]
#---
study = Study()
optimizer = torch.optim.SGD(study.parameters(), lr=0.1)
for @x, _ in DataLoader(TensorDataset(torch.load("sheets.pt"))):
    value = target(study(@x), @x)
    value.backward()
    optimizer.step()
"""
    },
    _names("sheet essence left right breadth jitter point plain copy loss_a loss_b self.inn self.left self.right"),
)

SKELETONS = {"plain": PLAIN, "helpers": HELPERS, "inherited": INHERITED, "inside": INSIDE, "notebook": NOTEBOOK}
