"""The list `[reconstruction, input, mu, log_var]` of the PyTorch-VAE collection and of many copies of it."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from vae_checked.adapters.subject import Adapter, Call, Child
from vae_checked.mathematics.names import Role

_ROLES = (Role.RECONSTRUCTION, Role.INPUT, None, None)


def _calls(model: nn.Module) -> Call | None:
    return None


def _reads(output: Any) -> tuple[Child, ...] | None:
    if not isinstance(output, list) or len(output) < len(_ROLES):
        return None
    first, second = output[0], output[1]
    if not (isinstance(first, Tensor) and isinstance(second, Tensor) and first.shape == second.shape):
        return None
    roles = (*_ROLES, *[None] * (len(output) - len(_ROLES)))
    return tuple(
        Child(f"[{position}]", value, role) for position, (value, role) in enumerate(zip(output, roles, strict=True))
    )


ADAPTER = Adapter("pytorch-vae", "the list [reconstruction, input, mu, log_var]", _calls, _reads)
