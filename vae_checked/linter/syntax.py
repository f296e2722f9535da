"""Nodes of parsed source, turned and asked about."""

from __future__ import annotations

import ast


def as_load(target: ast.expr) -> ast.expr:
    """What an augmented assignment reads before it writes."""
    if isinstance(target, ast.Name):
        return ast.Name(target.id, ast.Load())
    if isinstance(target, ast.Attribute):
        return ast.Attribute(target.value, target.attr, ast.Load())
    if isinstance(target, ast.Subscript):
        return ast.Subscript(target.value, target.slice, ast.Load())
    return target


def as_store(node: ast.Name | ast.Attribute) -> ast.expr:
    """What an operation in place writes to."""
    target: ast.expr
    if isinstance(node, ast.Name):
        target = ast.Name(node.id, ast.Store())
    else:
        target = ast.Attribute(node.value, node.attr, ast.Store())
    return ast.copy_location(target, node)


def trains(node: ast.AST) -> bool:
    """Whether a loop trains: one pass over its body then says all."""
    return any(isinstance(item, ast.Attribute) and item.attr in ("backward", "step") for item in ast.walk(node))


def asked_for_axes(test: ast.expr) -> set[str]:
    """The names of which a condition asks the number of axes: `len(x.shape) > 1`, `x.dim() > 1`, `x.ndim > 1`."""
    return {
        item.value.id
        for item in ast.walk(test)
        if isinstance(item, ast.Attribute) and isinstance(item.value, ast.Name) and item.attr in _AXES
    }


_AXES = frozenset(("shape", "size", "dim", "ndim", "ndimension"))
