"""Dataclasses and plain objects that hold tensors: the attributes declare them."""

from __future__ import annotations

import dataclasses
from typing import Any

from torch import Tensor, nn

from vae_checked.adapters.subject import Adapter, Call, Child
from vae_checked.mathematics.names import role_of


def _calls(model: nn.Module) -> Call | None:
    return None


def _reads(output: Any) -> tuple[Child, ...] | None:
    if isinstance(output, (nn.Module, type, str, bytes)):
        return None
    if dataclasses.is_dataclass(output):
        names = [field.name for field in dataclasses.fields(output)]
    elif hasattr(output, "__dict__"):
        names = [name for name, value in vars(output).items() if isinstance(value, Tensor)]
    else:
        return None
    return tuple(Child(f".{name}", getattr(output, name, None), role_of(name)) for name in names) or None


ADAPTER = Adapter("object", "a dataclass, or an object with tensors as attributes", _calls, _reads)
