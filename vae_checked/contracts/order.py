"""Names of axes that an expression reads before the argument that binds them: `T+1` in front of `T`.

jaxtyping reads arguments from left to right and refuses such a signature. Here the plain names are bound first, over
all arguments, and the expressions are judged by them, in whichever order a signature has them.
"""

from __future__ import annotations

import ast
import re
import types
import typing
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from jaxtyping import AbstractArray

from vae_checked.contracts.annotations import Signature
from vae_checked.contracts.axes import parse_axes
from vae_checked.contracts.elements import MAPPINGS, SEQUENCES
from vae_checked.contracts.plan import is_leaf, leaves


def names_read_early(signature: Signature) -> frozenset[str]:
    """The plain axes of `signature` that stand in an expression to the left of where they are bound."""
    bound: set[str] = set()
    early: set[str] = set()
    for hint in signature.hints.values():
        for leaf in leaves(hint):
            for axis in parse_axes(leaf.dim_str):
                if axis.expression is not None:
                    early |= _names(axis.expression) - bound
                elif axis.name is not None and not axis.variadic and not axis.broadcastable:
                    bound.add(axis.name)
    return frozenset(early & bound)


def sizes_of(names: frozenset[str], arguments: Iterable[tuple[str, Any, Any]]) -> Mapping[str, tuple[int, str]]:
    """The size of each of `names`, and the argument that it was read from: the first that has such an axis.

    `arguments` are triples of where a value goes, its annotation, and the value, as `Signature.passed` gives them.
    """
    found: dict[str, tuple[int, str]] = {}
    for where, hint, value in arguments:
        for leaf, tensor in _tensors(hint, value):
            for name, size in _plain_axes(leaf, tensor):
                if name in names:
                    found.setdefault(name, (size, where))
    return found


def _names(expression: str) -> set[str]:
    try:
        tree = ast.parse(re.sub(r"{[^{}]*}", "0", expression), mode="eval")
    except SyntaxError:
        return set()
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


def _tensors(hint: Any, value: Any) -> Iterator[tuple[type[AbstractArray], Any]]:
    """Each jaxtyping annotation in `hint` with the part of `value` that it is for."""
    if is_leaf(hint):
        yield hint, value
        return
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Union or origin is types.UnionType:
        for member in parts:
            yield from _tensors(member, value)
    elif parts and origin in SEQUENCES + MAPPINGS and isinstance(value, origin):
        if origin in MAPPINGS:
            items = [(parts[1], item) for item in value.values()]
        elif origin is tuple and Ellipsis not in parts:
            items = list(zip(parts, value, strict=False))
        else:
            items = [(parts[0], item) for item in value]
        for part, item in items:
            yield from _tensors(part, item)


def _plain_axes(leaf: type[AbstractArray], value: Any) -> Iterator[tuple[str, int]]:
    """The names that `value` binds under `leaf`; none where it has another number of axes."""
    shape = getattr(value, "shape", None)
    if not isinstance(shape, tuple):
        return
    axes = parse_axes(leaf.dim_str)
    spread = next((index for index, axis in enumerate(axes) if axis.variadic), None)
    if len(shape) != len(axes) if spread is None else len(shape) < len(axes) - 1:
        return
    ahead = len(axes) if spread is None else spread
    pairs = [*zip(axes[:ahead], shape[:ahead], strict=True)]
    if spread is not None and axes[spread + 1 :]:
        tail = axes[spread + 1 :]
        pairs += zip(tail, shape[-len(tail) :], strict=True)
    for axis, size in pairs:
        if axis.name is not None and not axis.broadcastable:
            yield axis.name, size
