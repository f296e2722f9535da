"""A VAE is one subject of a report: its loss is told of with it, and alone only where it is alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from vae_checked.catalogue import find
from vae_checked.linter import lint
from vae_checked.reports import render

HEAD = "import torch\nimport torch.nn.functional as F\n\n\n"
MODEL, _, _ = find("VAE201").bad.partition("def loss_function")
LOSS = """\
def loss_function(x_hat, x, mu, logvar):
    recon = F.mse_loss(x_hat, x)
    return recon - 0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
"""
SHOWN = [{"verbose": True}, {"format_name": "html"}]


@pytest.mark.parametrize("options", SHOWN, ids=["text", "html"])
def test_the_loss_of_a_vae_is_told_of_with_it(options: dict[str, object], tmp_path: Path) -> None:
    path = tmp_path / "vae.py"
    path.write_text(MODEL + LOSS, encoding="utf-8")
    report = lint(path)
    assert {facts.subject for facts in report.facts} == {f"{path}:VAE", f"{path}:loss_function"}
    shown = render(report, **options)  # type: ignore[arg-type]
    assert "vae.py:VAE" in shown
    assert "vae.py:loss_function" not in shown


@pytest.mark.parametrize("options", SHOWN, ids=["text", "html"])
def test_a_loss_alone_is_told_of(options: dict[str, object], tmp_path: Path) -> None:
    path = tmp_path / "loss.py"
    path.write_text(HEAD + LOSS, encoding="utf-8")
    assert "loss.py:loss_function" in render(lint(path), **options)  # type: ignore[arg-type]
