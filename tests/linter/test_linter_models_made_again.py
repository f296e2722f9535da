"""A model that is made or loaded behind its optimizer is another one: what the optimizer holds trains nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import FORWARD, HEAD, MODEL, OBJECTIVE, codes, linted

from vae_checked.reports import all_examined

# The star import is of a folder that is not there: the model is known by its name alone.
TRAINING = (
    """
import copy

import torch
import torch.nn as nn
import torch.nn.functional as F
from part.net import *
"""
    + OBJECTIVE
    + """

def made(net):
    return torch.optim.Adam(net.parameters())


def train(loader, device):
    net = Net().to(device)
    {optimizer}
    {between}
    for x in loader:
        y, m, s = net(x)
        loss = objective(y, x, m, s)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    {behind}
"""
)


ADAM = "optimizer = torch.optim.Adam(net.parameters())"


def is_clean(between: str, behind: str, tmp_path: Path, optimizer: str = ADAM) -> bool:
    text = TRAINING.format(between=between, behind=behind, optimizer=optimizer)
    report = linted(tmp_path, {"parts/net.py": HEAD + MODEL + FORWARD, "train.py": text})
    assert codes(report) == []
    return any("VAE602" in each.clean for each in all_examined(report) if each.is_vae)


@pytest.mark.parametrize(
    "between",
    [
        "net = Net().to(device)",
        "schedule = torch.optim.lr_scheduler.StepLR(optimizer, 9)\n    net = Net().to(device)",
        "net = torch.load('best.pt')",
        "net = copy.deepcopy(net)",
        "if device.index:\n        net = torch.load('best.pt')",
        "if device.index:\n        net = torch.load('best.pt')['net'].to(device)",
        "if device.index:\n        net = Net()\n        net.load_state_dict(torch.load('best.pt'))",
        (
            "if device.index:\n        kept = torch.load('best.pt')\n"
            "        optimizer.load_state_dict(kept['optimizer'])\n        net = kept['net']"
        ),
        "if device.type == 'cpu':\n        pass\n    else:\n        net = torch.jit.load('best.pt')",
        "net = torch.load('best.pt') if device.index else net",
        "try:\n        net = torch.load('best.pt')\n    except OSError:\n        pass",
        "with open('best.pt', 'rb') as file:\n        net = torch.load(file)",
        "if device.index:\n        net.back = torch.load('back.pt')",
        "if device.index:\n        net: object = torch.load('best.pt')",
        "if device.index:\n        net, epoch = torch.load('best.pt')",
    ],
)
def test_the_optimizer_of_a_model_that_was_made_again_is_open(between: str, tmp_path: Path) -> None:
    assert not is_clean(between, "", tmp_path)


@pytest.mark.parametrize(
    "optimizer",
    [
        "optimizer = made(net)",
        "optimizer, epoch = torch.optim.Adam(net.parameters()), 3",
        "optimizer: object = torch.optim.Adam(net.parameters())",
        "given = list(net.parameters())\n    optimizer = torch.optim.Adam(given)",
        "optimizer = torch.optim.Adam([*net.trunk.parameters(), *net.to_m.parameters(), *net.to_s.parameters()])",
    ],
)
def test_what_an_optimizer_holds_is_known_however_it_is_made(optimizer: str, tmp_path: Path) -> None:
    assert not is_clean("if device.index:\n        net = torch.load('best.pt')", "", tmp_path, optimizer)


@pytest.mark.parametrize("optimizer", [ADAM, "optimizer = made(net)", "optimizer, epoch = made(net), 3"])
def test_a_model_that_stays_with_its_optimizer_is_clean(optimizer: str, tmp_path: Path) -> None:
    assert is_clean("net = net.to(device)", "", tmp_path, optimizer)


@pytest.mark.parametrize(
    ("between", "behind"),
    [
        ("net = net.to(device)", ""),
        ("net = torch.nn.DataParallel(net)", ""),
        ("net = Net().to(device); optimizer = torch.optim.Adam(net.parameters())", ""),
        ("if device.index:\n        net = nn.DataParallel(net)", ""),
        ("if device.index:\n        net.load_state_dict(torch.load('best.pt'))", ""),
        ("other = torch.load('best.pt') if device.index else None", ""),
        # As it is loaded again for the test.
        ("", "net = Net().to(device)\n    net.load_state_dict(torch.load('best.pt'))"),
    ],
)
def test_a_model_that_is_moved_or_made_again_afterwards_is_clean(between: str, behind: str, tmp_path: Path) -> None:
    assert is_clean(between, behind, tmp_path)
