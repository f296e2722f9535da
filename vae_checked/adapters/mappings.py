"""Dictionaries and everything that behaves like one: the keys declare the entries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from vae_checked.adapters.subject import Adapter, Call, Child
from vae_checked.mathematics.names import role_of


def _calls(model: nn.Module) -> Call | None:
    return None


def _reads(output: Any) -> tuple[Child, ...] | None:
    if not isinstance(output, Mapping):
        return None
    return tuple(Child(f"[{key!r}]", value, role_of(str(key))) for key, value in output.items())


ADAPTER = Adapter("mapping", "a dictionary or another mapping", _calls, _reads)
