"""What many samplers, KLs and losses of one model cost: little more for each than for the first."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from counted import calls_of
from many_samplers import chained_samplers, many_decoded_means, many_samplers

from vae_checked.linter import lint


def calls_of_lint(path: Path) -> int:
    """The calls that linting a file takes."""
    return calls_of(lambda: lint([path]))


@pytest.mark.parametrize("model", [many_samplers, chained_samplers, many_decoded_means])
def test_four_times_the_samplers_take_less_than_seven_times_the_calls(
    model: Callable[[int], str], tmp_path: Path
) -> None:
    few, many = tmp_path / "few.py", tmp_path / "many.py"
    few.write_text(model(7), encoding="utf-8")
    many.write_text(model(28), encoding="utf-8")
    # The first run imports what all need.
    calls_of_lint(few)
    assert calls_of_lint(many) < 7 * calls_of_lint(few)
