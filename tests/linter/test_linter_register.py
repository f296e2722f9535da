"""The linter over the whole register: what it claims to see it names on the marked line, and correct code is silent."""

from __future__ import annotations

from functools import cache

import pytest

from vae_checked.catalogue import CATALOGUE, Mistake, Observer, find
from vae_checked.finding import Provenance, Severity
from vae_checked.linter import LintReport, lint
from vae_checked.reports import render

SEEN = [mistake for mistake in CATALOGUE if Observer.LINT in mistake.seen_by]


@cache  # the good twin of most mistakes is the one example
def read(text: str, asked: str) -> LintReport:
    return lint(["model.py"], texts={"model.py": text}, select=[asked] if asked else [])


def read_for(text: str, code: str) -> LintReport:
    return read(text, code if find(code).severity is Severity.INFO else "")


@pytest.mark.parametrize("mistake", SEEN, ids=lambda mistake: mistake.code)
def test_bad_is_named_on_the_marked_line_and_by_nothing_else(mistake: Mistake) -> None:
    findings = read_for(mistake.bad, mistake.code).findings
    marked = {number for number, line in enumerate(mistake.bad.splitlines(), 1) if mistake.code in line}
    assert {finding.code for finding in findings} == {mistake.code}
    for finding in findings:
        places = [finding.place, *(related.place for related in finding.related)]
        assert marked & {place.line for place in places if place is not None}


@pytest.mark.parametrize("mistake", SEEN, ids=lambda mistake: mistake.code)
def test_nothing_that_was_read_is_called_measured(mistake: Mistake) -> None:
    report = read_for(mistake.bad, mistake.code)
    assert {finding.how for finding in report.findings} <= {Provenance.READ, Provenance.DERIVED}
    assert "measured" not in render(report, verbose=True)


@pytest.mark.parametrize("mistake", SEEN, ids=lambda mistake: mistake.code)
def test_good_is_silent_and_not_for_want_of_looking(mistake: Mistake) -> None:
    report = read_for(mistake.good, mistake.code)
    assert report.findings == ()
    assert mistake.code in {code for judgement in report.judgements for code in judgement.clean}


def test_every_mistake_is_seen_by_somebody() -> None:
    assert [each.code for each in CATALOGUE if not each.seen_by] == []
