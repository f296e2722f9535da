"""Layers that a model gets after its optimizer was built: `parameters()` hands out those that are there."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import linted

MODEL = """\
import torch
import torch.nn.functional as F
from torch import nn


class Base(nn.Module):
    def __init__(self):
        super().__init__()
        self.mu, self.logvar = nn.Linear(33, 7), nn.Linear(33, 7)
        {base}

    def build(self):
        self.opt = torch.optim.Adam(self.parameters(), lr=1e-3)

    def step(self, loss):
        self.opt.zero_grad()
        loss.backward()
        self.opt.step()


class Net(Base):
    def __init__(self):
        {before}super().__init__()
        {layers}
        {after}

    def forward(self, x):
        h = F.relu(self.enc(x))
        mu, logvar = self.mu(h), self.logvar(h)
        x_hat = torch.sigmoid(self.dec(mu + torch.randn_like(mu) * torch.exp(0.5 * logvar)))
        kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
        return F.binary_cross_entropy(x_hat, x, reduction="sum") + kl
"""
TRAINED = """

def train(loader):
    net = Net()
    for x in loader:
        net.step(net(x))
"""
EARLY = "self.opt = torch.optim.Adam(self.parameters(), lr=1e-3)"
LAYERS = {
    "as attributes": "self.enc, self.dec = nn.Linear(84, 33), nn.Linear(7, 84)",
    "by add_module": 'self.add_module("enc", nn.Linear(84, 33)); self.add_module("dec", nn.Linear(7, 84))',
    "in containers": "self.enc, self.dec = nn.Sequential(nn.Linear(84, 33)), nn.Sequential(nn.Linear(7, 84))",
}


def lint_602(tmp_path: Path, text: str) -> tuple[list[str], bool]:
    """What is said of parameters without an optimizer, and whether they are called clean."""
    report = linted(tmp_path, {"vae.py": text})
    named = [finding.message for finding in report.findings if finding.code == "VAE602"]
    return named, any("VAE602" in vae.clean for vae in report.vaes)


def of(layers: str, base: str = EARLY, after: str = "pass", before: str = "") -> str:
    return MODEL.format(base=base, layers=layers, after=after, before=before)


@pytest.mark.parametrize("training", ["", TRAINED], ids=["the model alone", "trained"])
@pytest.mark.parametrize("layers", LAYERS.values(), ids=LAYERS)
def test_a_base_that_takes_its_parameters_first_trains_no_later_layer(
    layers: str, training: str, tmp_path: Path
) -> None:
    assert lint_602(tmp_path, of(layers) + training) == (["no optimizer holds dec, enc"], False)


RIGHT = {
    "built at the end": of(LAYERS["as attributes"], base="pass", after="self.build()"),
    "built again": of(LAYERS["as attributes"], after=EARLY),
    "a group is added": of(
        LAYERS["as attributes"],
        after='self.opt.add_param_group({"params": [*self.enc.parameters(), *self.dec.parameters()]})',
    ),
}


@pytest.mark.parametrize("training", ["", TRAINED], ids=["the model alone", "trained"])
@pytest.mark.parametrize("text", RIGHT.values(), ids=RIGHT)
def test_an_optimizer_that_gets_all_layers_in_the_end_is_right(text: str, training: str, tmp_path: Path) -> None:
    assert lint_602(tmp_path, text + training)[0] == []


SCRIPT = """

def train(loader):
    net = Net()
    {first}
    {second}
    for x in loader:
        optimizer.zero_grad()
        net(x).backward()
        optimizer.step()
"""
BUILT = "optimizer = torch.optim.Adam(net.parameters())"


@pytest.mark.parametrize(
    ("first", "second", "named"),
    [
        (BUILT, "net.enc = nn.Linear(84, 33)", ["no optimizer holds enc"]),
        (BUILT, "net.dec = nn.Sequential(nn.Linear(7, 84), nn.Tanh())", ["no optimizer holds dec"]),
        ("net.enc = nn.Linear(84, 33)", BUILT, []),
        (BUILT, "net.other = nn.Linear(84, 33)", []),
    ],
)
def test_a_layer_that_is_replaced_after_the_optimizer_was_built(
    first: str, second: str, named: list[str], tmp_path: Path
) -> None:
    text = of(LAYERS["as attributes"], base="pass") + SCRIPT.format(first=first, second=second)
    assert lint_602(tmp_path, text) == (named, not named)


def test_a_layer_that_a_script_replaces_comes_before_the_optimizer(tmp_path: Path) -> None:
    script = SCRIPT.replace("\n    ", "\n").replace("def train(loader):\n", "loader = open_pictures()\n")
    text = of(LAYERS["as attributes"], base="pass") + script.format(first=BUILT, second="net.enc = nn.Linear(84, 33)")
    (finding,) = linted(tmp_path, {"vae.py": text}).findings
    assert finding.message == "no optimizer holds net.enc"
    assert finding.fix == "build the optimizer behind the line that sets net.enc"
