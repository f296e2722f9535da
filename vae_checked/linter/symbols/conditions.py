"""Conditions: how numbers are compared, that a value equals one constant at most, and which hold together."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping

from vae_checked.linter.symbols.expression import Expr, called_name

# Comparisons of numbers.
RELATIONS: Mapping[type[ast.cmpop], Callable[[float, float], bool]] = {
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt, ast.LtE: operator.le,
    ast.Gt: operator.gt, ast.GtE: operator.ge,
}  # fmt: skip
# The same by the names that they have in a condition, and what these begin with.
_RELATIONS = {kind.__name__: relation for kind, relation in RELATIONS.items()}
_COMPARING = "compare:"
# The same by the names of what compares entry by entry: functions of torch, and methods of a tensor.
_CALLED: Mapping[str, Callable[[float, float], bool]] = {
    "eq": operator.eq, "ne": operator.ne, "not_equal": operator.ne,
    "lt": operator.lt, "less": operator.lt, "le": operator.le, "less_equal": operator.le,
    "gt": operator.gt, "greater": operator.gt, "ge": operator.ge, "greater_equal": operator.ge,
}  # fmt: skip
_SIDES = ("left", "right")
_EQUALITIES = frozenset(("compare:Eq", "compare:NotEq", "compare:Is", "compare:IsNot"))
# What settings are attributes of: an argument, what a parser or a file gave.
_HOLDERS = frozenset(("atom", "call", "opaque"))
Equality = tuple[int, int, bool]
# Conditions, each with whether it holds.
Steps = tuple[tuple[Expr, bool], ...]
# What the name of a condition begins with that asks whether a key which is not known is one of a dict: `key:7:'relu'`.
BY_KEY = "key:"


def compares(condition: Expr) -> bool:
    """Whether a value is a comparison, entry by entry."""
    name = str(condition.get("name"))
    if condition.op == "opaque" and name.startswith(_COMPARING):
        return True
    is_called = condition.op == "call" or (condition.op == "opaque" and name.startswith("torch."))
    return is_called and len(condition.args) == len(_SIDES) and called_name(condition) in _CALLED


def relation_of(condition: Expr) -> Callable[[float, float], bool] | None:
    """How a condition compares two numbers; None where it is no comparison of two."""
    if not compares(condition) or len(condition.args) != len(_SIDES):
        return None
    name = str(condition.get("name"))
    if name.startswith(_COMPARING):
        return _RELATIONS.get(name.removeprefix(_COMPARING))
    return _CALLED[called_name(condition)]


def equality(condition: Expr) -> Equality | None:
    """(value, constant, negated) of a comparison of a value with a constant, by their uids; None for any other."""
    kind = condition.get("name") if condition.op == "opaque" else None
    if kind not in _EQUALITIES:
        return None
    given, constant = condition.args
    if constant.op != "const" and (constant.op != "opaque" or constant.args):
        return None
    return given.uid, constant.uid, kind in ("compare:NotEq", "compare:IsNot")


def may_be_none(value: Expr) -> bool:
    """Whether a value is a setting, read of an object that is not known: whoever leaves it out has None there.

    What the configuration of a model says, the model decides.
    """
    while value.op == "attribute" and value.args:
        value = value.args[0]
        if value.op == "attribute" and value.get("name") == "config":
            return False
        if value.op in _HOLDERS:
            return True
    return False


def parts(condition: Expr, holds: bool) -> Iterator[tuple[Expr, bool]]:
    """What is known where a condition holds, or does not: of `not a` that of a, of `a and b` that of both."""
    name = condition.get("name") if condition.op == "opaque" else None
    if name == "not":
        yield from parts(condition.args[0], not holds)
    elif name == ("And" if holds else "Or"):
        for each in condition.args:
            yield from parts(each, holds)
    else:
        yield condition, holds


def contradict(steps: Iterable[tuple[Expr, bool]], refused: Iterable[Steps] = ()) -> bool:
    """Whether conditions that are to hold, or not to, do not go together: by themselves, or as code refuses them."""
    known = _Known()
    if not all(known.add(*part) for step in steps for part in parts(*step)):
        return True
    return any(each and all(known.implies(*part) for step in each for part in parts(*step)) for each in refused)


class _Known:
    """What is known of conditions, and of what values equal by them."""

    def __init__(self) -> None:
        self._held: dict[int, bool] = {}
        self._equal: dict[int, int] = {}
        self._unequal: set[tuple[int, int]] = set()

    def add(self, condition: Expr, holds: bool) -> bool:
        """Take note of one more; False where it goes together with none of those before."""
        if self._told(condition) is (not holds):
            return False
        self._held[condition.uid] = holds
        known = equality(condition)
        if known is not None:
            given, constant, negated = known
            if holds is negated:
                self._unequal.add((given, constant))
            else:
                self._equal[given] = constant
        return True

    def implies(self, condition: Expr, holds: bool) -> bool:
        """Whether a condition holds, or does not, by what is known."""
        return self._told(condition) is holds

    def _told(self, condition: Expr) -> bool | None:
        if condition.uid in self._held:
            return self._held[condition.uid]
        known = equality(condition)
        if known is None:
            return None
        given, constant, negated = known
        if given in self._equal:
            return (self._equal[given] == constant) is not negated
        return negated if (given, constant) in self._unequal else None
