"""Conditions: how numbers are compared, and that a value equals one constant at most."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping

from vae_checked.linter.symbols.expression import Expr

# Comparisons of numbers.
RELATIONS: Mapping[type[ast.cmpop], Callable[[float, float], bool]] = {
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt, ast.LtE: operator.le,
    ast.Gt: operator.gt, ast.GtE: operator.ge,
}  # fmt: skip
Equality = tuple[int, int, bool]
# What the name of a condition begins with that asks whether a key which is not known is one of a dict: `key:7:'relu'`.
BY_KEY = "key:"


def equality(condition: Expr) -> Equality | None:
    """(value, constant, negated) of a comparison of a value with a constant, by their uids; None for any other."""
    kind = condition.get("name") if condition.op == "opaque" else None
    if kind not in ("compare:Eq", "compare:NotEq"):
        return None
    given, constant = condition.args
    if constant.op != "const" and (constant.op != "opaque" or constant.args):
        return None
    return given.uid, constant.uid, kind == "compare:NotEq"
