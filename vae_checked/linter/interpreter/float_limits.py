"""What torch.finfo, numpy.finfo and sys.float_info say of a floating type: the small number that guards a logarithm."""

from __future__ import annotations

import sys

from vae_checked.linter.symbols.expression import Expr

# Bits of the mantissa, and the exponents of the smallest normal and of the largest number, by the type's name.
_TYPES = {
    "float16": (10, -14, 15), "half": (10, -14, 15), "bfloat16": (7, -126, 127), "float32": (23, -126, 127),
    "float64": (52, -1022, 1023), "double": (52, -1022, 1023),
}  # fmt: skip
_OF_PYTHON = {"epsilon": sys.float_info.epsilon, "min": sys.float_info.min, "max": sys.float_info.max}
_SMALLEST = ("tiny", "smallest_normal")


def of_type(owner: Expr, name: str) -> float | None:
    """`torch.finfo(dtype).name`, of float32 where the type is not known; None for anything else."""
    dotted = owner.get("name") if owner.op == "opaque" else None
    if dotted not in ("torch.finfo", "numpy.finfo"):
        return None
    kind = str(owner.args[0].get("name")).rpartition(".")[2] if owner.args else ""
    mantissa, lowest, highest = _TYPES.get(kind, _TYPES["float32"])
    if name == "eps":
        return 2.0**-mantissa
    if name in _SMALLEST:
        return 2.0**lowest
    largest = (2.0 - 2.0**-mantissa) * 2.0**highest
    return {"max": largest, "min": -largest}.get(name)


def of_python(dotted: str, name: str) -> float | None:
    """`sys.float_info.name`; None for anything else."""
    return _OF_PYTHON.get(name) if dotted == "sys.float_info" else None
