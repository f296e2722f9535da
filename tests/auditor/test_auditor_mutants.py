"""Mistakes planted in VAEs of three designs: what tests/house/test_both_observers.py does not audit."""

from __future__ import annotations

import pytest
import torch
from both_observers.programs import fits_both, planted_programs
from planted.pieces import CONSEQUENCES, DESIGNS, PLANTED, UNFIT, Planted, built
from small_vaes.pieces import Inside, Pieces, Sequential1d

from vae_checked.auditor import audit

CASES = [(design, name) for design in DESIGNS for name in PLANTED if name not in UNFIT[design]]
APART = [(design, name) for design, name in CASES if not fits_both(design, PLANTED[name])]


def codes(design: type[Pieces], planted: Planted) -> list[str]:
    torch.manual_seed(5)
    report = audit(built(design, planted)(), design.spec, data_range=planted.data_range or design.data_range)
    return [finding.code for finding in report.findings]


def test_every_planted_mistake_and_every_design_without_one_is_audited() -> None:
    together = {each.name: each.named for design in DESIGNS for each in planted_programs(design)}
    for design in DESIGNS:
        assert together[f"{design.__name__}, good"] == set()
    for design, name in CASES:
        assert together.get(f"{design.__name__}, {name}") == {PLANTED[name].code} or (design, name) in APART
    assert 0 < len(APART) < 5


@pytest.mark.parametrize(("design", "name"), APART, ids=lambda each: getattr(each, "__name__", each))
def test_a_mistake_that_no_loop_trains_is_named_and_nothing_else(design: type[Pieces], name: str) -> None:
    found, code = codes(design, PLANTED[name]), PLANTED[name].code
    assert code in found
    assert set(found) - {code} <= CONSEQUENCES.get(code, set())


@pytest.mark.parametrize("design", [Sequential1d, Inside], ids=lambda design: design.__name__)
def test_twice_the_kl_beside_a_whole_squared_error_is_no_mistake(design: type[Pieces]) -> None:
    # A Gaussian likelihood of variance 1 has half the squared error: the sum is twice the exact ELBO.
    twice = PLANTED["kl_twice"].bodies["kl_elements"]
    assert codes(design, Planted("", "twice the KL", {"kl_elements": twice})) == []


@pytest.mark.parametrize("design", DESIGNS, ids=lambda design: design.__name__)
def test_what_does_not_fit_a_design_is_planted_elsewhere(design: type[Pieces]) -> None:
    elsewhere = {name for other, name in CASES if other is not design}
    assert set(UNFIT[design]) <= elsewhere
