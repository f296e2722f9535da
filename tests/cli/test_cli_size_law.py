"""A reconstruction of another size is told with the law of the sizes that come back, and the layer that loses rows."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from vae_checked.cli import main

MODULE = """\
import torch
from torch import nn


class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.down = nn.Sequential(nn.Conv1d(3, 8, 3, 2, 1), nn.ReLU(), nn.Conv1d(8, 8, 3, 2, 1))
        self.mu, self.second = nn.Conv1d(8, 4, 1), nn.Conv1d(8, 4, 1)
        self.up = nn.Sequential(nn.ConvTranspose1d(4, 8, 3, 2, 1), nn.ReLU(), nn.ConvTranspose1d(8, 3, 3, 2, 1))

    def forward(self, x):
        h = self.down(x)
        mu, logvar = self.mu(h), self.second(h)
        return self.up(mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)), mu, logvar
"""


def told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], spec: str, *more: str
) -> str:
    (tmp_path / "frames_model.py").write_text(MODULE, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "frames_model", raising=False)
    main(["audit", "frames_model:VAE", "--input", spec, *more])
    return " ".join(capsys.readouterr().out.split())


def test_the_law_and_the_nearest_sizes_stand_beside_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = told(tmp_path, monkeypatch, capsys, "B 3 67")
    assert "x_hat has the shape (B 3 65), x has (B 3 67)" in text
    assert "T = 67 does not come back: it needs T % 4 == 1, nearest 65 and 69" in text
    assert "(up.0 makes 33, where 34 went down)" in text


def test_sizes_that_come_back_are_told_no_law(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = told(tmp_path, monkeypatch, capsys, "B 3 69")
    assert "VAE105 reconstruction-shape" not in text
    assert "does not come back" not in text


def test_a_page_shows_the_shapes_as_formulas(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = told(tmp_path, monkeypatch, capsys, "B 3 67", "--format", "html")
    # Each half of the way down is (T + 1) // 2, each half up 2 T - 1: of 4 k + 1 to 4 k + 4 steps 4 k + 1 come back.
    assert "; input B 3 T; reconstruction B 3 4*((T-1)//4)+1" in text
