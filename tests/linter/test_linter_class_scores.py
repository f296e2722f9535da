"""Pixels as classes: the scores of a cross entropy have an axis more than the picture, and its shape otherwise."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, LOOP, codes, linted

TEXT = (
    HEAD
    + """

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.there, self.a, self.b = nn.Linear(48, 33), nn.Linear(33, 7), nn.Linear(33, 7)
        self.back = nn.Linear(7, {wide})

    def forward(self, x):
        h = F.relu(self.there(x.view(-1, 48)))
        m, s = self.a(h), self.b(h)
        return self.back(m + torch.exp(0.5 * s) * torch.randn_like(s)), m, s
"""
    + LOOP.format(loss="loss = {error} - 0.5 * torch.sum(1 + s - m.pow(2) - s.exp())", differentiated="loss.backward()")
)
ERRORS = {
    "classes": (12288, 'F.cross_entropy(y.view(-1, 256, 48), (255 * x.view(-1, 48)).long(), reduction="sum")', []),
    "one picture": (48, 'F.mse_loss(y.view(-1, 48), x.view(-1, 48), reduction="sum")', []),
    "another picture": (96, 'F.mse_loss(y.view(-1, 2, 48), x.view(-1, 48), reduction="sum")', ["VAE105"]),
}


@pytest.mark.parametrize("error", ERRORS)
def test_the_axis_of_classes_is_no_axis_of_a_picture(error: str, tmp_path: Path) -> None:
    wide, text, expected = ERRORS[error]
    assert codes(linted(tmp_path, {"net.py": TEXT.format(wide=wide, error=text)})) == expected


SOFTMAX = """\
import torch
import torch.nn.functional as F
from torch import nn

scores = nn.Sequential(
    nn.Linear(10, 5),
    {layer},
)


def train(loader):
    optimizer = torch.optim.Adam(scores.parameters())
    for x, y in loader:
        loss = F.cross_entropy(scores(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""


@pytest.mark.parametrize("layer", ["nn.Softmax(dim=1)", "nn.Sigmoid()"])
def test_the_activation_before_a_softmax_is_shown_where_it_is_put(layer: str, tmp_path: Path) -> None:
    (finding,) = linted(tmp_path, {"train.py": SOFTMAX.format(layer=layer)}).findings
    assert finding.code == "VAE405"
    assert finding.place is not None
    assert layer in SOFTMAX.format(layer=layer).splitlines()[finding.place.line - 1]


UNREAD = """\
import torch
import torch.nn.functional as F
from elsewhere import Net


def fit(loader):
    net = Net()
    optimizer = torch.optim.Adam(net.parameters())
    for x, label in loader:
        scores, m, s = net(x)
        kl = torch.mean(-0.5 * torch.sum(1 + s - m.pow(2) - s.exp(), dim=1))
        loss = F.cross_entropy({scores}, {label}) + kl
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
# Scores of a model that is not read, what they are compared with, and what is said of the balance.
COMPARED = {
    "a label": ("scores", "label", []),
    "a label on the device": ("scores", "label.to(x.device).long()", []),
    "scores made warmer": ("scores / 0.7", "label", []),
    "tokens in rows": ("scores.view(-1, 50)", "label.view(-1)", ["VAE502"]),
    "tokens behind classes": ("scores.permute(0, 2, 1)", "label", ["VAE502"]),
    "tokens without the first": ("scores", "label[:, 1:]", ["VAE502"]),
    "what is encoded": ("scores", "x", ["VAE502"]),
}


@pytest.mark.parametrize(("scores", "label", "expected"), COMPARED.values(), ids=COMPARED)
def test_one_label_of_a_sample_is_no_mean_over_elements(
    scores: str, label: str, expected: list[str], tmp_path: Path
) -> None:
    assert codes(linted(tmp_path, {"fit.py": UNREAD.format(scores=scores, label=label)})) == expected


APART = """\
import torch
import torch.nn as nn
import torch.nn.functional as F


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.there, self.back = nn.Linear(48, 14), nn.Linear(7, 48)

    def forward(self, x):
        m, s = self.there(x).chunk(2, dim=-1)
        return self.back(m + torch.exp(0.5 * s) * torch.randn_like(s)), m, s


def objective(x_hat, x, mu, logvar):
    return {error} - 0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())


def train(loader):
    net = Net()
    optimizer = torch.optim.Adam(net.parameters())
    for x in loader:
        x = x.view(x.size(0), -1)
        y, m, s = net(x)
        loss = objective({scores}, x, m, s)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
# What a loss that is a function by itself compares, what it is handed, and what is said of the balance.
BY_ITSELF = {
    "one class": ("nn.CrossEntropyLoss()(x_hat, x.argmax(dim=-1))", "y", ["VAE504"]),
    "one class, functional": ("F.cross_entropy(x_hat, x.max(dim=-1)[1])", "y", ["VAE504"]),
    "words": (
        "F.cross_entropy(x_hat, x.view(-1, 6, 8).argmax(dim=1))",
        "y.view(-1, 6, 8)",
        ["VAE502", "VAE504"],
    ),
    "numbers": ("F.mse_loss(x_hat, x)", "y", ["VAE502", "VAE504"]),
}


@pytest.mark.parametrize(("error", "scores", "expected"), BY_ITSELF.values(), ids=BY_ITSELF)
def test_a_loss_by_itself_has_the_classes_of_its_caller(
    error: str, scores: str, expected: list[str], tmp_path: Path
) -> None:
    text = APART.format(error=error, scores=scores)
    assert sorted(codes(linted(tmp_path, {"train.py": text}))) == expected
