"""Branches taken apart: an expression with unknown conditions becomes one expression per way through them."""

from __future__ import annotations

from collections.abc import Iterable

from vae_checked.linter.expression import (
    ELEMENTWISE,
    ERROR,
    LOGS,
    LOSS,
    OWN_SAMPLE,
    PHI,
    PRODUCTS,
    TRANSPARENT,
    Expr,
    Graph,
)
from vae_checked.linter.path import equality

_MAX_CONDITIONS = 3
_FORMULA = LOGS | PRODUCTS


def resolved(values: Iterable[Expr]) -> list[Expr]:
    """Every expression with its conditions settled, in all ways where there are few of them; each once.

    Where the choice is between training and not, training is taken. What holds no sampler, KL or loss in any of its
    ways is settled in one of them.
    """
    given = list({value.uid: value for value in values}.values())
    branching = Branching(value for value in given if value.bits & PHI)
    found: dict[int, Expr] = {}
    for value in given:
        for variant in branching.variants(value) if value.bits & PHI else (value,):
            found.setdefault(variant.uid, variant)
    return list(found.values())


def tells(value: Expr) -> bool:
    """Whether a sampler or a loss may be what a value is computed by, or a KL part of it."""
    return bool(value.bits & (LOSS | ERROR | OWN_SAMPLE)) or value.bits & _FORMULA == _FORMULA


def _bare(node: Expr) -> Expr:
    while len(node.args) == 1 and (node.op in ELEMENTWISE or node.op in TRANSPARENT):
        node = node.args[0]
    return node


class Branching:
    """The conditions on which some expressions depend, and these expressions under one choice of them or another.

    What optional conditions choose, functions of one and the same value as an activation by name is, stays open where
    they are not among those tried: nothing is said of either.
    """

    def __init__(self, values: Iterable[Expr]) -> None:
        self._places: dict[int, int] = {}
        self._optional = 0
        # Per value that is compared with constants: the conditions, each as its bit, its constant and whether negated.
        self._equalities: dict[int, list[tuple[int, int, bool]]] = {}
        # Per node all conditions below it as bits, and the first few of them in the order in which they are met.
        self._depends: dict[int, int] = {}
        self._first: dict[int, tuple[Expr, ...]] = {}
        self._memo: dict[tuple[int, int, int], Expr] = {}
        for node in Graph(values).nodes:
            if node.bits & PHI:
                self._note(node)

    def _note(self, node: Expr) -> None:
        depends = 0
        first: dict[int, Expr] = {}
        for arg in node.args:
            if arg.bits & PHI:
                depends |= self._depends[arg.uid]
                for condition in self._first[arg.uid]:
                    first.setdefault(condition.uid, condition)
        if node.op == "phi":
            condition = node.args[0]
            first.setdefault(condition.uid, condition)
            if condition.uid not in self._places:
                self._places[condition.uid] = len(self._places)
                self._note_equality(condition)
            place = 1 << self._places[condition.uid]
            depends |= place
            if condition.op != "training" and _bare(node.args[1]).uid == _bare(node.args[2]).uid:
                self._optional |= place
        self._depends[node.uid] = depends
        self._first[node.uid] = tuple(first.values())[: 3 * _MAX_CONDITIONS]

    def _note_equality(self, condition: Expr) -> None:
        found = equality(condition)
        if found is not None:
            given, constant, negated = found
            place = 1 << self._places[condition.uid]
            self._equalities.setdefault(given, []).append((place, constant, negated))

    def _others(self, free: int, others: int) -> int | None:
        """All conditions that do not hold where of the `free` ones `others` do not; None where they contradict.

        A value equals one constant at most: where no free condition says which, the first that it is compared with.
        """
        for members in self._equalities.values():
            known = [
                (constant, bool(others & place) is negated) for place, constant, negated in members if place & free
            ]
            equal = {constant for constant, holds in known if holds}
            unequal = {constant for constant, holds in known if not holds}
            if len(equal) > 1 or equal & unequal:
                return None
            first = next((constant for _, constant, _ in members if constant not in unequal), None)
            chosen = next(iter(equal), first)
            others |= sum(
                place for place, constant, negated in members if not place & free and (constant == chosen) is negated
            )
        return others

    def variants(self, value: Expr) -> list[Expr]:
        """A value in all ways through its first few conditions."""
        conditions = self._first[value.uid]
        free = [condition for condition in conditions if condition.op != "training"][:_MAX_CONDITIONS]
        places = [1 << self._places[condition.uid] for condition in free]
        still_open = self._optional & ~sum(places)
        ways = range(2 ** len(free)) if tells(value) else (0,)
        chosen = (sum(place for index, place in enumerate(places) if bits >> index & 1) for bits in ways)
        others = (self._others(sum(places), bits) for bits in chosen)
        return [self._chosen(value, other, still_open) for other in others if other is not None]

    def _chosen(self, value: Expr, other: int, still_open: int) -> Expr:
        """An expression under one choice; `other` are the conditions that do not hold, all but the open ones do."""
        memo = self._memo

        def key(node: Expr) -> tuple[int, int, int]:
            depends = self._depends[node.uid]
            return node.uid, other & depends, still_open & depends

        def known(node: Expr) -> Expr | None:
            return memo.get(key(node)) if node.bits & PHI else node

        stack = [value]
        while stack:
            node = stack[-1]
            if known(node) is not None:
                stack.pop()
                continue
            place = self._places[node.args[0].uid] if node.op == "phi" else None
            if place is not None and not still_open >> place & 1:
                branch = node.args[2 if other >> place & 1 else 1]
                taken = known(branch)
                if taken is None:
                    stack.append(branch)
                    continue
                memo[key(node)] = taken
                stack.pop()
                continue
            args = [known(arg) for arg in node.args]
            if any(arg is None for arg in args):
                stack.extend(arg for arg, made in zip(node.args, args, strict=True) if made is None)
                continue
            made = tuple(arg for arg in args if arg is not None)
            same = all(one is before for one, before in zip(made, node.args, strict=True))
            memo[key(node)] = node if same else Expr(node.op, made, node.attrs, node.site)
            stack.pop()
        return memo[key(value)]
