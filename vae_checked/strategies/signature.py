"""Arguments for any annotated function: sizes for its axes and a seed are drawn, the tensors follow."""

from __future__ import annotations

import enum
import inspect
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from hypothesis import assume, currently_in_test_context, note
from hypothesis import strategies as st
from jaxtyping import AbstractArray, jaxtyped

from vae_checked.contracts.annotations import EMPTY, resolve
from vae_checked.contracts.axes import Axis, parse_axes
from vae_checked.contracts.plan import is_leaf, leaves
from vae_checked.errors import UsageError
from vae_checked.signatures import signature_of
from vae_checked.strategies.sizes import Bounds, named_sizes
from vae_checked.strategies.tensors import SEEDS

# In the order in which one is taken where an annotation allows none of those asked for.
DTYPES = (
    torch.float32,
    torch.float64,
    torch.bfloat16,
    torch.float16,
    torch.int64,
    torch.int32,
    torch.int16,
    torch.int8,
    torch.uint8,
    torch.bool,
    torch.complex64,
    torch.complex128,
)
MOST_EXTRA_AXES = 2
MOST_ELEMENTS = 3


def from_signature(
    function: Callable[..., Any],
    *,
    bounds: Mapping[str, Bounds] | None = None,
    dtypes: tuple[torch.dtype, ...] = (torch.float32, torch.float64),
    distinct: bool = True,
    **given: st.SearchStrategy[Any],
) -> st.SearchStrategy[dict[str, Any]]:
    """Keyword arguments that keep the contract of `function`, a function or a bound method.

    A name is one size wherever it occurs; names differ pairwise, and from the sizes written as numbers, unless
    `distinct` is False. `bounds` holds a size or a range for a name (by default 1 to 8, or more where many names must
    differ); `*batch` and `...` are up to two axes. Of the dtypes that an annotation allows, those in `dtypes` are drawn
    where there are any. Floating point is N(0, 1), uint8 is 0..255. `given` holds strategies of your own; an argument
    with a default is left out unless it is given or its annotation speaks of a tensor. Raises UsageError for an
    argument whose values are not known.
    """
    signature = resolve(function, {})
    hints: dict[str, Any] = {}
    for name, parameter in signature.parameters.parameters.items():
        if name in given or parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        hint, optional = parameter.annotation, parameter.default is not EMPTY
        if _is_known(hint) and (not optional or any(True for _ in leaves(hint))):
            hints[name] = hint
        elif not optional:
            of = inspect.unwrap(function).__qualname__.rpartition("<locals>.")[2]
            remedy = "take it from an instance" if name in ("self", "cls") else f"pass a strategy, {name}=..."
            raise UsageError(f"from_signature: no values are known for {name} of {of}; {remedy}")
    fixed = {p.name: p.default for p in signature.parameters.parameters.values() if p.default is not EMPTY}
    if inspect.ismethod(function):
        fixed[next(iter(signature_of(function.__func__).parameters))] = function.__self__
    return _arguments(_Recipe(hints, fixed, given, dict(bounds or {}), dtypes, distinct))


@dataclass(frozen=True, slots=True)
class _Recipe:
    """What to draw: annotations by argument, the values of the rest that axes may read, and the options."""

    hints: Mapping[str, Any]
    fixed: Mapping[str, Any]
    given: Mapping[str, st.SearchStrategy[Any]]
    bounds: Mapping[str, Bounds]
    dtypes: tuple[torch.dtype, ...]
    distinct: bool


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A tensor to be made once the sizes are known: one of its axes may stand for several."""

    leaf: type[AbstractArray]
    dtype: torch.dtype
    axes: tuple[tuple[str, Axis], ...]


@st.composite
def _arguments(draw: st.DrawFn, recipe: _Recipe) -> dict[str, Any]:
    arguments = {name: draw(strategy) for name, strategy in recipe.given.items()}
    groups: dict[str, int] = {}
    trees = {name: _structure(draw, hint, name, groups, recipe) for name, hint in recipe.hints.items()}
    wanted = [leaf for tree in trees.values() for leaf in _wanted(tree)]
    sizes = _sizes(draw, wanted, recipe)
    seed = draw(SEEDS)
    if currently_in_test_context():
        note(f"{', '.join(f'{name}={size}' for name, size in sizes.items() if name.isidentifier())}, seed {seed}")
    readable = {**recipe.fixed, **arguments, **{name: tree for name, tree in trees.items() if not _wanted(tree)}}
    generator = torch.Generator().manual_seed(seed)

    def make(tree: Any) -> Any:
        if isinstance(tree, _Wanted):
            return _tensor(draw, tree, sizes, readable, generator)
        if isinstance(tree, (tuple, list)):
            return type(tree)(make(item) for item in tree)
        return {key: make(item) for key, item in tree.items()} if isinstance(tree, dict) else tree

    return arguments | {name: make(tree) for name, tree in trees.items()}


# ------------------------------------------------------------------------------------------- what is to be made

_NUMBERS: Mapping[Any, st.SearchStrategy[Any]] = {
    int: st.integers(1, 8),
    bool: st.booleans(),
    float: st.floats(0.125, 8.0, width=32),
    None: st.none(),
    type(None): st.none(),
}
_CONTAINERS = (tuple, list, dict)


def _is_known(hint: Any) -> bool:
    if is_leaf(hint):
        return hint.array_type is Any or issubclass(torch.Tensor, hint.array_type)
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Union or origin is types.UnionType:
        return any(map(_is_known, parts))
    if origin in _CONTAINERS and parts:
        return all(_is_known(part) for part in (parts[1:] if origin is dict else parts) if part is not Ellipsis)
    return origin is typing.Literal or hint in _NUMBERS or (inspect.isclass(hint) and issubclass(hint, enum.Enum))


def _structure(draw: st.DrawFn, hint: Any, where: str, groups: dict[str, int], recipe: _Recipe) -> Any:
    """The annotation with its choices made: containers of `_Wanted` and of plain values."""
    if is_leaf(hint):
        return _leaf(draw, hint, where, groups, recipe)
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Union or origin is types.UnionType:
        # None first: an example that needs no tensor is the simpler one.
        members = sorted((part for part in parts if _is_known(part)), key=lambda part: part is not type(None))
        return _structure(draw, draw(st.sampled_from(members)), where, groups, recipe)
    if origin is typing.Literal:
        return draw(st.sampled_from(parts))
    if origin is tuple and Ellipsis not in parts:
        return tuple(_structure(draw, part, f"{where}[{i}]", groups, recipe) for i, part in enumerate(parts))
    if origin in (tuple, list):
        count = draw(st.integers(1, MOST_ELEMENTS))
        return origin(_structure(draw, parts[0], f"{where}[{i}]", groups, recipe) for i in range(count))
    if origin is dict:
        names = [f"key{i}" for i in range(draw(st.integers(1, MOST_ELEMENTS)))]
        return {name: _structure(draw, parts[1], f"{where}[{name}]", groups, recipe) for name in names}
    return draw(_NUMBERS[hint] if hint in _NUMBERS else st.sampled_from(list(hint)))


def _leaf(draw: st.DrawFn, leaf: type[AbstractArray], where: str, groups: dict[str, int], recipe: _Recipe) -> _Wanted:
    allowed = [dtype for dtype in DTYPES if _allows(leaf, dtype)]
    dtypes = [dtype for dtype in recipe.dtypes if dtype in allowed] or allowed[:1]
    if not dtypes:
        raise UsageError(f"from_signature: torch has no dtype for {leaf.__name__}")
    axes: list[tuple[str, Axis]] = []
    for index, axis in enumerate(parse_axes(leaf.dim_str)):
        name = axis.name or f"{where}.{index}"  # an axis of any size gets a size of its own
        if axis.variadic:
            if name not in groups:
                groups[name] = draw(st.integers(0, MOST_EXTRA_AXES))
            axes += ((f"*{name}[{i}]", Axis("_")) for i in range(groups[name]))
        else:
            axes.append((name, axis))
    return _Wanted(leaf, draw(st.sampled_from(dtypes)), tuple(axes))


def _allows(leaf: type[AbstractArray], dtype: torch.dtype) -> bool:
    with jaxtyped("context"):
        return isinstance(torch.empty((), dtype=dtype), leaf.dtype[torch.Tensor, "..."])


def _wanted(tree: Any) -> list[_Wanted]:
    if isinstance(tree, _Wanted):
        return [tree]
    items = tree.values() if isinstance(tree, dict) else tree if isinstance(tree, (tuple, list)) else ()
    return [leaf for item in items for leaf in _wanted(item)]


# ---------------------------------------------------------------------------------------------------- making it


def _sizes(draw: st.DrawFn, wanted: list[_Wanted], recipe: _Recipe) -> dict[str, int]:
    axes = [pair for each in wanted for pair in each.axes]
    names = dict.fromkeys(name for name, axis in axes if axis.size is None and axis.expression is None)
    most = max(8, len(names) + 3)
    bounds: dict[str, Bounds] = {name: recipe.bounds.get(name, (1, most)) for name in names}
    written: dict[str, Bounds] = {f"={axis.size}": axis.size for _, axis in axes if axis.size}
    drawn = draw(named_sizes(bounds | written, distinct=recipe.distinct)) if bounds else {}
    return {name: drawn[name] for name in bounds}


def _tensor(
    draw: st.DrawFn, want: _Wanted, sizes: Mapping[str, int], readable: Mapping[str, Any], generator: torch.Generator
) -> torch.Tensor:
    shape = []
    for name, axis in want.axes:
        size = sizes[name] if name in sizes else axis.size_from(sizes, readable)
        if not isinstance(size, int):
            raise UsageError(f"from_signature: the axis {axis.text} of {want.leaf.__name__} cannot be worked out")
        assume(size > 0 or axis.size == 0)
        shape.append(1 if axis.broadcastable and draw(st.booleans()) else size)
    if want.dtype == torch.bool:
        return torch.rand(shape, generator=generator) < 0.5
    if want.dtype.is_floating_point or want.dtype.is_complex:
        return torch.randn(shape, generator=generator, dtype=want.dtype)
    return torch.randint(0, 256 if want.dtype == torch.uint8 else 10, shape, generator=generator, dtype=want.dtype)
