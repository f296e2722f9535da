"""Branches taken apart: an expression with unknown conditions becomes one expression per way through them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from operator import is_, itemgetter

from vae_checked.linter.symbols.conditions import equality
from vae_checked.linter.symbols.expression import (
    ERROR,
    KL,
    LOGS,
    LOSS,
    NEAR_LOGS,
    NEAR_LOSS,
    NEAR_PRODUCTS,
    NOISE,
    OWN_SAMPLE,
    PHI,
    PRODUCTS,
    SAMPLE,
    Expr,
    Graph,
    opaque,
    strip,
)

MOST_CONDITIONS = 3
"""By how many of its conditions a value is taken apart."""

# How far what stands below an operation is from what stands above: a network makes something else of it.
_A_LAYER = 64
_DISTANCES = {"layer": _A_LAYER, "opaque": 1}
_FORMULA, _NEAR_FORMULA = LOGS | PRODUCTS, NEAR_LOGS | NEAR_PRODUCTS
# What a weight is not made of, and of how many nodes one is made at most.
_OF_TENSORS = frozenset(("layer", "noise", "data", "loss", "atom", "weight"))
_MOST_OF_A_NUMBER = 40
# The conditions that do not hold, and those that are left open, as bits.
Way = tuple[int, int]


def resolved(
    values: Iterable[Expr],
    wanted: Callable[[Expr], bool] | None = None,
    met: Mapping[int, Mapping[int, bool]] | None = None,
    most: int = MOST_CONDITIONS,
) -> list[Expr]:
    """Every expression with its conditions settled, in all ways where there are few of them; each once.

    Each by `most` of its conditions: what the others choose stays open.

    Where the choice is between training and not, training is taken. What holds no sampler, KL or loss in any of its
    ways is settled in one of them; what has none of what these are made of stays as it is. Only those that are
    `wanted`, where that is given, as they are beside the others.
    `met` are the conditions on which alone a value is met, by their uids: what it chooses by them is known.
    """
    given = _each_once(values)
    asked = given if wanted is None else list(filter(wanted, given))
    if not any(value.bits & PHI for value in asked):
        return asked
    return _each_once(_resolving(_branching(given), asked, met or {}, most, None))


def resolved_within(values: Iterable[Expr], met: Mapping[int, Mapping[int, bool]], room: int) -> tuple[int, list[Expr]]:
    """Values as `resolved` has them, with no more than about `room` nodes made, and by how many conditions each."""
    given = _each_once(values)
    if not any(value.bits & PHI for value in given):
        return MOST_CONDITIONS, given
    branching = _branching(given)
    for most in range(MOST_CONDITIONS, 0, -1):
        with suppress(_TooManyError):
            return most, _each_once(_resolving(branching, given, met, most, room))
        branching.forget()
    return 0, _each_once(_resolving(branching, given, met, 0, None))


def _each_once(values: Iterable[Expr]) -> list[Expr]:
    return list({value.uid: value for value in values}.values())


def _branching(values: Iterable[Expr]) -> Branching:
    return Branching(value for value in values if value.bits & PHI)


def _resolving(
    branching: Branching,
    values: Iterable[Expr],
    met: Mapping[int, Mapping[int, bool]],
    most: int,
    room: int | None,
) -> Iterator[Expr]:
    for value in values:
        if room is not None and branching.size > room:
            raise _TooManyError
        is_asked = value.bits & PHI and _may_be_of_vae(value)
        yield from branching.variants(value, met.get(value.uid, {}), most) if is_asked else (value,)


class _TooManyError(Exception):
    """There are more ways than can be looked at."""


def in_evaluation(values: Iterable[Expr]) -> list[Expr]:
    """Every expression as it is where the model is not in training; of other conditions each is taken to hold."""
    given = list(values)
    branching = Branching(given)
    return [branching.outside_training(value) if value.bits & PHI else value for value in given]


def tells(value: Expr) -> bool:
    """Whether a sampler or a loss may be what a value is computed by, or a KL part of it."""
    return bool(value.bits & (LOSS | ERROR | OWN_SAMPLE)) or value.bits & _FORMULA == _FORMULA


def _branches(value: Expr) -> bool:
    """Whether a value is looked at in all ways: what stands below its last layers is one of the values too.

    What is decoded from a draw is looked at as the draw is.
    """
    bits = value.bits
    if bits & (NEAR_LOSS | OWN_SAMPLE) or bits & _NEAR_FORMULA == _NEAR_FORMULA:
        return True
    return bool(bits & SAMPLE) and tells(value)


def _is_part(value: Expr) -> bool:
    """Whether a value is a sample, a KL or a loss, or computed by one."""
    return bool(value.bits & (LOSS | ERROR | OWN_SAMPLE)) or value.bits & KL == KL


def may_tell(value: Expr) -> bool:
    """Whether a sampler, a loss or a KL may stand anywhere in a value."""
    return bool(value.bits & (LOSS | ERROR | SAMPLE)) or value.bits & _FORMULA == _FORMULA


def _may_be_of_vae(value: Expr) -> bool:
    """Whether anything is drawn in a value, or a loss or a KL may stand in it: a network's layers alone are neither."""
    return bool(value.bits & NOISE) or may_tell(value)


def asks_for_mode(condition: Expr) -> bool:
    """Whether a condition asks whether a model is in training, or whether it is not."""
    if condition.op == "opaque" and condition.get("name") == "not":
        condition = condition.args[0]
    return condition.op == "training"


def _is_number(value: Expr) -> bool:
    """Whether a value is made of settings and numbers alone, as a weight is."""
    pending, seen = [value], 0
    while pending:
        node = pending.pop()
        seen += 1
        if seen > _MOST_OF_A_NUMBER or node.op in _OF_TENSORS:
            return False
        pending += node.args if node.op != "attribute" else ()
    return True


def _are_one_laid_out(*arms: Expr) -> bool:
    """Whether both arms of a choice are one value, in one layout of its axes or another: `x.view(len(x), -1)` and x."""
    return len({strip(arm).uid for arm in arms}) == 1


def _sealed(condition: Expr) -> Expr:
    """What stands for a condition, whatever it asks."""
    return opaque(f"condition:{condition.uid}", (), condition.site)


class Branching:
    """The conditions on which some expressions depend, and these expressions under one choice of them or another.

    What conditions choose that are not among those tried stays open: nothing is said of either side. Of those whose
    choice a layer takes, or that choose no more than axes, each is taken to hold. What is computed to ask an open
    condition is no part of the value, unless these are kept to be settled later.
    """

    def __init__(self, values: Iterable[Expr], keeps_conditions: bool = False) -> None:
        self._keeps_conditions = keeps_conditions
        self._places: dict[int, int] = {}
        # Per value that is compared with constants: the conditions, each as its bit, its constant and whether negated.
        self._equalities: dict[int, list[tuple[int, int, bool]]] = {}
        # Per node all conditions below it as bits, and some of them, those first that choose what fewer layers take.
        self._depends: dict[int, int] = {}
        self._first: dict[int, tuple[tuple[int, Expr], ...]] = {}
        self._memo: dict[tuple[int, int, int], Expr] = {}
        self._ways: dict[tuple[int, int], Way | None] = {}
        # The conditions that hold in training alone, and those that hold outside of it alone.
        self._training = self._evaluation = 0
        # The conditions that choose more than numbers and more than the axes that a value is laid out in.
        self._of_values = self._of_more_than_axes = 0
        graph = Graph(values)
        for node in graph.nodes:
            if node.bits & PHI:
                self._note(node)
        # By the uid of a condition how near it is to a part of a VAE: values that share parts choose alike in them.
        self._nearest: dict[int, int] = {}
        for value in graph.values:
            for far, condition in self._first[value.uid] if _is_part(value) else ():
                self._nearest[condition.uid] = min(far, self._nearest.get(condition.uid, far))

    def _note(self, node: Expr) -> None:
        depends = 0
        # By the uid of a condition how far what it chooses is at least, and the condition.
        first: dict[int, tuple[int, Expr]] = {}
        passed = _DISTANCES.get(node.op, 0)
        for arg in node.args:
            if arg.bits & PHI:
                depends |= self._depends[arg.uid]
                for far, condition in self._first[arg.uid]:
                    if condition.uid not in first or far + passed < first[condition.uid][0]:
                        first[condition.uid] = far + passed, condition
        if node.op == "phi":
            condition = node.args[0]
            first[condition.uid] = 0, condition
            if condition.uid not in self._places:
                self._places[condition.uid] = len(self._places)
                self._note_equality(condition)
            place = 1 << self._places[condition.uid]
            depends |= place
            if not _are_one_laid_out(*node.args[1:]):
                self._of_more_than_axes |= place
                if not all(map(_is_number, node.args[1:])):
                    self._of_values |= place
            if condition.op == "training":
                self._training |= place
            elif asks_for_mode(condition):
                self._evaluation |= place
        self._depends[node.uid] = depends
        self._first[node.uid] = tuple(sorted(first.values(), key=itemgetter(0)))[: 3 * MOST_CONDITIONS]

    def _note_equality(self, condition: Expr) -> None:
        found = equality(condition)
        if found is not None:
            given, constant, negated = found
            place = 1 << self._places[condition.uid]
            self._equalities.setdefault(given, []).append((place, constant, negated))

    def _settled(self, free: int, others: int) -> Way | None:
        """The way in which of the `free` conditions `others` do not hold, in training; None where they contradict.

        What these do not settle stays open: a value equals one constant at most.
        """
        key = free, others
        if key not in self._ways:
            self._ways[key] = self._settle(free, others)
        return self._ways[key]

    def _settle(self, free: int, others: int) -> Way | None:
        settled = free | self._training | self._evaluation
        for members in self._equalities.values():
            known = [
                (constant, bool(others & place) is negated) for place, constant, negated in members if place & free
            ]
            equal = {constant for constant, holds in known if holds}
            unequal = {constant for constant, holds in known if not holds}
            if len(equal) > 1 or equal & unequal:
                return None
            for place, constant, negated in members:
                if not place & free and (equal or constant in unequal):
                    settled |= place
                    others |= place if (constant in equal) is negated else 0
        return others | self._evaluation, (1 << len(self._places)) - 1 & ~settled

    @property
    def size(self) -> int:
        """How many nodes were made, or kept, under one choice or another."""
        return len(self._memo)

    def forget(self) -> None:
        """Hold none of these any more: what the conditions are, and what depends on them, is kept."""
        self._memo.clear()

    def variants(self, value: Expr, met: Mapping[int, bool], most: int = MOST_CONDITIONS) -> list[Expr]:
        """A value in all ways through its first few conditions, but for those on which it is met."""
        near = sorted(
            (not self._of_values >> place & 1, self._nearest.get(condition.uid, far), place)
            for far, condition, place in (
                (*each, self._places[each[1].uid]) for each in self._first[value.uid] if not asks_for_mode(each[1])
            )
        )
        fixed, failed = self._known(value, met)
        places = [1 << place for _, _, place in near if not fixed >> place & 1][:most]
        ways = range(2 ** len(places)) if _branches(value) else (0,)
        chosen = (sum(place for index, place in enumerate(places) if bits >> index & 1) for bits in ways)
        settled = (self._settled(fixed | sum(places), failed | bits) for bits in chosen)
        first = self._first[value.uid]
        near_by = sum(1 << self._places[condition.uid] for far, condition in first if far < _A_LAYER)
        near_by &= self._of_more_than_axes
        # Of what is taken apart by fewer conditions than it may be, no side is taken for the one that is run.
        kept_open = near_by if most == MOST_CONDITIONS else -1
        return [self._chosen(value, way[0], way[1] & kept_open) for way in settled if way is not None]

    def _known(self, value: Expr, met: Mapping[int, bool]) -> Way:
        """Those conditions of a value on which it is met, and those of them that do not hold, as bits.

        None where they contradict: then nothing is known of the code that was run.
        """
        places = {self._places[uid]: holds for uid, holds in met.items() if uid in self._places}
        asked = self._depends[value.uid] & ~(self._training | self._evaluation)
        fixed = sum(1 << place for place in places if asked >> place & 1)
        failed = sum(1 << place for place, holds in places.items() if asked >> place & 1 and not holds)
        return (fixed, failed) if self._settled(fixed, failed) is not None else (0, 0)

    def way(self, holding: Mapping[int, bool]) -> Way | None:
        """The way in which some conditions hold and others do not, by their uids; None where these contradict."""
        known = {self._places[uid]: holds for uid, holds in holding.items() if uid in self._places}
        way = self._settle(
            sum(1 << place for place in known), sum(1 << place for place, holds in known.items() if not holds)
        )
        return None if way is None else (way[0], way[1] | self._training | self._evaluation)

    def under(self, value: Expr, way: Way) -> Expr:
        """A value in one way through the conditions that this settles; the others stay open."""
        return self._chosen(value, *way) if value.bits & PHI else value

    def outside_training(self, value: Expr) -> Expr:
        """A value as it is where the model is not in training, and where every other condition holds."""
        return self._chosen(value, self._training, 0)

    def _chosen(self, value: Expr, other: int, still_open: int) -> Expr:
        """An expression under one choice; `other` are the conditions that do not hold, all but the open ones do."""
        memo, depends = self._memo, self._depends
        own = depends[value.uid]
        wanted = value.uid, other & own, still_open & own
        stack = [(value, wanted)]
        while wanted not in memo:
            node, key = stack[-1]
            if key in memo:
                stack.pop()
                continue
            args = node.args
            chosen = node.op == "phi" and not still_open >> self._places[args[0].uid] & 1
            if chosen:
                args = (args[2 if other >> self._places[args[0].uid] & 1 else 1],)
            made: list[Expr] = []
            for arg in args:
                if arg.bits & PHI:
                    below = depends[arg.uid]
                    inner = arg.uid, other & below, still_open & below
                    known = memo.get(inner)
                    if known is None:
                        stack.append((arg, inner))
                    else:
                        made.append(known)
                else:
                    made.append(arg)
            if len(made) < len(args):
                continue
            stack.pop()
            if chosen:
                memo[key] = made[0]
            elif node.op == "phi" and not self._keeps_conditions:
                memo[key] = Expr("phi", (_sealed(args[0]), *made[1:]), node.attrs, node.site)
            elif all(map(is_, made, args)):
                memo[key] = node
            else:
                memo[key] = Expr(node.op, tuple(made), node.attrs, node.site)
        return memo[wanted]
