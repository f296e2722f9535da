"""The logarithms in a formula of a likelihood, and what they are of."""

from __future__ import annotations

from vae_checked.linter.symbols.expression import TRANSPARENT, Expr, strip
from vae_checked.linter.symbols.intervals import interval_of


def near(node: Expr, most: int) -> list[Expr]:
    """The nodes that an expression is computed from elementwise, down to its logarithms; about `most` of them."""
    found: dict[int, Expr] = {}
    stack = [node]
    while stack and len(found) < most:
        item = stack.pop()
        if item.uid not in found:
            found[item.uid] = item
            if item.op in ("add", "sub", "mul", "neg") or item.op in TRANSPARENT:
                stack.extend(item.args)
            elif item.op == "div":
                stack.append(item.args[0])
    return list(found.values())


def unguarded(expr: Expr) -> Expr:
    """What is inside of a logarithm, without the clamp or the small number that keeps it finite.

    A clamp that lets 0 through keeps no logarithm finite: it is the end of a decoder.
    """
    while True:
        node = strip(expr)
        within = interval_of(node) if node.op == "clamp" else None
        guards = node.op == "clamp" and (within is None or within.low > 0)
        if not guards and not (node.op == "add" and any(arg.op == "const" for arg in node.args)):
            return expr
        # Of a number nothing but the number is left.
        expr = next((arg for arg in node.args if arg.op != "const"), node.args[0])
