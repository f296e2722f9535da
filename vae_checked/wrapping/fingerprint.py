"""What a call and its result look like, as hashable values: all shapes and dtypes, no numbers."""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Any

from torch import Tensor
from torch.fx import Proxy

from vae_checked.adapters import children_of

LONGEST_CONTAINER = 64
LONGEST_WORD = 32
_BY_KIND = frozenset({int, float, complex, bytes})


class Unreadable(Exception):  # noqa: N818  no error: such a call is not checked
    """A value of which there is no shape: a recording of one, a nested tensor, a very long container."""


def fingerprint(value: Any) -> Any:
    """The shapes and dtypes in `value`, and its switches: None, truth values, short strings.

    Numbers count by their type: a weight that grows with every step is one signature. Raises Unreadable, and what
    reading a tensor raises.
    """
    kind = type(value)
    if kind is Tensor:
        return (value.shape, value.dtype)
    if value is None or kind is bool:
        return (kind, value)
    if kind is tuple or kind is list:
        if len(value) > LONGEST_CONTAINER:
            raise Unreadable
        return (kind, *[(v.shape, v.dtype) if type(v) is Tensor else fingerprint(v) for v in value])
    if kind is dict:
        return (kind, *[(key, fingerprint(item)) for key, item in value.items()])
    if kind in _BY_KIND:
        return kind
    if kind is str:
        return (kind, value if len(value) <= LONGEST_WORD else None)
    if isinstance(value, Tensor):
        return (kind, value.shape, value.dtype)
    return _of_object(value, fingerprint)


def switches(value: Any) -> Any:
    """What `fingerprint` tells but for tensors, of which it keeps that there is one; whole numbers by their value."""
    kind = type(value)
    if isinstance(value, Tensor):
        return Tensor
    if kind is int:
        return (kind, value)
    if kind is tuple or kind is list:
        return (kind, *[switches(item) for item in value])
    if kind is dict:
        return (kind, *[(key, switches(item)) for key, item in value.items()])
    if value is None or kind is bool or kind is str or kind in _BY_KIND:
        return fingerprint(value)
    return _of_object(value, switches)


def _of_object(value: Any, inner: Callable[[Any], Any]) -> Any:
    if isinstance(value, Proxy):
        raise Unreadable
    kind = type(value)
    if callable(value):
        return kind
    if isinstance(value, (enum.Enum, slice, range)):
        return (kind, repr(value))
    shape = getattr(value, "shape", None)
    if isinstance(shape, tuple):  # an array of another library
        return (kind, shape)
    children = children_of(value)
    if len(children) > LONGEST_CONTAINER:
        raise Unreadable
    return (kind, *[(child.label, inner(child.value)) for child in children])
