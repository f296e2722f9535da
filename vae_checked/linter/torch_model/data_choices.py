"""Data sets, loaders and transforms that a branch chooses between: where their ranges differ, none of them is known."""

from __future__ import annotations

import ast
from collections.abc import Hashable, Sequence
from functools import reduce
from itertools import chain

from vae_checked.linter.symbols.expression import Expr, Site
from vae_checked.linter.symbols.values import External, Function, Instance, Loader, Transform, Value
from vae_checked.record import replace

# The steps after which data lie elsewhere, whatever they are applied to, or may lie, as behind a function.
_SETTLING = frozenset(("ToTensor", "Normalize", "ConvertImageDtype", "ToDtype", "Lambda", "unknown"))
_UNKNOWN = ("unknown", None, None)
# What may be called as a step, and is no transform of a library.
_CALLED = (Function, Instance, External)


def of_both(one: Value, other: Value) -> Value:
    """What is known of either of two loaders or two transforms; None where they are no such pair."""
    if isinstance(one, Loader) and isinstance(other, Loader):
        if one.fields or other.fields or one.interval == other.interval:
            return one
        return Loader(None, one.site, one.name)
    if isinstance(one, Transform) and isinstance(other, Transform):
        return one if are_alike(one, other) else Transform((*one.steps, _UNKNOWN))
    for transform, step in ((one, other), (other, one)):
        if isinstance(transform, Transform) and isinstance(step, _CALLED):
            return Transform((*transform.steps, _UNKNOWN))
    return None


def of_steps(one: Sequence[Value], other: Sequence[Value]) -> list[Value] | None:
    """The steps of one of two lists, and one that is not known where both leave data apart; None for other lists."""
    if not all(isinstance(item, (Transform, *_CALLED)) for item in (*one, *other)):
        return None
    is_same = are_alike(*(Transform(tuple(chain.from_iterable(map(_steps, each)))) for each in (one, other)))
    kept = max(one, other, key=len)
    return [*kept] if is_same else [*kept, Transform((_UNKNOWN,))]


def of_own(kept: Loader, other: Loader) -> Loader:
    """What is known of data sets of the project of which a branch makes one: all but a range that the other has not."""
    if kept.interval == other.interval and kept.centred is other.centred:
        return kept
    return replace(kept, interval=None, site=None, centred=False, own=True)


def any_of(values: Sequence[Value]) -> Value:
    """What is known of one of several loaders or transforms; None where they are of no such kind."""
    if not values or not all(isinstance(value, (Loader, Transform)) for value in values):
        return None
    return reduce(of_both, values)


def are_alike(one: Transform, other: Transform) -> bool:
    """Whether two transforms leave data in the same range."""
    return _settling(one) == _settling(other)


def perhaps(step: Transform) -> Transform:
    """A transform that is applied under a condition: where it moves data, nothing is known of their range."""
    return Transform((*step.steps, _UNKNOWN)) if _settling(step) else step


def _steps(item: Value) -> tuple[tuple[str, Value, Site | None], ...]:
    """The steps that an entry of a list comes to, as Compose takes them."""
    return item.steps if isinstance(item, Transform) else (("unknown", item, None),)


def _settling(transform: Transform) -> list[tuple[str, Hashable]]:
    return [
        (name, _key(value))
        for name, value, _ in transform.steps
        if name in _SETTLING or any(map(_settling, _ways(value)))
    ]


def _ways(value: Value) -> list[Transform]:
    """The transforms of which a step applies one at random."""
    return [each for each in value if isinstance(each, Transform)] if isinstance(value, tuple) else []


def _key(value: Value) -> Hashable:
    """What two values that are written alike have in common."""
    if isinstance(value, Expr):
        return value.uid
    if isinstance(value, (tuple, list)):
        return tuple(map(_key, value))
    if isinstance(value, Function):
        return ast.dump(value.node), id(value.scope), id(value.bound)
    if isinstance(value, Transform):
        return tuple(_settling(value))
    if isinstance(value, Instance):
        return id(value)
    if isinstance(value, External):
        return value.dotted
    return value if isinstance(value, (int, float, str)) else None
