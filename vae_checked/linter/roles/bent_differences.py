"""Penalties of the size of one difference that take it more than once: the error of Huber, written by hand."""

from __future__ import annotations

import itertools

from vae_checked.linter.roles.samplers import is_scalar
from vae_checked.linter.symbols.conditions import relation_of
from vae_checked.linter.symbols.expression import Expr, elementwise, is_formula, strip
from vae_checked.linter.symbols.numeric import Program, leaves

# Sizes of a difference at which a penalty is looked at.
_SIZES = (0.0, 0.3, 0.9, 1.7, 3.1)
_TWICE = 2


def size_in(penalty: Expr) -> Expr | None:
    """The absolute value of a difference that a penalty is made of, and grows with, where it stands in it twice."""
    if not is_formula(penalty):
        return None
    nodes = list(elementwise(penalty))
    sizes = {node.uid: node for node in nodes if node.op == "abs" and strip(node.args[0]).op == "sub"}
    if len(sizes) != 1:
        return None
    ((uid, size),) = sizes.items()
    if sum(strip(arg).uid == uid for node in nodes for arg in node.args) < _TWICE:
        return None
    rest = leaves(penalty, (uid,))
    if not all(map(is_scalar, rest)) or any(arg.op == "const" for arg in strip(size.args[0]).args):
        return None
    ones = {leaf.uid: 1.0 for leaf in rest}
    values = [_value(penalty, {**ones, uid: at}) for at in _SIZES]
    return size if all(one < other for one, other in itertools.pairwise(values)) else None


def _value(penalty: Expr, given: dict[int, float]) -> float:
    """What a penalty comes to; of a choice it is the side that the condition chooses, where that compares two values.

    Any other choice has the value that its sides agree in, and none where they do not.
    """
    if penalty.op == "where":
        condition, one, other = penalty.args
        relation = relation_of(condition)
        if relation is not None:
            left, right = (Program(arg, given)(given) for arg in condition.args)
            penalty = one if relation(left, right) else other
    return Program(penalty, given)(given)
