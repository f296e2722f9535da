"""Affine maps of latents: composed and inverted as sums of products, and held against numbers."""

from __future__ import annotations

import math
import random

import pytest

from vae_checked.latent_facts import AffineMap, Term
from vae_checked.mathematics import affine_maps
from vae_checked.mathematics.affine_maps import IDENTITY, after, inverse, named, number, plus, scaled, shifted, times

SCALE, SHIFT = named("scale"), named("shift")
VALUES = {"scale": 0.3611, "shift": 0.1159}


def value(terms: affine_maps.Terms) -> float:
    return sum(term.coefficient * math.prod(VALUES[name] ** power for name, power in term.powers) for term in terms)


def at(applied: AffineMap, z: float) -> float:
    return value(applied.scale) * z + value(applied.shift)


def test_a_composed_map_is_one_map_after_the_other() -> None:
    inner = scaled(shifted(IDENTITY, affine_maps.negative(SHIFT)), SCALE)
    outer = shifted(scaled(IDENTITY, number(2.0)), number(-1.0))
    assert at(after(outer, inner), 1.7) == pytest.approx(2 * (1.7 - 0.1159) * 0.3611 - 1)


def test_a_map_and_the_one_that_undoes_it_leave_every_latent() -> None:
    encoded = scaled(shifted(IDENTITY, affine_maps.negative(SHIFT)), SCALE)
    under = inverse(SCALE)
    assert under is not None
    assert after(shifted(scaled(IDENTITY, under), SHIFT), encoded) == IDENTITY


def test_the_other_order_of_scale_and_shift_leaves_a_shift() -> None:
    encoded = shifted(scaled(IDENTITY, SCALE), affine_maps.negative(SHIFT))
    under = inverse(SCALE)
    assert under is not None
    whole = after(shifted(scaled(IDENTITY, under), SHIFT), encoded)
    assert affine_maps.is_one(whole.scale)
    assert value(whole.shift) == pytest.approx(0.1159 - 0.1159 / 0.3611)


def test_sums_and_products_are_those_of_their_values() -> None:
    generator = random.Random(31)  # noqa: S311  numbers to calculate with
    for _ in range(40):
        left, right = (
            affine_maps.total(
                Term(generator.uniform(-2, 2), tuple(sorted({("scale", generator.choice((-1, 2))), ("shift", 1)})))
                for _ in range(generator.randint(1, 3))
            )
            for _ in range(2)
        )
        assert value(plus(left, right)) == pytest.approx(value(left) + value(right))
        assert value(times(left, right)) == pytest.approx(value(left) * value(right))


def test_a_sum_of_several_terms_has_no_inverse_here() -> None:
    assert inverse(plus(SCALE, number(1.0))) is None
    assert inverse(()) is None
    assert inverse(number(4.0)) == number(0.25)


def test_numbers_take_the_places_of_names() -> None:
    applied = affine_maps.with_values(scaled(IDENTITY, SCALE), {"scale": 0.25})
    assert applied == AffineMap(number(0.25))


@pytest.mark.parametrize(
    ("applied", "text"),
    [
        (IDENTITY, "z"),
        (AffineMap(SCALE), "z * scale"),
        (AffineMap((Term(1.0, (("scale", -1),)),), SHIFT), "z / scale + shift"),
        (AffineMap(SCALE, (Term(-1.0, (("scale", 1), ("shift", 1))),)), "z * scale - scale * shift"),
        (AffineMap(number(2.0), number(-1.0)), "z * 2 - 1"),
        (AffineMap((Term(-1.0, (("scale", 2),)),)), "-z * scale**2"),
    ],
)
def test_a_map_reads_as_it_is_written(applied: AffineMap, text: str) -> None:
    assert str(applied) == text
