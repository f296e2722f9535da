"""What keeps numbers finite in a formula, taken away: bounds of its arguments, and small numbers that are added."""

from __future__ import annotations

from vae_checked.linter.symbols.expression import ELEMENTWISE, REDUCTIONS, TRANSPARENT, Expr, atom
from vae_checked.linter.symbols.intervals import interval_of

_GONE_THROUGH = ELEMENTWISE | REDUCTIONS | TRANSPARENT | {"clamp", "minimum", "maximum", "pow", "item", "part"}
# What is added to a scale to keep it above 0: next to nothing for one that is not as small itself.
_FLOOR = 0.05
_PAIR = 2
_CHOSEN = ("phi", "where")


def without(expr: Expr, known: dict[int, Expr] | None = None) -> Expr:
    """A formula as it is where no bound of it is reached; itself where it has none."""
    known = {} if known is None else known
    if expr.uid not in known:
        node = _inner(expr)
        if node is not expr and node.op in _CHOSEN:
            # What is bounded may be a choice, as of the numbers that are finite: it is one value, whatever it is.
            known[node.uid] = node = atom("bounded", node.site, node.uid)
        elif node.op in _GONE_THROUGH and node.args:
            args = tuple(without(arg, known) for arg in node.args)
            changed = any(new is not old for new, old in zip(args, node.args, strict=True))
            node = Expr(node.op, args, node.attrs, node.site) if changed else node
        known[expr.uid] = node
    return known[expr.uid]


def _inner(expr: Expr) -> Expr:
    """What a bound is put on, or a small number added to; the expression itself where it is neither."""
    while True:
        rest = [arg for arg in expr.args if arg.op != "const"]
        of_one = len(rest) == 1 and len(expr.args) == _PAIR
        if expr.op == "clamp" and expr.args:
            expr = expr.args[0]
        elif of_one and (expr.op in ("minimum", "maximum") or (expr.op == "add" and _is_floor(expr, rest[0]))):
            expr = rest[0]
        else:
            return expr


def _is_floor(expr: Expr, rest: Expr) -> bool:
    added, within = next(arg.value for arg in expr.args if arg is not rest), interval_of(rest)
    return 0.0 < added <= _FLOOR and within is not None and within.low >= 0.0
