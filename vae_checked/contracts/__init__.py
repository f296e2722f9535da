"""Shape contracts: jaxtyping annotations, checked by beartype once per signature, with messages that name the axis.

    @checked
    def encode(x: Float[Tensor, "B 3 H W"]) -> tuple[Float[Tensor, "B L"], Float[Tensor, "B L"]]: ...

`VAE_CHECKED=off` in the environment leaves functions as they are; `contracts_off()` lets them run unchecked for a
while.
"""

from __future__ import annotations

from vae_checked.contracts.aliases import (
    Bool,
    Float,
    Float32,
    Float64,
    Int,
    Int64,
    Num,
    Shaped,
    Tensor,
    UInt8,
)
from vae_checked.contracts.decorator import checked, shapes_of
from vae_checked.contracts.package import check_package
from vae_checked.contracts.switch import contracts_off

__all__ = [
    "Bool",
    "Float",
    "Float32",
    "Float64",
    "Int",
    "Int64",
    "Num",
    "Shaped",
    "Tensor",
    "UInt8",
    "check_package",
    "checked",
    "contracts_off",
    "shapes_of",
]
