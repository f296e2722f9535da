"""Mistakes planted in VAEs of three designs: each is named, and the unplanted design has no finding."""

from __future__ import annotations

from functools import cache

import pytest
import torch
from planted.pieces import CONSEQUENCES, DESIGNS, PLANTED, UNFIT, Planted, built
from small_vaes.pieces import Inside, Pieces, Sequential1d

from vae_checked.auditor import audit

CASES = [(design, name) for design in DESIGNS for name in PLANTED if name not in UNFIT[design]]
every_design = pytest.mark.parametrize("design", DESIGNS, ids=lambda design: design.__name__)
every_case = pytest.mark.parametrize(("design", "name"), CASES, ids=lambda each: getattr(each, "__name__", each))


def codes(design: type[Pieces], planted: Planted | None) -> list[str]:
    torch.manual_seed(5)
    data_range = (planted.data_range if planted else None) or design.data_range
    report = audit(built(design, planted)(), design.spec, data_range=data_range)
    return [finding.code for finding in report.findings]


@cache
def found(design: type[Pieces], name: str) -> list[str]:
    return codes(design, PLANTED[name])


@every_design
def test_a_design_without_a_mistake_has_no_finding(design: type[Pieces]) -> None:
    assert codes(design, None) == []


@every_case
def test_a_planted_mistake_is_named(design: type[Pieces], name: str) -> None:
    assert PLANTED[name].code in found(design, name)


@pytest.mark.parametrize("design", [Sequential1d, Inside], ids=lambda design: design.__name__)
def test_twice_the_kl_beside_a_whole_squared_error_is_no_mistake(design: type[Pieces]) -> None:
    # A Gaussian likelihood of variance 1 has half the squared error: the sum is twice the exact ELBO.
    twice = PLANTED["kl_twice"].bodies["kl_elements"]
    assert codes(design, Planted("", "twice the KL", {"kl_elements": twice})) == []


@every_case
def test_nothing_else_is_named(design: type[Pieces], name: str) -> None:
    code = PLANTED[name].code
    assert set(found(design, name)) - {code} <= CONSEQUENCES.get(code, set())


@every_design
def test_what_does_not_fit_a_design_is_planted_elsewhere(design: type[Pieces]) -> None:
    elsewhere = {name for other, name in CASES if other is not design}
    assert set(UNFIT[design]) <= elsewhere
