"""The words in which a shape contract is written: jaxtyping's dtypes and torch's Tensor, under one roof.

`Float[Tensor, "B C H W"]` reads: a floating-point tensor (any width) with axes B, C, H, W. A name means the same size
wherever it occurs in one signature, a number is that size, `C=3` is a number with a name, `2*L` or `{n}` is computed,
`*batch` and `...` stand for any number of axes, `_` for any size, `#B` for B or 1.
"""

from __future__ import annotations

from jaxtyping import Bool, Float, Float32, Float64, Int, Int64, Num, Shaped, UInt8
from torch import Tensor

__all__ = ["Bool", "Float", "Float32", "Float64", "Int", "Int64", "Num", "Shaped", "Tensor", "UInt8"]
