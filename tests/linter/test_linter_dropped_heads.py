"""Heads behind a dropout, which makes what it keeps of them larger."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import linted

HEADS = """\
import torch
import torch.nn as nn
import torch.nn.functional as F


class Heads(nn.Module):
    def __init__(self, share):
        super().__init__()
        self.first, self.second, self.drop = nn.Linear(33, 7), nn.Linear(33, 7), {drop}

    def forward(self, h):
        mu, logvar = {mu}, self.second(h)
        self.kl = 0.5 * (mu ** 2 + logvar.exp() - logvar - 1).sum(1)
        return mu, logvar
"""


@pytest.mark.parametrize(
    ("drop", "interval"),
    [
        ("nn.Dropout(0.2)", "(-1.25, 1.25)"),
        ("nn.Dropout(p=0.2)", "(-1.25, 1.25)"),
        ("nn.Dropout()", ""),
        ("nn.Dropout(0.0)", "(-1, 1)"),
        ("nn.Dropout(share)", ""),
        ("nn.AlphaDropout(0.2)", ""),
    ],
)
def test_a_mean_behind_dropout_reaches_further(drop: str, interval: str, tmp_path: Path) -> None:
    """A mean that reaches two standard deviations of the prior is confined by nothing that matters."""
    text = HEADS.format(drop=drop, mu="self.drop(torch.tanh(self.first(h)))")
    found = linted(tmp_path, {"vae.py": text}).findings
    assert [finding.code for finding in found] == (["VAE204"] if interval else [])
    assert all(f"mu in {interval}" in finding.message for finding in found)


@pytest.mark.parametrize(
    ("call", "interval"),
    [
        ("F.dropout({}, 0.2, self.training)", "(-1.25, 1.25)"),
        ("F.dropout({}, training=self.training)", ""),
        ("F.dropout({}, self.share, self.training)", ""),
    ],
)
def test_a_mean_behind_the_function_reaches_further(call: str, interval: str, tmp_path: Path) -> None:
    text = HEADS.format(drop="None", mu=call.format("torch.tanh(self.first(h))"))
    found = linted(tmp_path, {"vae.py": text}).findings
    assert [finding.code for finding in found] == (["VAE204"] if interval else [])
    assert all(f"mu in {interval}" in finding.message for finding in found)


@pytest.mark.parametrize("drop", ["nn.Dropout(0.2)", "nn.Dropout()", "nn.Dropout(share)"])
def test_dropout_leaves_a_mean_its_sign(drop: str, tmp_path: Path) -> None:
    text = HEADS.format(drop=drop, mu="self.drop(torch.relu(self.first(h)))")
    assert [finding.code for finding in linted(tmp_path, {"vae.py": text}).findings] == ["VAE204"]
