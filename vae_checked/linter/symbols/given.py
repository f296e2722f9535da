"""Values that come from outside: data of a pipeline, or what code was handed, reshaped and moved at most."""

from __future__ import annotations

from vae_checked.linter.symbols.expression import TRANSPARENT, Expr

_SCALED = frozenset(("move", "stack", "index", "item", "add", "sub", "mul", "div", "clamp"))


def is_data(expr: Expr) -> bool:
    """Whether an expression is, or may be, data of a pipeline: reshaped, moved, picked from or scaled at most."""
    stack, seen = [expr], set[int]()
    while stack:
        node = stack.pop()
        if node.op in ("data", "batch"):
            return True
        if node.uid in seen:
            continue
        seen.add(node.uid)
        if node.op == "phi":
            stack.extend(node.args[1:])
        elif node.args and (node.op in TRANSPARENT or node.op in _SCALED):
            stack.append(next((arg for arg in node.args if arg.op != "const"), node.args[0]))
    return False


def is_given(expr: Expr) -> bool:
    """Whether a value came from outside and was only reshaped, moved or cast since."""
    while expr.args and (
        expr.op in TRANSPARENT
        or expr.op in ("item", "move", "attribute")
        or (expr.op == "call" and expr.get("name") in ("to", "cuda"))
    ):
        expr = expr.args[0]
    return expr.op in ("atom", "batch", "data")


def given_as(expr: Expr) -> Expr | None:
    """What a value was before it was only reshaped, moved or cast, where it came from outside; None for any other."""
    if not is_given(expr):
        return None
    while expr.args:
        expr = expr.args[0]
    return expr


def is_as_given(expr: Expr) -> bool:
    """Whether a value came from outside, and nothing was written into it since that may have other values."""
    if not is_given(expr):
        return False
    while expr.args:
        if expr.op == "written":
            return False
        expr = expr.args[0]
    return True
