"""An output that no activation bounds reaches all data, and every class: where these lie need not be known."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, KL, LAYERS, LAYERS_FORWARD, LOOP, codes, linted

from vae_checked.reports import all_examined

# What is compared, and whether it can be produced whatever the data are.
ERRORS = {
    "a squared error": ('F.mse_loss(y, x, reduction="sum")', True),
    "an absolute error": ('F.l1_loss(y, x, reduction="sum")', True),
    "scores of classes": ("F.cross_entropy(y, x.argmax(-1))", True),
    "scores of words": ("-(torch.log_softmax(y, 1) * x).sum(1).mean()", True),
    "above 0": ('F.mse_loss(torch.relu(y), x, reduction="sum")', False),
    "a tanh": ('F.mse_loss(torch.tanh(y), x, reduction="sum")', False),
    "logits": ('F.binary_cross_entropy_with_logits(y, x, reduction="sum")', False),
    "a log density": ("F.poisson_nll_loss(y, x)", False),
}


@pytest.mark.parametrize(("error", "decided"), ERRORS.values(), ids=ERRORS)
def test_what_is_not_bounded_reaches_all_data(error: str, decided: bool, tmp_path: Path) -> None:
    loss = LOOP.format(loss=f"loss = {error} + ({KL}).sum()", differentiated="loss.backward()")
    report = linted(tmp_path, {"net.py": HEAD + LAYERS + LAYERS_FORWARD + loss})
    (vae,) = all_examined(report)
    assert "VAE403" not in codes(report)
    assert ("VAE403" in vae.clean) is decided


def test_scores_that_a_softmax_bounds_are_named_as_before(tmp_path: Path) -> None:
    error = "F.cross_entropy(torch.softmax(y, 1), x.argmax(-1))"
    loss = LOOP.format(loss=f"loss = {error} + ({KL}).mean()", differentiated="loss.backward()")
    report = linted(tmp_path, {"net.py": HEAD + LAYERS + LAYERS_FORWARD + loss})
    (vae,) = all_examined(report)
    assert codes(report) == ["VAE405"]
    assert "VAE403" not in vae.clean
