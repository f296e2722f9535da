"""Notebooks of marimo: cells are functions that take what others give, in whatever order they stand."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from small_vaes.fragments import KL, codes, linted

from vae_checked.linter.files.source import parsed

HEAD = """\
import marimo

__generated_with = "0.13.0"
app = marimo.App(width="medium")
"""
TRAINING = """

@app.cell
def _(Net, bound, loader, torch):
    def fit(net):
        optimizer = torch.optim.Adam(net.parameters())
        for x in loader:
            y, m, s = net(x)
            loss = bound(y, x, m, s)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


    fit(Net())
    return
"""
MODEL = """

@app.cell(hide_code=True)
def _(nn, torch):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.to_m, self.to_s, self.back = nn.Linear(84, 7), nn.Linear(84, 7), nn.Linear(7, 84)

        def forward(self, x):
            m, s = self.to_m(x), self.to_s(x)
            return self.back(m + {std} * torch.{drawn}(m)), m, s
    return (Net,)
"""
BOUND = """

@app.cell
def _(F):
    def bound(y, x, m, s):
        return (F.mse_loss(y, x, reduction="none").sum(dim=1) {by} {kl}).mean()
    return (bound,)
"""
IMPORTS = """

@app.cell
def _():
    import torch
    import torch.nn as nn
    import torch.nn.functional as F
    from torch.utils.data import DataLoader, Dataset
    return DataLoader, Dataset, F, nn, torch


@app.cell
def _(DataLoader, Dataset):
    loader = DataLoader(Dataset(), batch_size=32)
    return (loader,)
"""
RUN = """

if __name__ == "__main__":
    app.run()
"""
# As a setup, and a function that stands by itself.
SETUP = """
with app.setup:
    import torch
    import torch.nn as nn
    import torch.nn.functional as F
    from torch.utils.data import DataLoader, Dataset

    loader = DataLoader(Dataset(), batch_size=32)


@app.function
def bound(y, x, m, s):
    return (F.mse_loss(y, x, reduction="none").sum(dim=1) {by} {kl}).mean()
"""
RIGHT = {"std": "torch.exp(0.5 * s)", "drawn": "randn_like", "by": "+"}


def _notebook(parts: tuple[str, ...], **changes: str) -> str:
    text = "".join((HEAD, *parts, RUN)).replace("{kl}", KL)
    for name, value in {**RIGHT, **changes}.items():
        text = text.replace(f"{{{name}}}", value)
    return text


@pytest.mark.parametrize(
    "parts",
    [(IMPORTS, MODEL, BOUND, TRAINING), (TRAINING, BOUND, MODEL, IMPORTS), (SETUP, TRAINING, MODEL)],
    ids=["in order", "out of order", "setup and function"],
)
@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({}, []),
        ({"std": "torch.exp(s)"}, ["VAE201"]),
        ({"drawn": "rand_like"}, ["VAE202"]),
        ({"by": "-"}, ["VAE302"]),
    ],
)
def test_the_cells_of_a_notebook_of_marimo_are_one_program(
    changes: dict[str, str], found: list[str], parts: tuple[str, ...], tmp_path: Path
) -> None:
    text = _notebook(parts, **changes)
    report = linted(tmp_path, {"notebook.py": text})
    assert codes(report) == found
    assert [vae.core_checked for vae in report.vaes] == [True]
    lines = [finding.place.line for finding in report.findings if finding.place]
    written = {"VAE201": "return self.back", "VAE202": "return self.back", "VAE302": "reduction="}
    assert all(written[code] in text.split("\n")[line - 1] for code, line in zip(found, lines, strict=True))


def test_cells_that_take_of_one_another_are_read_all_the_same() -> None:
    text = (
        HEAD
        + "\n\n@app.cell\ndef _(b):\n    a = b\n    return (a,)\n\n\n@app.cell\ndef _(a):\n    b = a\n    return (b,)\n"
    )
    assert [ast.unparse(node) for node in parsed(text).body[-2:]] == ["b = a", "a = b"]


def test_another_file_with_such_decorators_is_read_as_it_is() -> None:
    text = "app = table.App()\n\n\n@app.cell\ndef made(b):\n    return b\n"
    assert ast.unparse(parsed(text)) == ast.unparse(ast.parse(text))
