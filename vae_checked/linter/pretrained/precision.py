"""The precision that a VAE is loaded in."""

from __future__ import annotations

import ast
import re

from vae_checked.facts import Fact
from vae_checked.linter.evaluations.evaluation import Evaluation
from vae_checked.linter.files.source import Cell
from vae_checked.linter.symbols.expression import Expr, origin, strip
from vae_checked.linter.symbols.values import Module

_HALF = "float16"
_DTYPES = ("torch_dtype", "dtype")
# What a text says that casts a VAE, or what holds it, to another precision where it needs one. A cast of latents or
# pictures is none.
_UPCAST = re.compile(
    r"upcast|autocast|(?:vae|auto_?encoder|first_stage|pipe|model|self)\w*\)?(?:\.\w+)*"
    r"\.(?:float\(\)|double\(\)|to\([^)\n]*(?:float32|bfloat16|dtype))",
    re.IGNORECASE,
)
_MAX_CHAIN = 12


def precision(evaluation: Evaluation, vae: Expr) -> Fact[str] | None:
    """The type of the numbers that a VAE computes with, where it is loaded in float16 or cast to it.

    None for any other, and where something in the same files may cast it again.
    """
    if any(module.read_once(_may_upcast) for module in evaluation.modules()):
        return None
    node = vae
    for _ in range(_MAX_CHAIN):
        written = None if node.site is None else node.site.node
        if node.site is not None and isinstance(written, ast.Call) and _is_half(written, node.site.source.cell):
            return Fact(_HALF, origin(node))
        if not node.args or node.op not in ("call", "attribute", "cast"):
            return None
        node = strip(node.args[0])
    return None


def _is_half(call: ast.Call, cell: Cell) -> bool:
    """Whether a call loads in float16, or casts to it."""
    if isinstance(call.func, ast.Attribute) and call.func.attr == "half":
        return True
    given = [each.value for each in call.keywords if each.arg in _DTYPES]
    if isinstance(call.func, ast.Attribute) and call.func.attr == "to":
        given += call.args
    return any(_is_type(value, cell) for value in given)


def _is_type(value: ast.expr, cell: Cell) -> bool:
    """Whether a value is the type float16, or a name that is bound to it alone."""
    if isinstance(value, ast.Name):
        bound = re.findall(rf"\b{re.escape(value.id)}\s*(?::[^=\n]*)?=(?!=)\s*([^\n#]*)", cell.text)
        # An argument of a call by that name hands it on: `torch_dtype=dtype`.
        values = {each.strip(" ,)") for each in bound} - {value.id}
        return bool(values) and values <= {f"torch.{_HALF}", "torch.half"}
    return isinstance(value, ast.Attribute) and value.attr in (_HALF, "half")


def _may_upcast(module: Module) -> bool:
    return any(_UPCAST.search(cell.text) is not None for cell in module.file.cells)
