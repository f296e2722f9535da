"""Factors of a term entry by entry: made of what the term is made of, as a mask of the data, they leave its axes."""

from __future__ import annotations

from collections.abc import Collection

from vae_checked.facts import Likelihood
from vae_checked.linter.roles.samplers import is_scalar
from vae_checked.linter.symbols.conditions import compares
from vae_checked.linter.symbols.expression import ELEMENTWISE, REDUCTIONS, TRANSPARENT, Expr
from vae_checked.linter.symbols.given import is_given

# What has an entry for each of its arguments' entries, at the same place.
_KEEPING = ELEMENTWISE | {"cast", "detach", "contiguous", "alias", "phi", "where"}
# The same of what is opaque: which entries compare so, and a value written where they do.
_OF_COMPARED = ("masked", "invert")
# How many nodes are looked at: a weight is a formula of a line or two.
_MOST = 80


def are_of_entries(factor: Expr, term: Expr) -> bool:
    """Whether a factor has no other axes than a term: it is computed entry by entry of what the term is computed of so.

    Of a term that was reduced, what was reduced over the same axes has them as well.
    """
    base = _uncast(term)
    inner = _entries(base.args[0]) if base.op in REDUCTIONS else frozenset[int]()
    return _has_no_more(factor, _entries(base), base, inner)


def are_of_given(factor: Expr) -> bool:
    """Whether a factor is computed entry by entry of what came with the data, as a mask of what is padded."""
    stack, seen, met = [factor], set[int](), False
    while stack:
        node = stack.pop()
        if node.uid in seen or node.op in ("const", "size") or is_scalar(node):
            continue
        seen.add(node.uid)
        if len(seen) > _MOST:
            return False
        if is_given(node):
            met = True
        elif node.op in _KEEPING or node.op in TRANSPARENT or _is_of_compared(node):
            stack += node.args[1:] if node.op == "phi" else node.args
        else:
            return False
    return met


def _is_of_compared(node: Expr) -> bool:
    return compares(node) or (node.op == "opaque" and str(node.get("name")).startswith(_OF_COMPARED))


def _entries(term: Expr) -> frozenset[int]:
    """What a term is computed of entry by entry, itself included: the sides of an error, what those are made of."""
    stack, seen = [term], set[int]()
    while stack and len(seen) < _MOST:
        node = stack.pop()
        if node.uid in seen or node.op == "const":
            continue
        seen.add(node.uid)
        is_error = node.op == "loss" and node.get("kind") is not Likelihood.CROSS_ENTROPY
        if node.op in _KEEPING or is_error:
            stack += node.args[1:] if node.op == "phi" else node.args
    return frozenset(seen)


def _has_no_more(factor: Expr, known: Collection[int], term: Expr, inner: Collection[int]) -> bool:
    stack, seen = [factor], set[int]()
    while stack:
        node = stack.pop()
        if node.uid in known or node.uid in seen or node.op in ("const", "size") or is_scalar(node):
            continue
        seen.add(node.uid)
        if len(seen) > _MOST:
            return False
        if node.op in REDUCTIONS:
            is_total = node.get("axes") == "all"
            alike = bool(inner) and node.attrs == term.attrs
            if not is_total and not (alike and _has_no_more(node.args[0], inner, node.args[0], ())):
                return False
        elif node.op in _KEEPING or _is_of_compared(node):
            stack += node.args[1:] if node.op == "phi" else node.args
        else:
            return False
    return True


def _uncast(term: Expr) -> Expr:
    while term.op in ("cast", "detach", "contiguous", "alias"):
        term = term.args[0]
    return term
