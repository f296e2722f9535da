"""The reconstruction of a VAE that is trained further: a term of its loss that is decoded without gradient."""

from __future__ import annotations

from pathlib import Path

import pytest

from vae_checked.linter import lint

TEXT = """\
import torch
import torch.nn.functional as F


def reconstructed(z, vae):
    with {switch}:
        return vae.decode(z / vae.scale)


def step(vae, model, x, noise, optimizer):
    with {outer}:
        posterior = vae.encode(x)
    z = posterior.sample() * vae.scale
    error = F.mse_loss(reconstructed(z, vae), x)
    loss = error + {other}
    loss.backward()
    optimizer.step()
"""
KL = "1e-6 * posterior.kl().mean()"


@pytest.mark.parametrize(
    ("switch", "outer", "other", "found"),
    [
        ("torch.no_grad()", "torch.enable_grad()", KL, True),
        ("torch.inference_mode()", "torch.enable_grad()", "1e-3 * z.square().mean()", True),
        ("torch.enable_grad()", "torch.enable_grad()", KL, False),
        # A VAE that is not trained: what its error is is told beside another loss.
        ("torch.no_grad()", "torch.no_grad()", KL, False),
        ("torch.no_grad()", "torch.enable_grad()", "F.mse_loss(model(noise), noise)", False),
    ],
)
def test_a_reconstruction_without_gradient_trains_no_vae(
    switch: str, outer: str, other: str, found: bool, tmp_path: Path
) -> None:
    (tmp_path / "tune.py").write_text(TEXT.format(switch=switch, outer=outer, other=other), encoding="utf-8")
    assert [finding.code for finding in lint([tmp_path], select=["VAE7"]).findings] == ["VAE705"] * found
