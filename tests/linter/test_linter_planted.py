"""The mistakes that are planted in VAEs in pieces, as text: none is called clean, and no other is named."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
from planted.pieces import CONSEQUENCES, DESIGNS, PLANTED, UNFIT, Planted, text_of
from small_vaes.pieces import Pieces

from vae_checked.linter import LintReport, lint

CASES = [(design, name) for design in DESIGNS for name in PLANTED if name not in UNFIT[design]]
every_design = pytest.mark.parametrize("design", DESIGNS, ids=lambda design: design.__name__)
every_case = pytest.mark.parametrize(("design", "name"), CASES, ids=lambda each: getattr(each, "__name__", each))


@cache
def read(design: type[Pieces], name: str | None) -> LintReport:
    """What is read of the design with the mistake of that name; the file need not exist."""
    planted: Planted | None = None if name is None else PLANTED[name]
    path = str(Path("planted.py").absolute())
    return lint([path], texts={path: text_of(design, planted)})


def clean(design: type[Pieces], name: str | None) -> set[str]:
    """The codes that are clean in the design itself: of the pieces that it changes its base knows nothing."""
    judged = [each for each in read(design, name).judgements if each.subject.endswith(f":{design.__name__}")]
    assert judged
    return {code for each in judged for code in each.clean}


@every_design
def test_a_design_without_a_mistake_is_silent_and_its_core_is_decided(design: type[Pieces]) -> None:
    assert read(design, None).findings == ()
    assert {"VAE201", "VAE202", "VAE301", "VAE302", "VAE304"} <= clean(design, None)


@every_case
def test_a_planted_mistake_is_never_called_clean(design: type[Pieces], name: str) -> None:
    assert PLANTED[name].code not in clean(design, name)


@every_case
def test_no_other_mistake_is_named(design: type[Pieces], name: str) -> None:
    code = PLANTED[name].code
    assert {each.code for each in read(design, name).findings} - {code} <= CONSEQUENCES.get(code, set())


def test_most_planted_mistakes_are_named_from_their_text_alone() -> None:
    named = [PLANTED[name].code in {each.code for each in read(design, name).findings} for design, name in CASES]
    assert sum(named) >= 0.6 * len(named)
