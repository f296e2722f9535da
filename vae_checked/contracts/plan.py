"""What a signature's verdict depends on, worked out once, and how to read that off a call.

The verdict of most signatures is a function of the types, shapes and dtypes of what is passed: such a signature has a
fingerprint, and its verdicts can be remembered. Where an annotation looks at anything else (a validator, a protocol's
attributes, a PyTree), or is of a kind not listed here, the plan says so and every call is checked in full.
"""

from __future__ import annotations

import abc
import collections.abc
import types
import typing
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from jaxtyping import AbstractArray
from torch import Tensor

from vae_checked.contracts.annotations import EMPTY, Signature
from vae_checked.contracts.axes import is_pure, parse_axes
from vae_checked.contracts.fingerprint import Binder, Reads, ResultReader, Unsound, make_binder, make_result_reader


@dataclass(frozen=True, slots=True)
class Plan:
    """How to fingerprint the calls of one signature; `why_not` says why verdicts are not remembered, or is empty.

    `bind` gives the arguments of a call by name and their fingerprint, or is None where verdicts are not remembered;
    `read_result` gives the result's fingerprint.
    """

    signature: Signature
    bind: Binder | None
    result: Reads
    read_result: ResultReader
    why_not: str


def make_plan(signature: Signature) -> Plan:
    """Work out what the verdict on `signature` depends on."""
    parameters = signature.parameters.parameters
    reads: dict[str, Reads] = {}
    reasons = []
    collecting = [p for p in parameters.values() if p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    for name, parameter in parameters.items():
        try:
            reads[name] = Reads.ELEMENTS if name in signature.unseen else hint_reads(parameter.annotation)
            if parameter in collecting and reads[name]:
                raise Unsound("collects any number of arguments")
        except Unsound as reason:
            reasons.append(f"{name}: {reason}")
    try:
        result = Reads.ELEMENTS if "return" in signature.unseen else hint_reads(signature.result)
    except Unsound as reason:
        result = Reads.NOTHING
        reasons.append(f"result: {reason}")
    templates = _templates(signature.hints.values())
    return Plan(
        signature=signature,
        bind=None if reasons else make_binder(signature.parameters, reads, templates),
        result=result,
        read_result=make_result_reader(result, _templates([signature.result])),
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


def _templates(hints: Iterable[Any]) -> tuple[str, ...]:
    axes = [axis for hint in hints for leaf in leaves(hint) for axis in parse_axes(leaf.dim_str)]
    return tuple(dict.fromkeys(axis.expression for axis in axes if axis.expression is not None and axis.template))


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
