"""Where a run builds one of several optimizers, or gives one of several lists: each of them has to hold all layers."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import KL, linted

HEAD = """\
import torch
import torch.nn as nn
import torch.nn.functional as F


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(91, 33), nn.ReLU())
        self.to_m, self.to_s = nn.Linear(33, 7), nn.Linear(33, 7)
        self.back = nn.Linear(7, 91)

    def forward(self, x):
        h = self.trunk(x)
        m, s = self.to_m(h), self.to_s(h)
        return self.back(m + torch.exp(0.5 * s) * torch.randn_like(s)), m, s

"""
TRAIN = """
def train(loader, config):
    net = Net()
{built}
    for x in loader:
        y, m, s = net(x)
        loss = (F.mse_loss(y, x, reduction="none").sum(1) + KL).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
""".replace("KL", KL)
WHOLE, PART = "net.parameters()", "net.trunk.parameters()"
ADAM = "torch.optim.Adam"
# What builds the optimizer, and functions before it: {whole} once and {part} once, by a setting that is not known.
CHOSEN = {
    "a list of groups in one branch": (
        (
            "    if config.fast:\n        optimizer = Adam({whole})\n    else:\n"
            "        groups = [{{'params': {part}}}]\n        optimizer = Adam(groups)"
        ),
        "",
    ),
    "an expression in the call": ("    optimizer = Adam({whole} if config.fast else {part})", ""),
    "an expression with a name": ("    held = {whole} if config.fast else {part}\n    optimizer = Adam(held)", ""),
    "a name in two branches": (
        "    if config.fast:\n        held = {whole}\n    else:\n        held = {part}\n    optimizer = Adam(held)",
        "",
    ),
    "a name given anew": (
        "    held = list({whole})\n    if config.fast:\n        held = list({part})\n    optimizer = Adam(held)",
        "",
    ),
    "an optimizer given anew": (
        "    optimizer = Adam({whole})\n    if config.fast:\n        optimizer = Adam({part})",
        "",
    ),
    "a case": (
        (
            "    match config.name:\n        case 'adam':\n            optimizer = Adam({whole})\n"
            "        case _:\n            optimizer = torch.optim.SGD({part}, 0.1)"
        ),
        "",
    ),
    "what is returned first": (
        "    optimizer = made(net, config)",
        "def made(net, config):\n    if config.fast:\n        return Adam({whole})\n    return Adam({part})\n",
    ),
    "one of two functions": (
        "    optimizer = one(net) if config.fast else other(net)",
        "def one(net):\n    return Adam({whole})\n\n\ndef other(net):\n    return Adam({part})\n",
    ),
    "a table of optimizers": ("    optimizer = {{'a': Adam({whole}), 'b': Adam({part})}}[config.name]", ""),
    "a table of lambdas": (
        (
            "    table = {{'a': lambda net: Adam({whole}), 'b': lambda net: Adam({part})}}\n"
            "    optimizer = table[config.name](net)"
        ),
        "",
    ),
    "what an import falls back to": (
        "    try:\n        optimizer = Adam({whole})\n    except TypeError:\n        optimizer = Adam({part})",
        "",
    ),
}


def program(name: str, whole: str, part: str) -> str:
    built, before = (text.replace("Adam(", f"{ADAM}(").format(whole=whole, part=part) for text in CHOSEN[name])
    return f"{HEAD}\n{before}\n{TRAIN.format(built=built)}"


def said(tmp_path: Path, text: str) -> tuple[bool, bool]:
    """Whether VAE602 is found, and whether it is called clean of any subject."""
    report = linted(tmp_path, {"a.py": text})
    found = any(each.code == "VAE602" for each in report.findings)
    return found, any("VAE602" in each.clean for each in report.judgements)


@pytest.mark.parametrize("name", CHOSEN)
def test_one_of_several_that_leaves_something_out_is_open(name: str, tmp_path: Path) -> None:
    assert said(tmp_path, program(name, WHOLE, PART)) == (False, False)


@pytest.mark.parametrize("name", CHOSEN)
def test_several_that_hold_all_are_clean(name: str, tmp_path: Path) -> None:
    assert said(tmp_path, program(name, WHOLE, WHOLE)) == (False, True)


@pytest.mark.parametrize(
    "built",
    [
        "    optimizer = torch.optim.Adam(net.parameters())\n    other = torch.optim.Adam(net.trunk.parameters())",
        "    if config.fast:\n        net.half()\n    optimizer = torch.optim.Adam(net.parameters())",
        "    held = [{'params': net.parameters()}]\n    optimizer = torch.optim.Adam(held)",
        (
            "    if config.fast:\n        optimizer = torch.optim.Adam(net.parameters())\n    else:\n        return\n"
            "    other = torch.optim.Adam(net.trunk.parameters())"
        ),
    ],
    ids=["another beside it", "a condition of something else", "a list of one group", "the end of the other branch"],
)
def test_what_is_built_whatever_is_chosen_is_clean(built: str, tmp_path: Path) -> None:
    assert said(tmp_path, HEAD + TRAIN.format(built=built)) == (False, True)


def test_one_that_leaves_something_out_alone_is_named(tmp_path: Path) -> None:
    assert said(tmp_path, HEAD + TRAIN.format(built=f"    optimizer = {ADAM}({PART})")) == (True, False)
