"""A KL of no parametrisation: what its draw is beside it is left to the finding, and the model counts as checked."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import ENCODING_FORWARD, HEAD, LAYERS, LOOP, codes, linted

from vae_checked.linter import LintReport

OF_NONE = {
    "the halves of two terms left out": ("s ** 2 + m ** 2 - torch.log(s) - 1 / 2", "s"),
    "a mean that is not squared": ("-0.5 * (1 + s - m - s.exp())", "torch.exp(0.5 * s)"),
    "a square too many": ("-0.5 * (1 + s - m.pow(2) - s.exp().pow(2))", "torch.exp(0.5 * s)"),
}


def _report(tmp_path: Path, kl: str, std: str) -> LintReport:
    loss = f'loss = F.mse_loss(y, x, reduction="sum") + ({kl}).sum()'
    forward = ENCODING_FORWARD.format(std=std)
    script = HEAD + LAYERS + forward + LOOP.format(loss=loss, differentiated="loss.backward()")
    return linted(tmp_path, {"train.py": script})


@pytest.mark.parametrize(("kl", "std"), OF_NONE.values(), ids=OF_NONE)
def test_a_draw_beside_no_kl_is_left_to_its_finding(kl: str, std: str, tmp_path: Path) -> None:
    report = _report(tmp_path, kl, std)
    assert codes(report) == ["VAE301"]
    assert [vae.core_checked for vae in report.vaes] == [True]
    assert not any("VAE201" in vae.clean for vae in report.vaes)


def test_a_draw_beside_a_kl_of_another_head_is_still_named(tmp_path: Path) -> None:
    report = _report(tmp_path, "-0.5 * (1 + s - m.pow(2) - s.exp())", "torch.exp(s)")
    assert codes(report) == ["VAE201"]
