"""A KL that one arm of a condition adds without its gradient is neither in the loss nor left out of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from linter_losses import KL, LOOP, MODEL, RECON, looped, read

CUT = {
    "a value": "loss = recon + (kl.detach() if out.mean() > 0.3 else kl)",
    "a statement": "if out.mean() > 0.3:\n    kl = kl.detach()\nloss = recon + kl",
    "whole losses": "loss = recon + kl if out.mean() > 0.3 else recon + kl.detach()",
    "a floor": "if kl.item() < 3.5:\n    kl = kl.detach()\nloss = recon + kl",
    "by entry": "loss = recon + torch.where(kl > 3.5, kl, kl.detach())",
    "data": "loss = recon + (kl.data if out.mean() > 0.3 else kl)",
}


@pytest.mark.parametrize("loss", CUT.values(), ids=CUT)
def test_a_kl_cut_in_one_arm_is_open(loss: str, tmp_path: Path) -> None:
    found, clean = _verdicts(loss, tmp_path)
    assert "VAE305" not in found | clean


@pytest.mark.parametrize(
    "loss",
    [
        "loss = recon + (2 * kl if out.mean() > 0.3 else kl)",
        "shown = kl.detach() if out.mean() > 0.3 else kl\nprint(shown)\nloss = recon + kl",
    ],
    ids=["with its gradient in both", "only shown"],
)
def test_a_kl_with_its_gradient_is_clean(loss: str, tmp_path: Path) -> None:
    found, clean = _verdicts(loss, tmp_path)
    assert "VAE305" in clean - found


@pytest.mark.parametrize(
    "loss",
    ["loss = recon + kl.detach()", "loss = recon + (kl.detach() if out.mean() > 0.3 else kl.data)"],
    ids=["always", "in both"],
)
def test_a_kl_without_its_gradient_is_named(loss: str, tmp_path: Path) -> None:
    assert "VAE305" in _verdicts(loss, tmp_path)[0]


def _verdicts(loss: str, folder: Path) -> tuple[set[str], set[str]]:
    report = read(folder, MODEL + LOOP.format(body=looped(f"{RECON}\n{KL}\n{loss}")))
    return {finding.code for finding in report.findings}, {code for vae in report.vaes for code in vae.clean}
