"""Sums and means over all axes but the first, however many there are: `range(1, x.ndim)`."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import FORWARD, HEAD, KL, LOOP, MODEL, codes, joined, linted

from vae_checked.facts import Reduction

SCRIPT = HEAD + MODEL + FORWARD


def _loss(error: str, kl: str = KL, *, over: str = "(error + kl).mean()") -> str:
    lines = f"error = {error}\n        kl = {kl}\n        loss = {over}"
    return SCRIPT + LOOP.format(loss=lines, differentiated="loss.backward()")


SPELLINGS = (
    "dim=tuple(range(1, x.ndim))",
    "dim=list(range(1, y.dim()))",
    "dim=[*range(1, x.ndim)]",
    "dim=[axis for axis in range(1, x.ndim)]",
    "dim=tuple(range(1, len(x.shape)))",
    "axis=tuple(range(1, len(y.size())))",
    "list(range(1, x.dim()))",
)


@pytest.mark.parametrize("axes", SPELLINGS)
@pytest.mark.parametrize(("how", "found"), [("sum", []), ("mean", ["VAE502"])])
def test_all_axes_but_the_first_are_those_of_a_sample(how: str, found: list[str], axes: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"train.py": _loss(f'F.mse_loss(y, x, reduction="none").{how}({axes})')})
    assert codes(report) == found
    kinds = {(facts.recon.reduced.value.batch, facts.recon.reduced.value.event) for facts in joined(report)}
    assert kinds == {(Reduction.MEAN, Reduction.SUM if how == "sum" else Reduction.MEAN)}


def test_a_kl_is_summed_over_all_axes_but_the_first(tmp_path: Path) -> None:
    formula, error = "-0.5 * torch.{}(1 + s - m.pow(2) - s.exp(), dim=tuple(range(1, m.ndim)))", "((y - x) ** 2).sum(1)"
    assert codes(linted(tmp_path / "sum", {"train.py": _loss(error, formula.format("sum"))})) == []
    assert codes(linted(tmp_path / "mean", {"train.py": _loss(error, formula.format("mean"))})) == ["VAE503"]
    summed = _loss(error, formula.format("sum"), over="error.sum() + kl.mean()")
    assert codes(linted(tmp_path / "batch", {"train.py": summed})) == ["VAE504"]


@pytest.mark.parametrize(
    "axes",
    [
        "dim=tuple(range(1, m.ndim))",
        "dim=tuple(range(1, x.ndim - 1))",
        "dim=tuple(range(2, x.ndim))",
        "dim=tuple(range(0, x.ndim))",
    ],
    ids=["of another tensor", "not the last", "not the second", "the first as well"],
)
def test_other_axes_are_not_known(axes: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"train.py": _loss(f'F.mse_loss(y, x, reduction="none").sum({axes})')})
    assert codes(report) == []
    assert {facts.recon.reduced for facts in joined(report)} == {None}


def test_the_axes_of_what_was_flattened_are_not_known(tmp_path: Path) -> None:
    error = 'F.mse_loss(y, x, reduction="none").flatten(2).sum(dim=tuple(range(1, x.ndim)))'
    assert {facts.recon.reduced for facts in joined(linted(tmp_path, {"train.py": _loss(error)}))} == {None}
