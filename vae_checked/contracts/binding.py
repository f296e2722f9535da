"""Where exactly a call leaves its contract: the first axis, dtype or type that does not fit, as a plain value.

Runs only after the full check has said no. It reads the same annotations in the same order, so that what it finds is
what jaxtyping and beartype refused; where it finds nothing it says so, and the message falls back on theirs.
"""

from __future__ import annotations

import enum
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from beartype.door import is_bearable
from beartype.roar import BeartypeException
from jaxtyping import AbstractArray, AnnotationError, jaxtyped
from torch import Tensor

from vae_checked.contracts.annotations import EMPTY
from vae_checked.contracts.axes import Axis, parse_axes
from vae_checked.contracts.elements import MAPPINGS, SEQUENCES
from vae_checked.contracts.plan import is_leaf


class Kind(enum.IntEnum):
    """What does not fit; the higher, the nearer the value came to fitting."""

    TYPE = 0
    LENGTH = 1
    DTYPE = 2
    RANK = 3
    SIZE = 4


@dataclass(frozen=True, slots=True)
class Bound:
    """The size, or sizes, that a name stands for, and who bound it."""

    size: int | tuple[int, ...]
    origin: str


@dataclass(frozen=True, slots=True)
class Mismatch:
    """One value that leaves its contract.

    `where` is `x`, `result`, `result[1]`. For an axis: its index, what it may be called, the size asked for, who asked
    (empty: the annotation itself) and the size got. `wanted` holds the sizes asked for along all axes, None where free.
    """

    kind: Kind
    where: str
    hint: Any
    value: Any
    bound: Mapping[str, Bound]
    axes: tuple[Axis, ...] = ()
    axis: int = -1
    label: str = ""
    expected: int | float | tuple[int, ...] | str = ""
    origin: str = ""
    got: int | tuple[int, ...] | str = ""
    wanted: tuple[int | float | str | None, ...] = ()

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape got; () for what is no tensor."""
        return tuple(self.value.shape) if isinstance(self.value, Tensor) else ()

    @property
    def is_result(self) -> bool:
        """Whether it was returned rather than passed."""
        return self.where.startswith("result")


@dataclass(slots=True)
class Bindings:
    """The names bound so far, and the arguments that a template may read."""

    arguments: Mapping[str, Any]
    names: dict[str, Bound] = field(default_factory=dict)

    @property
    def sizes(self) -> dict[str, int]:
        """The names of single axes."""
        return {name: bound.size for name, bound in self.names.items() if isinstance(bound.size, int)}

    def copy(self) -> Bindings:
        """The same, to try something on."""
        return Bindings(self.arguments, dict(self.names))


def first_mismatch(hint: Any, value: Any, where: str, bindings: Bindings) -> Mismatch | None:
    """The first thing in `value` that does not fit `hint`; what fits is added to `bindings`."""
    if hint is EMPTY or hint is Any:
        return None
    if is_leaf(hint):
        return _leaf(hint, value, where, bindings)
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Union or origin is types.UnionType:
        return _union(hint, value, where, bindings)
    if parts and origin in SEQUENCES + MAPPINGS:
        return _container(hint, value, where, bindings)
    try:
        fits = is_bearable(value, hint)
    except (BeartypeException, AnnotationError):
        return None
    return None if fits else Mismatch(Kind.TYPE, where, hint, value, dict(bindings.names))


def _union(hint: Any, value: Any, where: str, bindings: Bindings) -> Mismatch | None:
    nearest: Mismatch | None = None
    for member in typing.get_args(hint):
        trial = bindings.copy()
        mismatch = first_mismatch(member, value, where, trial)
        if mismatch is None:
            bindings.names = trial.names
            return None
        if nearest is None or mismatch.kind > nearest.kind:
            nearest = mismatch
    return nearest


def _container(hint: Any, value: Any, where: str, bindings: Bindings) -> Mismatch | None:
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if not isinstance(value, origin):
        return Mismatch(Kind.TYPE, where, hint, value, dict(bindings.names))
    if origin in MAPPINGS:
        items = [(f"{where}[{key!r}]", parts[1], item) for key, item in value.items()]
    elif origin is tuple and Ellipsis not in parts:
        if len(value) != len(parts):
            return Mismatch(Kind.LENGTH, where, hint, value, dict(bindings.names), expected=len(parts), got=len(value))
        items = [(f"{where}[{i}]", part, item) for i, (part, item) in enumerate(zip(parts, value, strict=True))]
    else:
        items = [(f"{where}[{i}]", parts[0], item) for i, item in enumerate(value)]
    for inner, part, item in items:
        mismatch = first_mismatch(part, item, inner, bindings)
        if mismatch is not None:
            return mismatch
    return None


# ------------------------------------------------------------------------------------------------- one tensor


def _leaf(leaf: type[AbstractArray], value: Any, where: str, bindings: Bindings) -> Mismatch | None:
    axes = parse_axes(leaf.dim_str)
    bound = dict(bindings.names)
    if not _is_array_of(leaf.array_type, value):
        return Mismatch(Kind.TYPE, where, leaf, value, bound, axes)
    shape = tuple(value.shape)
    wanted = _wanted(axes, len(shape), bindings)
    if not _has_dtype(leaf, value):
        return Mismatch(
            Kind.DTYPE, where, leaf, value, bound, axes, wanted=wanted, expected=leaf.dtype.__name__, got=dtype(value)
        )
    variadic = next((i for i, axis in enumerate(axes) if axis.variadic), None)
    if len(shape) != len(axes) if variadic is None else len(shape) < len(axes) - 1:
        return Mismatch(Kind.RANK, where, leaf, value, bound, axes, wanted=wanted, expected=len(axes), got=len(shape))
    fixed = list(enumerate(axes)) if variadic is None else list(enumerate(axes[:variadic]))
    if variadic is not None:
        tail = axes[variadic + 1 :]
        fixed += [(len(shape) - len(tail) + i, axis) for i, axis in enumerate(tail)]
    for index, axis in fixed:
        expected = axis.size_from(bindings.sizes, bindings.arguments)
        if expected is None and axis.name is not None:
            if not (axis.broadcastable and shape[index] == 1):
                bindings.names[axis.name] = Bound(shape[index], where)
        elif expected is not None and shape[index] != expected and not (axis.broadcastable and shape[index] == 1):
            owner = bindings.names.get(axis.name or "")
            return Mismatch(
                Kind.SIZE,
                where,
                leaf,
                value,
                dict(bindings.names),
                axes,
                axis=index,
                label=axis.label or _channel(axes, index),
                expected=expected,
                origin=owner.origin if owner else axis.expression or "",
                got=shape[index],
                wanted=wanted,
            )
    if variadic is None:
        return None
    group = shape[variadic : len(shape) - (len(axes) - 1 - variadic)]
    return _group(leaf, value, where, bindings, axes[variadic], group)


def _group(
    leaf: type[AbstractArray], value: Any, where: str, bindings: Bindings, axis: Axis, got: tuple[int, ...]
) -> Mismatch | None:
    if axis.name is None:
        return None
    known = bindings.names.setdefault(axis.name, Bound(got, where))
    if known.size == got or axis.broadcastable:
        return None
    return Mismatch(
        Kind.SIZE,
        where,
        leaf,
        value,
        dict(bindings.names),
        parse_axes(leaf.dim_str),
        label=f"*{axis.name}",
        expected=known.size,
        origin=known.origin,
        got=got,
    )


def _wanted(axes: tuple[Axis, ...], rank: int, bindings: Bindings) -> tuple[int | float | str | None, ...]:
    if any(axis.variadic for axis in axes):
        return (None,) * rank
    sizes = bindings.sizes
    return tuple(axis.size_from(sizes, bindings.arguments) for axis in axes)


def _channel(axes: tuple[Axis, ...], index: int) -> str:
    names = [axis.label for axis in axes]
    return "C" if index == 1 and len(axes) == 4 and names[2:] == ["H", "W"] else ""


def _is_array_of(array: Any, value: Any) -> bool:
    if array is Any:
        return hasattr(value, "shape") and hasattr(value, "dtype")
    return isinstance(value, array)


def _has_dtype(leaf: type[AbstractArray], value: Any) -> bool:
    with jaxtyped("context"):
        return isinstance(value, leaf.dtype[leaf.array_type, "..."])


def dtype(value: Any) -> str:
    """The dtype's name without its library: `float32`."""
    return str(value.dtype).rpartition(".")[2]
