"""What is only shown: printed, logged, or taken out of the graph as a number."""

from __future__ import annotations

import ast

from vae_checked.linter.files import syntax


def is_only_shown(name: str, function: ast.AST) -> bool:
    """Whether a local name is never read, or only shown: printed, logged, or taken out of the graph by item()."""
    shown: set[int] = set()
    for node in syntax.descendants(function):
        if isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Call) and _shows(node)):
            shown |= {id(item) for item in syntax.descendants(node)}
    stored = False
    for node in syntax.descendants(function):
        if isinstance(node, ast.Name) and node.id == name:
            if isinstance(node.ctx, ast.Store):
                stored = True
            elif id(node) not in shown:
                return False
    return stored


def _shows(call: ast.Call) -> bool:
    target = call.func
    name = target.attr if isinstance(target, ast.Attribute) else getattr(target, "id", "")
    return name in ("print", "item", "detach", "add_scalar", "log", "info", "debug", "write", "format")
