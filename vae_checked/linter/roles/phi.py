"""Branches taken apart: an expression with unknown conditions becomes one expression per way through them."""

from __future__ import annotations

from collections.abc import Iterable

from vae_checked.linter.expression import Expr, walk

_MAX_CONDITIONS = 3


def resolved(values: Iterable[Expr]) -> list[Expr]:
    """Every expression with its conditions settled, in all ways where there are few of them; each once."""
    found: dict[int, Expr] = {}
    for value in values:
        for variant in variants(value):
            found.setdefault(variant.uid, variant)
    return list(found.values())


def variants(value: Expr) -> list[Expr]:
    """The expressions that `value` can be; training wherever the choice is between training and not."""
    conditions: list[Expr] = []
    for node in walk(value):
        if node.op == "phi" and node.args[0] not in conditions:
            conditions.append(node.args[0])
    if not conditions:
        return [value]
    open_ = [condition for condition in conditions if condition.op != "training"][:_MAX_CONDITIONS]
    settled = {condition.uid: True for condition in conditions}
    results = []
    for bits in range(2 ** len(open_)):
        for index, condition in enumerate(open_):
            settled[condition.uid] = bool(bits >> index & 1)
        results.append(_choose(value, settled))
    return results


def _choose(value: Expr, settled: dict[int, bool]) -> Expr:
    memo: dict[int, Expr] = {}

    def visit(node: Expr) -> Expr:
        if node.uid not in memo:
            if node.op == "phi":
                memo[node.uid] = visit(node.args[1 if settled.get(node.args[0].uid, True) else 2])
            else:
                args = tuple(visit(arg) for arg in node.args)
                same = all(one is other for one, other in zip(args, node.args, strict=True))
                memo[node.uid] = node if same else Expr(node.op, args, node.attrs, node.site)
        return memo[node.uid]

    return visit(value)
