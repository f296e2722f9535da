"""What an object keeps in its lists of what it did: numbers of a run that are no part of the next one."""

from __future__ import annotations

from collections.abc import Iterator

from vae_checked.linter.symbols.expression import Expr
from vae_checked.linter.symbols.values import Instance, Value, opened

# A history is a list, or a list by a name, which may be one by another name.
_MAX_DEPTH = 3
_MADE = frozenset(("layer", "noise", "draw"))


def held(instance: Instance) -> frozenset[int]:
    """The numbers of the values that stand in an object's lists."""
    return frozenset(value.uid for items in _lists(instance) for value in opened(items, (tuple, list, dict)))


def forget(instance: Instance, first: frozenset[int]) -> None:
    """Take out of an object's lists what a run recorded there, but for what they held at `first`.

    What is recorded has no gradient: the loss of an epoch, as a number. Whoever reads a list finds it as it was made.
    """
    for items in _lists(instance):
        items[:] = [item for item in items if not _is_record(item, first)]


def _lists(instance: Instance) -> Iterator[list[Value]]:
    """The lists in an object's attributes, those that are kept by name among them."""
    stack = [(value, 0) for value in instance.attributes.values()]
    while stack:
        value, depth = stack.pop()
        if isinstance(value, list):
            yield value
        elif isinstance(value, dict) and depth < _MAX_DEPTH:
            stack.extend((item, depth + 1) for item in value.values())


def _is_record(item: Value, first: frozenset[int]) -> bool:
    """Whether an item of a list is made of values without a gradient that were not there at `first`."""
    values = list(opened(item, (tuple, list, dict)))
    return bool(values) and all(value.uid not in first and _is_without_gradient(value) for value in values)


def _is_without_gradient(value: Expr) -> bool:
    """Whether all that a value has of layers and of noise is below what detaches it."""
    found, stack, seen = False, [value], set[int]()
    while stack:
        node = stack.pop()
        if node.op in _MADE:
            return False
        found = found or node.op == "detach"
        if node.op != "detach" and node.uid not in seen:
            seen.add(node.uid)
            stack.extend(node.args)
    return found
