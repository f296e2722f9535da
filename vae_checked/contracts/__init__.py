"""Shape contracts: jaxtyping annotations, checked by beartype once per signature."""

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
from vae_checked.contracts.decorator import checked

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
    "checked",
]
