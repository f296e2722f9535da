"""Formulas that differ in their leaves alone are evaluated once, and what is read of one is true of the other."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import pytest

from vae_checked.facts import Parametrisation
from vae_checked.linter.roles import categorical, closed_forms, divergences, samplers, two_gaussians
from vae_checked.linter.symbols import numeric
from vae_checked.linter.symbols.expression import Expr, Graph, atom, const
from vae_checked.linter.symbols.numeric import Formula, Program
from vae_checked.linter.symbols.structures import Structures

SERIALS = itertools.count()


def head(serial: int) -> Expr:
    return Expr("layer", (atom("x"),), (("kind", "Linear"), ("serial", serial)))


def total(value: Expr) -> Expr:
    return Expr("sum", (value,), (("axes", "all"),))


def kl(mu: Expr, logvar: Expr, *, constant: float = 1.0, factor: float = -0.5) -> Expr:
    """The KL of a log variance, or with another constant; with another factor before mu^2 it is none."""
    inner = Expr("sub", (Expr("add", (const(constant), logvar)), Expr("square", (mu,))))
    return total(Expr("mul", (const(factor), Expr("sub", (inner, Expr("exp", (logvar,)))))))


@pytest.fixture
def valued(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many values each formula was given that was evaluated, in order; nothing is known of any before."""
    for kept in (
        closed_forms.read,
        two_gaussians.read,
        two_gaussians.is_of_distance,
        samplers._curve,
        categorical._coefficients,
    ):
        kept.cache_clear()
    found: list[int] = []
    evaluate = Formula.__call__

    def counted(self: Formula, *given: float) -> float:
        found.append(len(given))
        return evaluate(self, *given)

    monkeypatch.setattr(Formula, "__call__", counted)
    return found


def formula(make: Callable[[Expr], Expr], *, ideal: bool = False, beside: int = 0) -> Formula:
    """The formula of one leaf, which is another leaf each time, and of some that it does not need."""
    leaf = atom(f"leaf{next(SERIALS)}")
    others = [atom(f"{place} beside {leaf.uid}").uid for place in range(beside)]
    return Program(make(leaf), (*others, leaf.uid), ideal=ideal).formula


@pytest.mark.parametrize(
    "make",
    [
        lambda x: Expr("exp", (Expr("mul", (x, const(0.5))),)),
        lambda x: Expr("leaky_relu", (x,), (("negative_slope", 0.2),)),
        lambda x: Expr("div", (const(1.0), Expr("log", (const(-1.0),)))),
        lambda x: x,
    ],
)
def test_formulas_are_equal_that_differ_in_their_leaves(make: Callable[[Expr], Expr]) -> None:
    one, other = formula(make), formula(make)
    assert one == other
    assert hash(one) == hash(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (lambda x: Expr("mul", (x, const(0.5))), lambda x: Expr("mul", (x, const(0.25)))),
        (lambda x: Expr("sub", (x, const(0.5))), lambda x: Expr("sub", (const(0.5), x))),
        (lambda x: Expr("exp", (x,)), lambda x: Expr("log", (x,))),
        (lambda x: Expr("pow", (x, const(0.0))), lambda x: Expr("pow", (x, const(-0.0)))),
        (
            lambda x: Expr("leaky_relu", (x,), (("negative_slope", 0.2),)),
            lambda x: Expr("leaky_relu", (x,), (("negative_slope", 0.3),)),
        ),
        (lambda x: Expr("mul", (x, const(0.5))), lambda x: const(0.5)),
    ],
)
def test_formulas_that_give_other_values_are_not_equal(
    one: Callable[[Expr], Expr], other: Callable[[Expr], Expr]
) -> None:
    assert formula(one) != formula(other)
    assert formula(one) == formula(one)


def test_formulas_of_more_values_and_of_ideal_numbers_are_others() -> None:
    def guarded(x: Expr) -> Expr:
        return Expr("log", (Expr("add", (x, const(1e-6))),))

    assert formula(guarded) != formula(guarded, beside=1)
    assert formula(guarded) != formula(guarded, ideal=True)
    assert formula(guarded, ideal=True) == formula(lambda x: Expr("log", (x,)))


def test_a_kl_of_other_heads_is_read_without_a_value_and_of_its_own_heads(valued: list[int]) -> None:
    with Structures():
        for serial in (1, 11, 21):
            mu, logvar = head(serial), head(serial + 1)
            [found] = divergences.find(Graph([kl(mu, logvar)]))
            assert (found.location, found.head) == (mu, logvar)
            assert found.parametrisation is Parametrisation.LOGVAR
            if serial == 1:
                once = len(valued)
        assert len(valued) == once > 0


def test_a_formula_that_is_nearly_the_same_is_judged_by_itself(valued: list[int]) -> None:
    with Structures():
        [right] = divergences.find(Graph([kl(head(1), head(2))]))
        once = len(valued)
        [doubled] = divergences.find(Graph([kl(head(3), head(4), factor=-1.0)]))
        assert (right.factor, doubled.factor) == pytest.approx((1.0, 2.0))
        mu, logvar = head(5), head(6)
        # exp(logvar) stands where exp(2 logvar) or the logvar's half would have to.
        inner = Expr("sub", (Expr("add", (const(1.0), Expr("mul", (const(2.0), logvar)))), Expr("square", (mu,))))
        wrong = total(Expr("mul", (const(-0.5), Expr("sub", (inner, Expr("exp", (logvar,)))))))
        [found] = divergences.find(Graph([wrong]))
        assert found.parametrisation is None
        assert len(valued) > once > 0


def test_the_kl_of_two_gaussians_is_read_once_and_of_its_own_heads(valued: list[int]) -> None:
    def between(mu: Expr, logvar: Expr, prior_mu: Expr, prior_logvar: Expr) -> Expr:
        distance = Expr("square", (Expr("sub", (mu, prior_mu)),))
        spread = Expr("div", (Expr("add", (Expr("exp", (logvar,)), distance)), Expr("exp", (prior_logvar,))))
        inner = Expr("add", (Expr("sub", (prior_logvar, logvar)), spread))
        return total(Expr("mul", (const(0.5), Expr("sub", (inner, const(1.0))))))

    with Structures():
        for serial in (1, 11):
            heads = [head(serial + place) for place in range(4)]
            [found] = divergences.find(Graph([between(*heads)]))
            assert (found.location, found.head, found.prior_heads) == (heads[0], heads[1], (heads[2], heads[3]))
            assert found.parametrisation is Parametrisation.LOGVAR
            if serial == 1:
                once = len(valued)
        assert len(valued) == once > 0


def test_the_kl_of_classes_is_read_once_and_with_its_own_number_of_them(valued: list[int]) -> None:
    def of_classes(q: Expr, number: float) -> Expr:
        return total(Expr("mul", (q, Expr("add", (Expr("log", (q,)), const(number))))))

    for serial in (1, 2):
        q = Expr("softmax", (head(serial),), (("dim", -1),))
        read = categorical.read(of_classes(q, math.log(5.0)), q, [])
        assert read is not None
        assert read.factor == pytest.approx(1.0)
        if serial == 1:
            once = len(valued)
    assert len(valued) == once > 0
    # Without the log of their number it is an entropy.
    assert categorical.read(of_classes(q, 0.0), q, []) is None
    assert len(valued) > once


def test_how_a_std_follows_is_read_once_of_all_heads(valued: list[int]) -> None:
    for serial in (1, 2):
        logvar = head(serial)
        found = samplers.curve(Expr("exp", (Expr("mul", (const(0.5), logvar)),)), logvar)
        assert found is not None
        assert found[0] is Parametrisation.LOGVAR
        if serial == 1:
            once = len(valued)
    assert len(valued) == once > 0
    std = samplers.curve(Expr("exp", (logvar,)), logvar)
    assert std is not None
    assert std[0] is Parametrisation.LOG_STD


def test_a_formula_of_no_distance_is_valued_once_for_both_orders(valued: list[int]) -> None:
    a, b, c, d = (head(11 + place) for place in range(4))
    ratio = Expr("div", (Expr("square", (Expr("mul", (a, b)),)), Expr("exp", (Expr("mul", (c, d)),))))
    term = total(Expr("sub", (ratio, Expr("add", (c, d)))))
    assert not divergences.find(Graph([term]), within=[term.uid])
    # Of six pairs, each is looked at whether the values depend on its distance alone: by three values at most.
    assert 0 < sum(given == 4 for given in valued) <= 6 * 3


def test_heads_at_which_a_formula_has_no_value_are_left_at_the_first(
    valued: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Formula] = []

    class Counted(Program):
        def __init__(self, expr: Expr, given: tuple[int, ...], *, ideal: bool = False) -> None:
            super().__init__(expr, given, ideal=ideal)
            made.append(self.formula)

    monkeypatch.setattr(divergences, "Program", Counted)
    a, b = head(31), head(32)
    logs = Expr("add", (Expr("log", (a,)), Expr("log", (b,))))
    term = Expr("sub", (Expr("square", (Expr("mul", (a, b)),)), Expr("add", (logs, Expr("exp", (a,))))))
    assert not divergences.find(Graph([total(term)]))
    # The mean is below 0 at the first point, and has no logarithm there.
    assert len(valued) == len(set(made)) > 0


def test_equal_settings_make_equal_functions_and_true_is_no_one() -> None:
    function = numeric.OPERATIONS["leaky_relu"].value
    assert function is not None
    assert numeric._with(function, 1.0) is numeric._with(function, 1.0)
    assert numeric._with(function, 1.0) is not numeric._with(function, True)
