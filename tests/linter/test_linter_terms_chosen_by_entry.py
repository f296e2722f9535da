"""Terms taken entry by entry: free bits by `torch.where(kl > least, kl, least)`, an error where it was seen."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import FORWARD, HEAD, KL, LOOP, MODEL, codes, joined, linted

from vae_checked.linter import LintReport

ERROR = "((y - x) ** 2).sum(dim=1)"
EACH = "-0.5 * (1 + s - m.pow(2) - s.exp())"
FREE = "torch.where(each > 0.25, each, torch.full_like(each, 0.25))"
HUBER = "torch.where((y - x).abs() < 1, (y - x) ** 2, 2 * (y - x).abs() - 1)"
SEEN = "torch.where(x > 0, (y - x) ** 2, torch.zeros_like(x))"


def _report(tmp_path: Path, error: str, kl: str, by: str = "+") -> LintReport:
    loss = f"error = {error}\n        each = {EACH}\n        loss = (error {by} {kl}).mean()"
    script = HEAD + MODEL + FORWARD + LOOP.format(loss=loss, differentiated="loss.backward()")
    return linted(tmp_path, {"train.py": script})


@pytest.mark.parametrize(
    ("how", "by", "found"),
    [
        ("sum(dim=1)", "+", []),
        ("sum(dim=1)", "-", ["VAE302"]),
        ("sum()", "+", ["VAE504"]),
    ],
)
def test_free_bits_by_a_choice_are_the_kl_once(how: str, by: str, found: list[str], tmp_path: Path) -> None:
    report = _report(tmp_path, ERROR, f"{FREE}.{how}", by)
    assert codes(report) == found
    assert [vae.core_checked for vae in report.vaes] == [True]


@pytest.mark.parametrize("error", [HUBER, SEEN], ids=["either of two errors", "an error or none"])
@pytest.mark.parametrize(("by", "found"), [("+", []), ("-", ["VAE302"])])
def test_an_error_that_is_chosen_by_entry_is_reduced(by: str, found: list[str], error: str, tmp_path: Path) -> None:
    report = _report(tmp_path, f"{error}.sum(dim=1)", KL, by)
    assert codes(report) == found
    assert all(facts.recon.reduced is not None for facts in joined(report))


def test_a_mean_of_what_is_chosen_is_not_called_clean(tmp_path: Path) -> None:
    errors = _report(tmp_path / "errors", f"{SEEN}.mean(dim=1)", KL)
    assert not any("VAE502" in vae.clean for vae in errors.vaes)
    free = _report(tmp_path / "free", ERROR, f"{FREE}.mean(dim=1)")
    assert not any("VAE503" in vae.clean for vae in free.vaes)


def test_an_error_with_either_sign_is_left_open(tmp_path: Path) -> None:
    report = _report(tmp_path, "torch.where(x > 0, (y - x) ** 2, -((y - x) ** 2)).sum(dim=1)", KL, "-")
    assert codes(report) == []
    assert {facts.kl.sign for facts in joined(report)} == {None}
