"""All that a verdict depends on, read off a call and off a result, as hashable values.

These lines run at every call of every stage, so the reading of a call is one generated function with the stage's own
parameters: Python binds the arguments, and the spelling of a call (by position, by name, by default) does not matter.
"""

from __future__ import annotations

import enum
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import Tensor

from vae_checked.contracts.axes import is_pure

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


def tensor(value: Any) -> Any:
    """Shape and dtype; the type as well, or alone, for what is not exactly a Tensor."""
    kind = type(value)
    if kind is Tensor:
        return (value.shape, value.dtype)
    return (kind, value.shape, value.dtype) if issubclass(kind, Tensor) else kind


def kind_of(value: Any) -> Any:
    """The type; and the class that the value claims, for what stands in for something else, as a weak proxy does."""
    kind = type(value)
    claimed = value.__class__
    return kind if claimed is kind else (kind, claimed)


def plain_value(value: Any) -> Any:
    """A number, string or member of an enum with its type; the type alone for anything else."""
    kind = type(value)
    if kind in _PLAIN_VALUES or isinstance(value, enum.Enum):
        return (kind, value)
    if isinstance(value, (str, bytes, int)):
        raise Unsound(f"a value of type {kind.__name__}")
    return kind_of(value)


_PLAIN_VALUES = frozenset({str, bytes, int, bool, type(None)})
_SCALARS = frozenset({int, float, complex, bool, type(None)})


def elements(value: Any) -> Any:
    """The contents of tuples, lists and dicts; raises Unsound for other containers and for long ones."""
    kind = type(value)
    if kind is tuple or kind is list or (issubclass(kind, tuple) and hasattr(kind, "_fields")):
        if len(value) > LONGEST_CONTAINER:
            raise Unsound("a long container")
        parts: list[Any] = [kind]
        for item in value:
            parts += (item.shape, item.dtype) if type(item) is Tensor else (elements(item),)
        return tuple(parts)
    if issubclass(kind, Tensor):
        return (kind, value.shape, value.dtype)
    if kind in _SCALARS:
        return kind
    if kind is str or kind is bytes:
        return (kind, bool(value))
    if kind is dict and len(value) <= LONGEST_CONTAINER and all(type(key) in (str, int) for key in value):
        return (kind, *((type(key), key, elements(item)) for key, item in value.items()))
    raise Unsound(f"a container of type {kind.__name__}")


def pure(text: str) -> str:
    """A filled template, if it is arithmetic; raises Unsound."""
    if not is_pure(text):
        raise Unsound(f"the axis {text!r}")
    return text


READ: Mapping[Reads, Callable[[Any], Any]] = {
    Reads.NOTHING: lambda value: None,
    Reads.TYPE: kind_of,
    Reads.VALUE: plain_value,
    Reads.TENSOR: tensor,
    Reads.ELEMENTS: elements,
}

Binder = Callable[..., tuple[dict[str, Any], tuple[Any, ...]]]
ResultReader = Callable[[Any, Mapping[str, Any]], Any]


def make_result_reader(reads: Reads, templates: Sequence[str]) -> ResultReader:
    """A function of the result, and of the arguments by name, that gives the result's fingerprint."""
    read = READ[reads]
    if templates:
        code = compile("".join(f"_vae_pure(f'{template}'), " for template in templates), "<fingerprint>", "eval")
        names = {"_vae_pure": pure}
        return lambda result, arguments: (read(result), eval(code, names, arguments))  # noqa: S307  as jaxtyping does
    if reads is Reads.TENSOR:
        return lambda result, _: (result.shape, result.dtype) if type(result) is Tensor else tensor(result)
    return lambda result, _: read(result)


class _Source(str):
    """Shown without quotes, so that a signature prints as source."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def make_binder(signature: inspect.Signature, reads: Mapping[str, Reads], templates: Sequence[str]) -> Binder:
    """A function with the parameters of `signature` that gives the arguments by name, and their fingerprint.

    It raises what reading the arguments raises; a fingerprint may prove unhashable. `templates` are axis expressions
    with values of arguments in them, such as `{n}`.
    """
    parameters = signature.parameters.values()
    bare = signature.replace(
        parameters=[
            p.replace(
                annotation=p.empty,
                default=p.default if p.default is p.empty else _Source(f"_vae_default[{p.name!r}]"),
            )
            for p in parameters
        ],
        return_annotation=signature.empty,
    )
    arguments = ", ".join(f"{name!r}: {name}" for name in signature.parameters)
    parts = [_part(name, reads[name]) for name in signature.parameters if reads.get(name)]
    parts += [f"_vae_pure(f'{template}')" for template in templates]
    source = f"def bind{bare}:\n    return {{{arguments}}}, ({''.join(f'{part}, ' for part in parts)})\n"
    names: dict[str, Any] = {f"_vae_{each.name}": read for each, read in READ.items()}
    names |= {"_vae_pure": pure, "_vae_Tensor": Tensor, "_vae_default": {p.name: p.default for p in parameters}}
    exec(compile(source, "<fingerprint>", "exec"), names)  # noqa: S102  as dataclasses make __init__: no input, names only
    binder: Binder = names["bind"]
    return binder


def _part(name: str, reads: Reads) -> str:
    read = f"_vae_{reads.name}({name})"
    return f"({name}.shape, {name}.dtype) if type({name}) is _vae_Tensor else {read}" if reads is Reads.TENSOR else read
