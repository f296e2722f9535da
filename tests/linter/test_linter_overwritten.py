"""A term that is computed and written over before anything reads it is no part of a VAE, and is not judged."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from vae_checked.linter import lint
from vae_checked.linter.files.overwritten import overwritten
from vae_checked.reports import all_examined

SCENE = """\
import torch
from torch import nn
from torch.nn import functional as F


class Autoencoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk, self.mu, self.logvar = nn.Linear(28, 60), nn.Linear(60, 7), nn.Linear(60, 7)
        self.back = nn.Linear(7, 28)

    def forward(self, x):
        h = torch.relu(self.trunk(x))
        mu, logvar = self.mu(h), self.logvar(h)
        z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
        return self.back(z), mu, logvar


def cost(x_hat, x, mu, logvar, log):
    error = F.mse_loss(x_hat, x, reduction="sum")
{kl}
    return error + kl


def fit(loader, log):
    model = Autoencoder()
    optimizer = torch.optim.Adam(model.parameters())
    for x in loader:
        x_hat, mu, logvar = model(x)
        loss = cost(x_hat, x, mu, logvar, log)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
RIGHT = "kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())"
WRONG = "kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp().square())"
SILENT = {
    "at once": (WRONG, RIGHT),
    "after another statement": (WRONG, "log(error)", RIGHT),
    "twice": (WRONG, WRONG, RIGHT),
}
NAMED = {
    "the last": (RIGHT, WRONG),
    "one that is read": (WRONG, "log(kl)", RIGHT),
    "one that the next is made of": (WRONG, "kl = 2 * kl"),
    "one that stays on a condition": (WRONG, "if log:", f"    {RIGHT}"),
}


def found(lines: tuple[str, ...], folder: Path) -> set[str]:
    (folder / "model.py").write_text(SCENE.format(kl="\n".join(f"    {line}" for line in lines)))
    return {finding.code for finding in lint([folder]).findings}


@pytest.mark.parametrize("lines", SILENT.values(), ids=SILENT)
def test_a_kl_that_is_written_over_is_not_judged(lines: tuple[str, ...], tmp_path: Path) -> None:
    assert found(lines, tmp_path) == set()
    (vae,) = (each for each in all_examined(lint([tmp_path])) if each.is_vae)
    assert {"VAE201", "VAE301", "VAE304"} <= set(vae.clean)


@pytest.mark.parametrize("lines", NAMED.values(), ids=NAMED)
def test_a_kl_that_something_reads_is_judged(lines: tuple[str, ...], tmp_path: Path) -> None:
    assert "VAE301" in found(lines, tmp_path)


FUNCTIONS = {
    "at once": ("a = 1\na = 2", {1}),
    "of what it reads": ("a = 1\na = a + 1", set()),
    "in a loop": ("for b in c:\n    a = b\n    a = c", {2}),
    "after a loop": ("a = 1\nfor b in c:\n    a = b\na = 2", set()),
    "in a try": ("try:\n    a = 1\n    a = b()\nexcept Error:\n    log(a)", set()),
    "of a global name": ("global a\na = 1\nb()\na = 2", set()),
    "read by a function": ("a = 1\ndef b():\n    return a\na = 2", set()),
    "before a turn is left": ("while c:\n    a = 1\n    if b():\n        break\n    a = 2", set()),
    "before a turn is ended": ("for b in c:\n    a = 1\n    if b:\n        continue\n    a = 2", set()),
    "before an error": ("a = 1\nif c:\n    raise Error\na = 2", set()),
    "deeper in a try": ("try:\n    with b:\n        a = 1\n        a = 2\nexcept Error:\n    log(a)", set()),
    "in a handler": ("try:\n    b()\nexcept Error:\n    a = 1\n    a = 2", set()),
    "read by a function before": ("def b():\n    return a\na = 1\nb()\na = 2", set()),
    "read by a lambda before": ("b = lambda: a\na = 1\nb()\na = 2", set()),
    "in a block": ("with b:\n    a = 1\n    a = 2", {2}),
    "before it returns": ("a = 1\nif c:\n    return c\na = 2", {1}),
    "of two names": ("a = b = 1\na = 2", set()),
    "an attribute": ("a.b = 1\na.b = 2", set()),
}


@pytest.mark.parametrize(("body", "lines"), FUNCTIONS.values(), ids=FUNCTIONS)
def test_what_is_written_over(body: str, lines: set[int], tmp_path: Path) -> None:
    text = "def f(c):\n" + "\n".join(f"    {line}" for line in body.splitlines())
    assert {line - 1 for _, line, _ in overwritten(ast.parse(text).body[0])} == lines
