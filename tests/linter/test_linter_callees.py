"""What a setting may choose is one of those that fit; what a formula is, it is whatever a caller hands over."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import FORWARD, HEAD, KL, MODEL, codes, linted

PICKED = (
    HEAD
    + MODEL
    + FORWARD
    + """

class Cleaner(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(84, 33), nn.ReLU(), nn.Linear(33, 84), nn.Sigmoid())

    def forward(self, x, noise):
        return self.net(x + noise)


def elbo(y, x, m, s{more}):
    return F.binary_cross_entropy(y, x, reduction="sum") + torch.sum({kl})


def pick(name):
    if name == "squares":
        return F.mse_loss
    if name == "elbo":
        return elbo
    return F.l1_loss


class Runner:
    def __init__(self, net, settings):
        self.net, self.cleaner, self.cost = net, Cleaner(), pick(settings["cost"])

    def one(self, x):
        y, m, s = self.net(x)
        return self.cost(y, x, m, s)

    def other(self, x):
        noise = torch.randn_like(x)
        return self.cost(noise, self.cleaner(x, noise){given})
"""
)


@pytest.mark.parametrize(
    ("more", "given"), [("", ""), (", shift=1.0", ""), (", *rest", ""), ("", ", reduction='sum'"), (", *, shift", "")]
)
def test_a_loss_that_takes_more_than_is_given_is_not_the_one(more: str, given: str, tmp_path: Path) -> None:
    text = PICKED.format(more=more, given=given, kl=KL.replace(", dim=1", ""))
    assert codes(linted(tmp_path, {"net.py": text})) == []


CRITERION = (
    HEAD
    + MODEL
    + FORWARD
    + """

def fit(net, loader, criterion=None):
    criterion = nn.BCEWithLogitsLoss(reduction="sum") if criterion {asked} None else criterion
    for x, _ in loader:
        y, m, s = net(x)
        loss = criterion(y, x) + torch.sum({kl})
        loss.backward()


def main(loader):
    fit(Net(), loader, {given})
"""
)


@pytest.mark.parametrize("asked", ["==", "is"])
@pytest.mark.parametrize(("given", "expected"), [('nn.BCELoss(reduction="sum")', []), ("None", ["VAE401"])])
def test_what_is_handed_over_is_not_none(asked: str, given: str, expected: list[str], tmp_path: Path) -> None:
    text = CRITERION.format(asked=asked, given=given, kl=KL.replace(", dim=1", ""))
    assert codes(linted(tmp_path, {"net.py": text})) == expected


FORMULA = """\
import torch


def between(mean1, logvar1, mean2, logvar2):
    distance = (mean1 - mean2).pow(2) / logvar2.exp()
    return {logs} + 0.5 * ((logvar1 - logvar2).exp() + distance - 1)


class Kernel:
    def __init__(self, centres, width):
        self.a, self.b, self.width = centres[..., 0], centres[..., 1], width

    def log_prob(self, z):
        return -between(3.0 * z[..., 0], z[..., 1], 3.0 * self.a, self.b) / self.width
"""


@pytest.mark.parametrize(("logs", "expected"), [("0.5 * (logvar2 - logvar1)", []), ("(logvar2 - logvar1)", ["VAE301"])])
def test_a_formula_is_judged_as_it_is_written(logs: str, expected: list[str], tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"between.py": FORMULA.format(logs=logs)})) == expected


DIGITS = (
    HEAD
    + MODEL
    + FORWARD
    + """

class Digits(Dataset):
    def __init__(self):
        self.pictures = torchvision.datasets.MNIST("digits").data

    def __getitem__(self, index):
        picture = self.pictures[index]
        {change}
        return picture.flatten().float()


def fit():
    net = Net()
    for x in DataLoader(Digits(), batch_size=5):
        y, m, s = net(x)
        loss = F.binary_cross_entropy(y, x, reduction="none").sum(1) + {kl}
        loss.mean().backward()
"""
)


@pytest.mark.parametrize(
    ("change", "expected"),
    [("picture[picture > 0] = 1", []), ("picture[~(picture < 128)] = 1", []), ("assert len(picture)", ["VAE104"])],
)
def test_pictures_that_a_mask_makes_binary_are_no_bytes(change: str, expected: list[str], tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"net.py": DIGITS.format(change=change, kl=KL)})) == expected


OLD = """
import torch
import torch.nn as nn
import torch.nn.functional as F


class Net(nn.Module):
    def __init__(self, seen, latents, bound):
        super().__init__()
        self.bound = bound
        self.to_m, self.to_s = nn.Linear(seen, latents), nn.Linear(seen, latents)
        self.back = nn.Linear(latents, seen)

    def forward(self, x):
        m, s = self.to_m(x), F.elu(self.to_s(x), self.bound)
        y = self.back(m + torch.exp(0.5 * s) * torch.randn_like(s))
        return F.mse_loss(y, x, reduction="sum") + 0.5 * torch.sum(m ** 2 + s.exp() - s - 1)


def show(x):
    return Net({given})(x)
"""


@pytest.mark.parametrize(("given", "expected"), [("33, 7, 0", ["VAE204"]), ("33, 7, 0, 0, 0", []), ("*x", [])])
def test_a_call_with_more_than_a_class_takes_says_nothing_of_it(
    given: str, expected: list[str], tmp_path: Path
) -> None:
    assert codes(linted(tmp_path, {"net.py": OLD.format(given=given)})) == expected


NESTED = (
    HEAD
    + MODEL
    + FORWARD
    + """

def squares(y, x, m, s):
    return torch.sum((y - x) ** 2) + torch.sum({kl})


def elbo(y, x, m, s):
    return F.binary_cross_entropy(y, x, reduction="sum") + torch.sum({kl})


def plain(x, y):
    return F.binary_cross_entropy(y, x)


def pick(settings):
    if settings["kind"] == "elbo":
        if settings["squares"]:
            return squares
        return elbo
    return plain


class Runner:
    def __init__(self, net, settings):
        self.net, self.cost = Net(), pick(settings)

    def one(self, x):
        y, m, s = self.net(x)
        return self.cost(y, x, m, s)

    def other(self, x):
        y, _, _ = self.net(x)
        return self.cost({given})
"""
)


@pytest.mark.parametrize(("given", "expected"), [("x, y", []), ("y, x", ["VAE404"])])
def test_a_choice_within_a_choice_is_asked_whether_it_fits(given: str, expected: list[str], tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"run.py": NESTED.format(kl=KL, given=given)})) == expected
