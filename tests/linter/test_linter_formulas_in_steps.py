"""A KL that is put together statement by statement: what has a name on the way is judged with the terms that follow."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, LAYERS, LAYERS_FORWARD, LOOP, codes, joined, linted

STEPS = {
    "the entropy last": "t = s.exp() + m.pow(2) - 1\n        kl = {half} * (t - s)",
    "the entropy added last": "t = 1 - m.pow(2) - s.exp()\n        kl = -{half} * (t + s)",
    "the square last": "t = s.exp() - s - 1\n        kl = {half} * (t + m.pow(2))",
    "the variance last": "t = m.pow(2) - 1 - s\n        kl = {half} * (t + s.exp())",
    "in place": "t = s.exp()\n        t.add_(m.pow(2))\n        t.sub_(1)\n        t.sub_(s)\n        kl = {half} * t",
    "by operators": "t = s.exp()\n        t += m.pow(2)\n        t -= 1\n        t -= s\n        kl = {half} * t",
    "halved first": "t = {half} * (s.exp() + m.pow(2) - 1)\n        kl = t - {half} * s",
    "under its own name": "kl = s.exp() + m.pow(2) - 1\n        kl = kl - s\n        kl = {half} * kl",
}
NO_KL = {
    "the entropy twice": "t = s.exp() + m.pow(2) - 1\n        kl = 0.5 * (t - 2 * s)",
    "the entropy with the wrong sign": "t = s.exp() + m.pow(2) - 1\n        kl = 0.5 * (t + s)",
    "no entropy": "t = s.exp() + m.pow(2) - 1\n        kl = 0.5 * t",
    "not the square": "t = s.exp() - s - 1\n        kl = 0.5 * (t + m)",
}


def trained(kl: str) -> str:
    added = 'loss = (F.mse_loss(y, x, reduction="none").sum(1) + kl.sum(1)).mean()'
    return HEAD + LAYERS + LAYERS_FORWARD + LOOP.format(loss=f"{kl}\n        {added}", differentiated="loss.backward()")


@pytest.mark.parametrize("kl", STEPS.values(), ids=STEPS)
def test_a_kl_in_several_statements_is_one(kl: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": trained(kl.format(half="0.5"))})
    assert codes(report) == []
    assert any({"VAE301", "VAE302", "VAE304"} <= set(each.clean) for each in report.vaes)


@pytest.mark.parametrize("kl", NO_KL.values(), ids=NO_KL)
def test_what_is_no_kl_in_several_statements_is_named(kl: str, tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"net.py": trained(kl)})) == ["VAE301"]


@pytest.mark.parametrize(("axis", "found"), [("-1", []), ("1", []), ("0", ["VAE304"])])
def test_a_sum_over_an_axis_of_rows_is_judged(axis: str, found: list[str], tmp_path: Path) -> None:
    kl = "kl = 0.5 * (s.exp() + m.pow(2) - 1 - s)"
    report = linted(tmp_path, {"net.py": trained(kl).replace("kl.sum(1)).mean()", f"kl.sum({axis}).mean()).mean()")})
    assert codes(report) == found


@pytest.mark.parametrize("axis", ["-2", "dim=-2"])
def test_the_axis_before_the_last_may_be_that_of_the_batch(axis: str, tmp_path: Path) -> None:
    kl = "kl = 0.5 * (s.exp() + m.pow(2) - 1 - s)"
    text = trained(kl).replace("kl.sum(1)).mean()", f"kl.sum({axis}).mean()).mean()")
    report = linted(tmp_path, {"net.py": text})
    assert codes(report) == []
    assert joined(report)
    assert not any("VAE304" in each.clean for each in report.judgements)
