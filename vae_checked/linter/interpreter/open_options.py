"""Options that choose what a network ends in, or a reduction: not known by a default, where a dict may give another."""

from __future__ import annotations

import ast
import re
from functools import lru_cache

from vae_checked.linter.files import syntax
from vae_checked.linter.symbols.values import Class, External, Function, Layer, Value

# What stands for no activation at all.
_NONE = frozenset("none no identity linear".split())
_BOUNDING = frozenset(
    "sigmoid tanh softmax relu softplus hardtanh hardsigmoid clamp elu leakyrelu logsoftmax logsigmoid relu6".split()
)
# How a loss is reduced, as PyTorch's options name it.
_REDUCTIONS = frozenset("mean sum none batchmean".split())
_NAMED = re.compile(r"(?:^|_)(?:act|acts|activ\w*|nonlin\w*|squash\w*|bound\w*|clamp\w*)(?:_|$)", re.IGNORECASE)


def is_left_open(function: Function, name: str, default: Value) -> bool:
    """Whether a parameter chooses a reduction, or an activation of what is built: by what it is, or how it is asked."""
    if is_of_reduction(default) or function.name != "__init__":
        return is_of_reduction(default)
    if is_of_activation(name, default):
        return True
    owner = function.node if function.owner is None else function.owner.node
    return isinstance(default, (str, bool)) and name in _choosing(function.node, owner)


def is_of_activation(name: str, default: Value) -> bool:
    """Whether an option is by default an activation, or the name of one, or is called so: `last_act`, `use_sigmoid`."""
    if isinstance(default, str):
        own = default
    elif isinstance(default, (External, Function, Class, Layer, bool)):
        own = str(getattr(default, "dotted", "") or getattr(default, "name", "") or getattr(default, "kind", ""))
    else:
        return False
    named = _NAMED.search(name) is not None or not _BOUNDING.isdisjoint(name.lower().split("_"))
    return named or _is_activation(own)


def is_of_reduction(default: Value) -> bool:
    """Whether an option is by default the name of a reduction."""
    return isinstance(default, str) and default in _REDUCTIONS


def _is_activation(text: str) -> bool:
    bare = text.rpartition(".")[2].lower().replace("_", "")
    return bare in _BOUNDING or bare in _NONE


@lru_cache(maxsize=512)
def _choosing(function: ast.AST, owner: ast.AST) -> frozenset[str]:
    """The names in a function, and attributes that it sets to them, by which its class chooses an activation."""
    kept = {
        target.attr: item.value.id
        for item in syntax.descendants(function)
        if isinstance(item, ast.Assign) and isinstance(item.value, ast.Name)
        for target in item.targets
        if isinstance(target, ast.Attribute)
    }
    asked: set[str] = set()
    for item in syntax.descendants(owner):
        if isinstance(item, (ast.If, ast.IfExp)):
            ways: list[ast.AST] = [*item.body, *item.orelse] if isinstance(item, ast.If) else [item.body, item.orelse]
            test: ast.AST = item.test
        elif isinstance(item, ast.Subscript) and isinstance(item.value, ast.Dict):
            ways, test = [item.value], item.slice
        else:
            continue
        if any(_is_activation(syntax.last(inner)) for way in ways for inner in ast.walk(way) if _is_named(inner)):
            asked |= {syntax.last(inner) for inner in ast.walk(test) if _is_named(inner)}
    return frozenset(asked | {kept[name] for name in asked & kept.keys()})


def _is_named(node: ast.AST) -> bool:
    return isinstance(node, (ast.Name, ast.Attribute))
