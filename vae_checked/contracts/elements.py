"""Every element of a container, where beartype looks at one drawn at random."""

from __future__ import annotations

import collections.abc
import types
import typing
from typing import Any

from beartype.door import is_bearable
from beartype.roar import BeartypeException

from vae_checked.contracts.fingerprint import LONGEST_CONTAINER
from vae_checked.contracts.plan import leaves

SEQUENCES = (list, tuple, collections.abc.Sequence)
MAPPINGS = (dict, collections.abc.Mapping)
# What may be given a sequence, and an iterator as well, which a look would use up.
WIDER = (collections.abc.Collection, collections.abc.Iterable)


def contents_fit(hint: Any, value: Any) -> bool:
    """Whether a container satisfies `hint` with all its elements; True for a hint of anything else.

    To be called in the jaxtyping scope of the signature, whose axes it binds. Long containers without tensors are left
    to beartype's draw.
    """
    origin = typing.get_origin(hint)
    if origin not in (typing.Union, types.UnionType, *SEQUENCES, *MAPPINGS, *WIDER):
        return True
    try:
        return _fits(hint, value)
    except BeartypeException:  # a hint that only means something in its class, such as Self: beartype decides there
        return True


def _elements_fit(hint: Any, value: Any) -> bool:
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Union or origin is types.UnionType:
        return any(_fits(member, value) for member in parts)
    if not parts or origin not in SEQUENCES + MAPPINGS + WIDER or not _is_walked(hint, value):
        return True
    if origin in MAPPINGS:
        return all(_fits(parts[0], key) and _fits(parts[1], item) for key, item in value.items())
    if origin is tuple and Ellipsis not in parts:
        return all(_fits(part, item) for part, item in zip(parts, value, strict=True))
    return all(_fits(parts[0], item) for item in value)


def _fits(hint: Any, value: Any) -> bool:
    return is_bearable(value, hint) and _elements_fit(hint, value)


def _is_walked(hint: Any, value: Any) -> bool:
    if typing.get_origin(hint) in WIDER and not isinstance(value, collections.abc.Sequence):
        return False
    return len(value) <= LONGEST_CONTAINER or next(leaves(hint), None) is not None
