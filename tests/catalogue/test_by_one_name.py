"""Formulas of one name: what they come to, and what is not read."""

from __future__ import annotations

import math

import pytest

from vae_checked.catalogue.support.by_one_name import only_name, value_of


@pytest.mark.parametrize(
    ("formula", "wanted"),
    [
        ("s", 2.0),
        ("0.5 * torch.exp(s)", 0.5 * math.exp(2.0)),
        ("s.mul(0.5).exp_()", math.exp(1.0)),
        ("torch.sqrt(s.exp())", math.exp(1.0)),
        ("torch.exp(s / 2) ** 2 - 1", math.exp(2.0) - 1.0),
        ("-s + abs(s)", 0.0),
        ("torch.pow(s, 3)", 8.0),
        ("torch.mul(0.5, s)", 1.0),
        ("s.square()", 4.0),
        ("torch.log(-s)", None),
        ("s / 0", None),
        ("F.softplus(s)", None),
        ("torch.exp(s, out=s)", None),
        ("torch.exp(t)", None),
        ("s[0]", None),
        ("'s'", None),
        ("not s", None),
        ("s +", None),
    ],
)
def test_the_value_of_a_formula(formula: str, wanted: float | None) -> None:
    assert value_of(formula, "s", 2.0) == (None if wanted is None else pytest.approx(wanted))


@pytest.mark.parametrize(
    ("formula", "name"),
    [("0.5 * torch.exp(s)", "s"), ("torch.exp(s) * t", None), ("torch.exp(1)", None), ("s +", None)],
)
def test_the_one_name_of_a_formula(formula: str, name: str | None) -> None:
    assert only_name(formula, frozenset({"torch"})) == name
