"""Layers that a forward pass builds at each call: no optimizer can hold what is new each time."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping

from vae_checked.linter.files import syntax
from vae_checked.linter.roles.batch_sizes import function_around
from vae_checked.linter.symbols.expression import Expr, Site

# The methods of a module that are gone through at each step.
_PASSES = frozenset(("forward", "encode", "decode", "__call__"))

# Layers whose weights begin at random: others that are new each time, as a norm, begin as they are mostly left.
_WEIGHTED = re.compile(r"(?:Lazy)?(?:Linear|Bilinear|Conv|Embedding|LSTM|GRU|RNN|Transformer|MultiheadAttention)")
# What gives such a layer other weights than those, as a filter that is meant to stay.
_GIVING = frozenset(("weight", "bias", "load_state_dict", "requires_grad", "requires_grad_", "data", "copy_"))


def built_anew(layers: Iterable[Expr]) -> Mapping[int, Site]:
    """Where those of some layers are built, by their numbers, that the method builds in which they are applied."""
    found: dict[int, Site] = {}
    for layer in layers:
        number, built = layer.get("serial"), None if layer.site is None else layer.site.built
        if _WEIGHTED.match(str(layer.get("kind"))) is None:
            continue
        if built is not None and isinstance(number, int) and _builds(where_applied(layer), built.node):
            found[number] = built
    return found


def where_applied(layer: Expr) -> syntax.Definition | None:
    """The function that builds a layer and applies it as well; None where another one built it, or none."""
    applied = layer.site
    built = None if applied is None else applied.built
    if applied is None or built is None:
        return None
    if not isinstance(built.node, ast.expr) or not isinstance(applied.node, ast.expr):
        return None
    around = function_around(built.node, built.source.cell)
    return around if around is function_around(applied.node, applied.source.cell) else None


def _builds(function: syntax.Definition | None, call: ast.AST) -> bool:
    """Whether a pass builds a layer whatever was built before; under a condition it may do so once."""
    if function is None or function.name not in _PASSES:
        return False
    if any(isinstance(node, ast.Attribute) and node.attr in _GIVING for node in syntax.descendants(function)):
        return False
    guarded = (node for node in syntax.descendants(function) if isinstance(node, (ast.If, ast.IfExp)))
    return not any(inner is call for node in guarded for inner in syntax.descendants(node))
