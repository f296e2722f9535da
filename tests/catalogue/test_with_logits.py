"""The remedy of a BCE of logits, in the words of the call that is at fault."""

from __future__ import annotations

from pathlib import Path

import pytest

from vae_checked.catalogue.support.with_logits import with_logits
from vae_checked.linter import lint


@pytest.mark.parametrize(
    ("source", "instead"),
    [
        (
            'F.binary_cross_entropy(y, x, reduction="none")',
            'F.binary_cross_entropy_with_logits(y, x, reduction="none")',
        ),
        ("binary_cross_entropy(a,\n    b)", "binary_cross_entropy_with_logits(a, b)"),
        ("nn.BCELoss(reduction='sum')(y, x)", "nn.BCEWithLogitsLoss(reduction='sum')(y, x)"),
        ("criterion(d, ones * label)", "nn.BCEWithLogitsLoss for criterion"),
        ("self.bce(y, x)", "nn.BCEWithLogitsLoss for self.bce"),
        ("losses[0](y, x)", None),
        ("make(1)(y, x)", None),
        ("x * torch.log(y) + (1 - x) * torch.log(1 - y)", None),
        ("", None),
        ("(", None),
        (f"F.binary_cross_entropy({'y' * 90}, x)", None),
    ],
)
def test_a_call_of_probabilities_is_written_for_logits(source: str, instead: str | None) -> None:
    assert with_logits(source) == instead


TEXT = """\
import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy


def train(loader):
    back, criterion = nn.Linear(8, 20), nn.BCELoss()
    optimizer = torch.optim.Adam(back.parameters())
    for z, x in loader:
        loss = {loss}
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""


@pytest.mark.parametrize(
    ("loss", "fix"),
    [
        ("criterion(back(z), 0.9 * x)", "nn.BCEWithLogitsLoss for criterion, or a sigmoid before the loss"),
        (
            "binary_cross_entropy(torch.relu(back(z)), x)",
            "binary_cross_entropy_with_logits(torch.relu(back(z)), x) without the relu, or a sigmoid in its place",
        ),
    ],
)
def test_the_remedy_names_the_loss_that_is_written(loss: str, fix: str, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(TEXT.format(loss=loss), encoding="utf-8")
    (finding,) = lint([tmp_path]).findings
    assert (finding.code, finding.fix) == ("VAE402", fix)
