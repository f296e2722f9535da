"""Affine maps z -> a z + b whose coefficients are sums of products of named quantities."""

from __future__ import annotations

import math
from collections.abc import Iterable

from vae_checked.latent_facts import AffineMap, Term

Terms = tuple[Term, ...]
IDENTITY = AffineMap()
ONE: Terms = (Term(1.0),)
_TOLERANCE = 1e-6
MOST_TERMS = 8


def number(value: float) -> Terms:
    """The sum that is this number."""
    return (Term(float(value)),) if value else ()


def named(name: str) -> Terms:
    """The sum that is this quantity."""
    return (Term(1.0, ((name, 1),)),)


def total(terms: Iterable[Term]) -> Terms:
    """A sum with like terms together, those that cancel left out."""
    found: dict[tuple[tuple[str, int], ...], float] = {}
    sizes: dict[tuple[tuple[str, int], ...], float] = {}
    for term in terms:
        found[term.powers] = found.get(term.powers, 0.0) + term.coefficient
        sizes[term.powers] = max(sizes.get(term.powers, 0.0), abs(term.coefficient))
    kept = (powers for powers, value in found.items() if abs(value) > _TOLERANCE * sizes[powers])
    return tuple(Term(found[powers], powers) for powers in sorted(kept))


def plus(left: Terms, right: Terms) -> Terms:
    """left + right."""
    return total((*left, *right))


def negative(terms: Terms) -> Terms:
    """-terms."""
    return tuple(Term(-term.coefficient, term.powers) for term in terms)


def times(left: Terms, right: Terms) -> Terms:
    """left * right."""
    return total(_product(one, other) for one in left for other in right)


def _product(one: Term, other: Term) -> Term:
    powers = dict(one.powers)
    for name, power in other.powers:
        powers[name] = powers.get(name, 0) + power
    return Term(one.coefficient * other.coefficient, tuple(sorted((n, p) for n, p in powers.items() if p)))


def inverse(terms: Terms) -> Terms | None:
    """1 / terms; None for a sum of several, and for nothing."""
    if len(terms) != 1 or not math.isfinite(1 / terms[0].coefficient):
        return None
    (term,) = terms
    return (Term(1 / term.coefficient, tuple((name, -power) for name, power in term.powers)),)


def after(outer: AffineMap, inner: AffineMap) -> AffineMap:
    """z -> outer(inner(z))."""
    return AffineMap(times(outer.scale, inner.scale), plus(times(outer.scale, inner.shift), outer.shift))


def scaled(inner: AffineMap, factor: Terms) -> AffineMap:
    """z -> factor * inner(z)."""
    return AffineMap(times(factor, inner.scale), times(factor, inner.shift))


def shifted(inner: AffineMap, offset: Terms) -> AffineMap:
    """z -> inner(z) + offset."""
    return AffineMap(inner.scale, plus(inner.shift, offset))


def with_values(given: AffineMap, values: dict[str, float]) -> AffineMap:
    """A map with numbers in the places of the quantities of these names."""
    return AffineMap(_valued(given.scale, values), _valued(given.shift, values))


def _valued(terms: Terms, values: dict[str, float]) -> Terms:
    made = []
    for term in terms:
        coefficient = term.coefficient
        for name, power in term.powers:
            if name in values:
                coefficient *= values[name] ** power
        made.append(Term(coefficient, tuple((name, power) for name, power in term.powers if name not in values)))
    return total(made)


def is_one(terms: Terms) -> bool:
    """Whether a sum is 1."""
    return len(terms) == 1 and not terms[0].powers and math.isclose(terms[0].coefficient, 1.0, rel_tol=1e-4)


def applied(op: str, inner: AffineMap, other: Terms, first: bool) -> AffineMap | None:
    """`inner` with a number added, subtracted, multiplied or divided; `first` where the latent stands before it."""
    if op == "add":
        return shifted(inner, other)
    if op == "sub":
        if first:
            return shifted(inner, negative(other))
        return shifted(scaled(inner, number(-1.0)), other)
    factor: Terms | None = other if op == "mul" else inverse(other)
    return None if not factor else scaled(inner, factor)


def undoing(given: AffineMap) -> AffineMap | None:
    """The map that undoes `given`; None where its scale is a sum."""
    factor = inverse(given.scale)
    if factor is None:
        return None
    return AffineMap(factor, negative(times(factor, given.shift)))
