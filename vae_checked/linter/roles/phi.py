"""Branches taken apart: an expression with unknown conditions becomes one expression per way through them."""

from __future__ import annotations

from collections.abc import Iterable

from vae_checked.linter.expression import ELEMENTWISE, TRANSPARENT, Expr, Graph

_MAX_CONDITIONS = 3


def resolved(values: Iterable[Expr]) -> list[Expr]:
    """Every expression with its conditions settled, in all ways where there are few of them; each once.

    Where the choice is between training and not, training is taken.
    """
    given = list({value.uid: value for value in values}.values())
    conditions = _conditions(given)
    chosen = _Chooser(_optional(given))
    found: dict[int, Expr] = {}
    for value in given:
        for variant in _variants(value, conditions.get(value.uid, ()), chosen):
            found.setdefault(variant.uid, variant)
    return list(found.values())


def _conditions(values: list[Expr]) -> dict[int, tuple[Expr, ...]]:
    """Per node the first few conditions on which it depends."""
    conditions: dict[int, tuple[Expr, ...]] = {}
    for node in Graph(values).nodes:
        own: dict[int, Expr] = {}
        for arg in node.args:
            for condition in conditions.get(arg.uid, ()):
                own.setdefault(condition.uid, condition)
        if node.op == "phi":
            own.setdefault(node.args[0].uid, node.args[0])
        if own:
            conditions[node.uid] = tuple(own.values())[: 3 * _MAX_CONDITIONS]
    return conditions


def _variants(value: Expr, conditions: tuple[Expr, ...], chosen: _Chooser) -> list[Expr]:
    if not conditions:
        return [value]
    free = [condition for condition in conditions if condition.op != "training"][:_MAX_CONDITIONS]
    results = []
    for bits in range(2 ** len(free)):
        settled = frozenset(condition.uid for index, condition in enumerate(free) if bits >> index & 1)
        results.append(chosen.choose(value, settled, frozenset(condition.uid for condition in free)))
    return results


def _optional(values: list[Expr]) -> frozenset[int]:
    """The conditions that choose between functions of one and the same value, as an activation by name does."""
    return frozenset(
        node.args[0].uid
        for node in Graph(values).nodes
        if node.op == "phi" and node.args[0].op != "training" and _bare(node.args[1]).uid == _bare(node.args[2]).uid
    )


def _bare(node: Expr) -> Expr:
    while len(node.args) == 1 and (node.op in ELEMENTWISE or node.op in TRANSPARENT):
        node = node.args[0]
    return node


class _Chooser:
    """Rewrites expressions under one choice; `other` are the conditions that do not hold, all others do.

    What `optional` conditions choose stays open where they are not among those tried: nothing is said of either.
    """

    def __init__(self, optional: frozenset[int]) -> None:
        self._optional = optional
        self._memo: dict[tuple[frozenset[int], frozenset[int]], dict[int, Expr]] = {}

    def choose(self, value: Expr, other: frozenset[int], tried: frozenset[int]) -> Expr:
        still_open = self._optional - tried
        memo = self._memo.setdefault((other, still_open), {})
        stack: list[tuple[Expr, bool]] = [(value, False)]
        while stack:
            node, ready = stack.pop()
            if node.uid in memo:
                continue
            if node.op == "phi" and node.args[0].uid not in still_open:
                branch = node.args[2 if node.args[0].uid in other else 1]
                if branch.uid in memo:
                    memo[node.uid] = memo[branch.uid]
                else:
                    stack += [(node, True), (branch, False)]
                continue
            if not ready:
                stack.append((node, True))
                stack.extend((arg, False) for arg in node.args if arg.uid not in memo)
                continue
            args = tuple(memo[arg.uid] for arg in node.args)
            same = all(one is other for one, other in zip(args, node.args, strict=True))
            memo[node.uid] = node if same else Expr(node.op, args, node.attrs, node.site)
        return memo[value.uid]
