"""Errors of Huber written by hand, of one size of the difference that stands in them twice: one error, read once."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import FORWARD, HEAD, KL, LOOP, MODEL, codes, joined, linted

from vae_checked.facts import Likelihood
from vae_checked.linter import LintReport

SIZE = "d = torch.abs(y - x)\n        "
BY_HAND = {
    "a choice": SIZE + "error = torch.where(d < 1, 0.5 * d ** 2, d - 0.5)",
    "the other way round": SIZE + "error = torch.where(d >= 1, d - 0.5, 0.5 * d.pow(2))",
    "a threshold that is set": (
        SIZE
        + "bound = net.settings.bound\n        error = torch.where(d < bound, 0.5 * d ** 2 / bound, d - 0.5 * bound)"
    ),
    "the least of both": SIZE + "q = d.clamp(max=1.0)\n        error = 0.5 * q ** 2 + (d - q)",
}


def _report(tmp_path: Path, error: str, reduced: str = "error.sum(1)", by: str = "+") -> LintReport:
    loss = LOOP.format(loss=f"{error}\n        loss = ({reduced} {by} {KL}).mean()", differentiated="loss.backward()")
    return linted(tmp_path, {"train.py": HEAD + MODEL + FORWARD + loss})


@pytest.mark.parametrize("error", BY_HAND.values(), ids=BY_HAND)
@pytest.mark.parametrize(
    ("reduced", "by", "found"),
    [
        ("error.sum(1)", "+", []),
        ("error.sum(1)", "-", ["VAE302"]),
        ("error.mean(1)", "+", ["VAE502"]),
        ("error.sum()", "+", ["VAE504"]),
    ],
)
def test_an_error_of_huber_is_read_once(reduced: str, by: str, found: list[str], error: str, tmp_path: Path) -> None:
    report = _report(tmp_path, error, reduced, by)
    assert codes(report) == found
    assert [vae.core_checked for vae in report.vaes] == [True]
    kinds = {facts.recon.kind.value for facts in joined(report) if facts.recon.kind is not None}
    assert kinds == {Likelihood.SMOOTH_L1}


@pytest.mark.parametrize(
    "error",
    [
        "torch.where(d < 1, -d, d)",
        "torch.where(d < 1, d * m.mean(), d - 0.5)",
        "torch.where(d < 1, d.pow(2), 0.1 * d)",
    ],
    ids=["of no one direction", "of the mean as well", "a smaller error for a larger difference"],
)
def test_what_does_not_grow_with_the_difference_is_no_such_error(error: str, tmp_path: Path) -> None:
    report = _report(tmp_path, f"{SIZE}error = {error}")
    assert codes(report) == []
    kinds = {facts.recon.kind.value for facts in joined(report) if facts.recon.kind is not None}
    assert Likelihood.SMOOTH_L1 not in kinds
    assert not any(vae.core_checked for vae in report.vaes)
