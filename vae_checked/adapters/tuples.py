"""Tuples and lists in any order; a named tuple declares its entries."""

from __future__ import annotations

from typing import Any

from torch import nn

from vae_checked.adapters.subject import Adapter, Call, Child
from vae_checked.mathematics.names import role_of


def _calls(model: nn.Module) -> Call | None:
    return None


def _reads(output: Any) -> tuple[Child, ...] | None:
    if not isinstance(output, (tuple, list)):
        return None
    fields = getattr(output, "_fields", None)
    if fields is not None:
        return tuple(Child(f".{name}", value, role_of(name)) for name, value in zip(fields, output, strict=True))
    return tuple(Child(f"[{position}]", value) for position, value in enumerate(output))


ADAPTER = Adapter("tuple", "a tuple, list or named tuple in any order", _calls, _reads)
