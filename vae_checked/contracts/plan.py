"""What a signature's verdict depends on, worked out once, and how to read that off a call.

The verdict of most signatures is a function of the types, shapes and dtypes of what is passed: such a signature has a
fingerprint, and its verdicts can be remembered. Where an annotation looks at anything else (a validator, a protocol's
attributes, a PyTree), or is of a kind not listed here, the plan says so and every call is checked in full.
"""

from __future__ import annotations

import abc
import collections.abc
import enum
import inspect
import types
import typing
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import CodeType
from typing import Any

from jaxtyping import AbstractArray
from torch import Tensor

from vae_checked.contracts.annotations import EMPTY, Signature
from vae_checked.contracts.axes import fill, is_pure, parse_axes, template_code

LONGEST_CONTAINER = 64


class Reads(enum.IntEnum):
    """What the verdict on one annotation reads of a value."""

    NOTHING = 0
    TYPE = 1
    VALUE = 2
    TENSOR = 3
    ELEMENTS = 4


class Unsound(Exception):  # noqa: N818  no error: the reason why a verdict is not remembered
    """A verdict that depends on more than a fingerprint holds."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How to fingerprint the calls of one signature; `why_not` says why verdicts are not remembered, or is empty."""

    signature: Signature
    names: tuple[str, ...]
    positional: tuple[Reads, ...]
    by_name: Mapping[str, Reads]
    defaults: Mapping[str, Any]
    count: int
    collects: bool
    templates: tuple[CodeType, ...]
    result: Reads
    result_templates: tuple[CodeType, ...]
    why_not: str

    def arguments(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Every argument by name, defaults included, of a call that fits the signature."""
        if self.collects:
            bound = self.signature.parameters.bind(*args, **kwargs)
            bound.apply_defaults()
            return dict(bound.arguments)
        arguments = dict(zip(self.names, args))  # noqa: B905  a call may pass fewer; `strict` would cost time
        if kwargs:
            arguments.update(kwargs)
        return arguments if len(arguments) == self.count else {**self.defaults, **arguments}

    def fingerprint(self, args: tuple[Any, ...], kwargs: Mapping[str, Any], arguments: Mapping[str, Any]) -> Any:
        """All that the verdict on the arguments depends on, hashable; raises whatever reading it raises."""
        parts: list[Any] = []
        for reads, value in zip(self.positional, args):  # noqa: B905  as above
            if reads is _TENSOR and type(value) is Tensor:
                parts.append(value.shape)
                parts.append(value.dtype)
            elif reads:
                parts.append(_part(reads, value))
        if kwargs:
            for name, value in kwargs.items():
                reads = self.by_name.get(name, Reads.NOTHING)
                if reads:
                    parts += (name, _part(reads, value))
        if self.templates:
            parts += [_filled(code, arguments) for code in self.templates]
        return tuple(parts)

    def result_fingerprint(self, result: Any, arguments: Mapping[str, Any]) -> Any:
        """All that the verdict on the result depends on, once the arguments' fingerprint is known."""
        if self.result is _TENSOR and type(result) is Tensor:
            part: Any = (result.shape, result.dtype)
        else:
            part = _part(self.result, result)
        if self.result_templates:
            return (part, *(_filled(code, arguments) for code in self.result_templates))
        return part


_TENSOR = Reads.TENSOR  # looked up once: these lines run at every call


def _part(reads: Reads, value: Any) -> Any:
    kind = type(value)
    if reads is Reads.TENSOR:
        return (kind, value.shape, value.dtype) if issubclass(kind, Tensor) else kind
    if reads is Reads.ELEMENTS:
        return _elements(value)
    if reads is Reads.VALUE:
        return (kind, value) if kind in _PLAIN_VALUES or isinstance(value, enum.Enum) else kind
    return kind if reads else None


_PLAIN_VALUES = frozenset({str, bytes, int, bool, type(None)})
_SCALARS = frozenset({int, float, complex, bool, type(None)})


def _elements(value: Any) -> Any:
    kind = type(value)
    if kind is Tensor or issubclass(kind, Tensor):
        return (kind, value.shape, value.dtype)
    if kind in _SCALARS:
        return kind
    if kind in (str, bytes):
        return (kind, bool(value))
    if len(value) > LONGEST_CONTAINER:
        raise Unsound("a long container")
    if kind is tuple or kind is list or (issubclass(kind, tuple) and hasattr(kind, "_fields")):
        return (kind, *map(_elements, value))
    if kind is dict and all(type(key) in (str, int) for key in value):
        return (kind, *((type(key), key, _elements(item)) for key, item in value.items()))
    raise Unsound(f"a container of type {kind.__name__}")


def _filled(code: CodeType, arguments: Mapping[str, Any]) -> str:
    text = fill(code, arguments)
    if not is_pure(text):
        raise Unsound(f"the axis {text!r}")
    return text


# ---------------------------------------------------------------------------------------- from annotations


def make_plan(signature: Signature) -> Plan:
    """Work out what the verdict on `signature` depends on."""
    parameters = signature.parameters.parameters
    reads: dict[str, Reads] = {}
    reasons = []
    collecting = [p for p in parameters.values() if p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    for name, parameter in parameters.items():
        try:
            reads[name] = hint_reads(parameter.annotation)
            if parameter in collecting and reads[name]:
                raise Unsound("collects any number of arguments")
        except Unsound as reason:
            reasons.append(f"{name}: {reason}")
    try:
        result = hint_reads(signature.result)
    except Unsound as reason:
        result = Reads.NOTHING
        reasons.append(f"result: {reason}")
    by_position = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    names = tuple(p.name for p in parameters.values() if p.kind in by_position)
    return Plan(
        signature=signature,
        names=names,
        positional=tuple(reads.get(name, Reads.NOTHING) for name in names),
        by_name=reads,
        defaults={p.name: p.default for p in parameters.values() if p.default is not EMPTY},
        count=len(parameters),
        collects=bool(collecting),
        templates=_templates(signature.hints.values()),
        result=result,
        result_templates=_templates([signature.result]),
        why_not="; ".join(reasons),
    )


def is_leaf(hint: Any) -> bool:
    """Whether `hint` is a jaxtyping annotation such as `Float[Tensor, "B L"]`."""
    return isinstance(hint, type) and issubclass(hint, AbstractArray)


def leaves(hint: Any) -> Iterator[type[AbstractArray]]:
    """Every jaxtyping annotation inside `hint`, in order."""
    if is_leaf(hint):
        yield hint
    elif typing.get_origin(hint) is not typing.Literal:
        for part in typing.get_args(hint):
            yield from leaves(part)


def _templates(hints: Iterable[Any]) -> tuple[CodeType, ...]:
    expressions = {
        axis.expression: None
        for hint in hints
        for leaf in leaves(hint)
        for axis in parse_axes(leaf.dim_str)
        if axis.expression is not None and axis.template
    }
    return tuple(template_code(expression) for expression in expressions)


def hint_reads(hint: Any) -> Reads:
    """What the verdict on `hint` reads of a value; raises Unsound where that is more than a fingerprint can hold."""
    if hint is EMPTY or hint is Any or hint is object:
        return Reads.NOTHING
    if hint is None:
        return Reads.TYPE
    if is_leaf(hint):
        return _leaf_reads(hint)
    origin = typing.get_origin(hint)
    if origin is typing.Union or origin is types.UnionType:
        return _union_reads({hint_reads(member) for member in typing.get_args(hint)})
    if origin is typing.Literal:
        return Reads.VALUE
    if origin in (tuple, list, dict, collections.abc.Sequence, collections.abc.Mapping):
        if any(hint_reads(part) is Reads.VALUE for part in typing.get_args(hint) if part is not Ellipsis):
            raise Unsound("a value inside a container")
        return Reads.ELEMENTS
    if origin is collections.abc.Callable or (origin is None and isinstance(hint, type) and _by_type_alone(hint)):
        return Reads.TYPE
    raise Unsound(f"{hint!r} is not decided by type, shape and dtype")


def _leaf_reads(leaf: type[AbstractArray]) -> Reads:
    array = leaf.array_type
    if not (isinstance(array, type) and issubclass(array, Tensor) and _by_type_alone(array)):
        raise Unsound(f"an array of type {array!r}")
    for axis in parse_axes(leaf.dim_str):
        if axis.per_leaf:
            raise Unsound(f"the axis {axis.text!r}")
        if axis.expression is not None and not axis.template and not is_pure(axis.expression):
            raise Unsound(f"the axis {axis.text!r}")
    return Reads.TENSOR


def _union_reads(members: set[Reads]) -> Reads:
    if Reads.NOTHING in members:
        return Reads.NOTHING
    if Reads.VALUE in members and members - {Reads.VALUE, Reads.TYPE}:
        raise Unsound("a union of a tensor and a value")
    return max(members)


def _by_type_alone(kind: type) -> bool:
    checks = (type.__instancecheck__, abc.ABCMeta.__instancecheck__)
    return type(kind).__instancecheck__ in checks
