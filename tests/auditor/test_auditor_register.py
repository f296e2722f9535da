"""Every mistake of the catalogue, executed and audited: the same text that the linter reads."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

from vae_checked.auditor import AuditReport, audit
from vae_checked.catalogue import CATALOGUE, Mistake, Observer
from vae_checked.catalogue.support.example import CHANNELS_LAST, EXAMPLE
from vae_checked.finding import Provenance

SEEN = [mistake for mistake in CATALOGUE if Observer.AUDIT in mistake.seen_by]
UNSEEN = [mistake for mistake in CATALOGUE if Observer.AUDIT not in mistake.seen_by]


@cache  # the good twin of most mistakes is the one example
def audited(text: str) -> AuditReport:
    """The audit of a catalogue module."""
    module: dict[str, Any] = {"__name__": "catalogue_module"}
    exec(compile(text, "<catalogue>", "exec"), module)  # noqa: S102  the register's own text
    return audit(module["VAE"](), module["INPUT"], module["loss_function"], data_range=module["DATA_RANGE"])


def codes(report: AuditReport) -> set[str]:
    return {finding.code for finding in report.findings}


def test_the_auditor_sees_what_the_seeds_checklist_asks_for() -> None:
    promised = {"VAE101", "VAE102", "VAE201", "VAE301", "VAE304", "VAE401", "VAE402", "VAE403", "VAE501"}
    assert promised <= {mistake.code for mistake in SEEN}


@pytest.mark.parametrize("text", [EXAMPLE, CHANNELS_LAST], ids=["example", "channels-last"])
def test_the_correct_example_has_no_finding(text: str) -> None:
    assert codes(audited(text)) == set()


@pytest.mark.parametrize("mistake", SEEN, ids=lambda mistake: mistake.code)
def test_bad_is_named(mistake: Mistake) -> None:
    assert mistake.code in codes(audited(mistake.bad))


@pytest.mark.parametrize("mistake", SEEN, ids=lambda mistake: mistake.code)
def test_good_is_clean_and_not_for_want_of_looking(mistake: Mistake) -> None:
    assert mistake.code in {code for judgement in audited(mistake.good).judgements for code in judgement.clean}


@pytest.mark.parametrize("mistake", SEEN, ids=lambda mistake: mistake.code)
def test_a_range_that_follows_from_operations_is_not_called_measured(mistake: Mistake) -> None:
    (how,) = {finding.how for finding in audited(mistake.bad).findings if finding.code == mistake.code}
    ranges = mistake.code in ("VAE104", "VAE204") or (mistake.code[3] == "4" and mistake.code != "VAE404")
    assert how is (Provenance.DERIVED if ranges else Provenance.MEASURED)


@pytest.mark.parametrize("mistake", CATALOGUE, ids=lambda mistake: mistake.code)
def test_good_is_silent(mistake: Mistake) -> None:
    assert codes(audited(mistake.good)) == set()


@pytest.mark.parametrize("mistake", UNSEEN, ids=lambda mistake: mistake.code)
def test_what_is_not_declared_is_not_named(mistake: Mistake) -> None:
    # The matrix 'audit sees' is generated from `seen_by`: it must not say less than is true either.
    assert mistake.code not in codes(audited(mistake.bad))
