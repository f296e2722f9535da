"""Which parts of an expression the gradient of a value reaches."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable

from vae_checked.facts import Interval
from vae_checked.linter.symbols.conditions import compares
from vae_checked.linter.symbols.expression import Expr, Graph, called_name
from vae_checked.linter.symbols.intervals import intervals, intervals_beside

Stops = Callable[[Expr], bool]

# What takes a value's sizes or order alone.
_WITHOUT_GRADIENT = frozenset(("detach", "shape", "size", "noise", "sign", "floor", "ceil", "round"))
# What leaves a value as it is up to some number, and has no gradient beyond.
_BOUNDING = ("clamp", "minimum", "maximum")
# What says where a value stands among others.
_PLACES = frozenset(("argmax", "argmin", "argsort"))


def stops_gradient(node: Expr) -> bool:
    """Whether no gradient passes through an operation to what it is applied to."""
    if node.op not in ("opaque", "call"):
        return node.op in _WITHOUT_GRADIENT
    return compares(node) or is_of_places(node)


def is_of_places(node: Expr) -> bool:
    """Whether an operation says where the largest or smallest entry stands."""
    return node.op in ("opaque", "call") and called_name(node) in _PLACES


def nothing_more(_: Expr) -> bool:
    """What stops no gradient beside what does anyway."""
    return False


def reached(values: Iterable[Expr], stops_at: Stops = nothing_more, *, past: Stops = nothing_more) -> set[int]:
    """The nodes that a gradient of some values reaches; what stops it is among them, and what is below that is not.

    `stops_at` says of a node whether it stops the gradient beside those that do anyway, `past` which of these do not.
    """
    seen: set[int] = set()
    stack = list(values)
    while stack:
        node = stack.pop()
        if node.uid in seen:
            continue
        seen.add(node.uid)
        if (not stops_gradient(node) or past(node)) and not stops_at(node):
            stack.extend(node.args)
    return seen


class GradientFlow:
    """The gradients in one graph; what was asked for once is known."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._reached: dict[tuple[frozenset[int], Stops], set[int]] = {}
        self._to: dict[tuple[int, Stops], set[int]] = {}
        self._flat: dict[tuple[int, Interval | None], Stops] = {}
        self._intervals = intervals()

    def reached(self, values: Collection[Expr], stops_at: Stops = nothing_more) -> set[int]:
        """As the function of this name, for values of which few different collections are asked about."""
        key = (frozenset(value.uid for value in values), stops_at)
        if key not in self._reached:
            self._reached[key] = reached(values, stops_at)
        return self._reached[key]

    def to(self, wanted: int, stops_at: Stops = nothing_more) -> set[int]:
        """The nodes of the graph whose gradient reaches the node `wanted`, itself included."""
        key = wanted, stops_at
        if key not in self._to:
            self._to[key] = self._graph.holding_through(
                (wanted,), lambda node: not (stops_gradient(node) or stops_at(node))
            )
        return self._to[key]

    def reaches(self, values: Collection[Expr], wanted: int, stops_at: Stops = nothing_more) -> bool:
        """Whether the gradient of one of some values reaches the node `wanted`, which stands near them."""
        leading = self.to(wanted, stops_at)
        if any(value.uid in leading for value in values):
            return True
        outside = [value for value in values if value not in self._graph]
        return bool(outside) and wanted in self.reached(outside, stops_at)

    def moves(self, values: Collection[Expr], wanted: int, lies_in: Interval | None = None) -> bool:
        """As `reaches`, where no operation on the way makes one number of whatever it is applied to.

        `lies_in` is where the node `wanted` is known to lie, beside what the operations tell that made it.
        """
        return self.reaches(values, wanted, self._flat_beside(wanted, lies_in))

    def held_back_by(self, values: Collection[Expr], wanted: int, lies_in: Interval | None = None) -> list[Expr]:
        """The operations between the node `wanted` and some values that make one number of whatever they are given."""
        is_flat = self._flat_beside(wanted, lies_in)
        between = self.to(wanted) & self.reached(values)
        return [node for node in self._graph.nodes if node.uid in between and node.uid != wanted and is_flat(node)]

    def bounded_by(self, values: Collection[Expr], wanted: int, lies_in: Interval) -> Expr | None:
        """The operation between the node `wanted` and some values that bounds it on the side where it has no bound.

        What is bounded from above may be on either side of 0, as beside a weight that is not known: it counts as well.
        """
        known = intervals_beside(wanted, lies_in, self._holds(wanted), self._intervals)
        between = self.to(wanted) & self.reached(values)
        for node in self._graph.having(*_BOUNDING):
            if node.uid not in between or node.uid == wanted:
                continue
            if self._is_bounded_by_a_name(node, wanted, known.of):
                return node
            interval = known.of(node)
            if interval is None or interval.width == 0:
                continue
            below = None if interval.bounded else known.of(node.args[0])
            if interval.bounded or (interval.high < math.inf and (below is None or below.low == -below.high)):
                return node
        return None

    def _is_bounded_by_a_name(self, node: Expr, wanted: int, of: Callable[[Expr], Interval | None]) -> bool:
        """Whether what is bounded on one side alone is given a bound on the other, of which the number is not known."""
        for arg in node.args:
            lies_in = of(arg)
            if not self._graph.holds(arg, wanted) or (lies_in is not None and lies_in.bounded):
                continue
            # Beside a weight that is not known what is bounded may lie anywhere: the weight is taken as positive.
            turned = lies_in is not None and lies_in.high < math.inf
            side, least = ("low", "maximum") if turned else ("high", "minimum")
            others = [other for other in node.args if other is not arg and not self._graph.holds(other, wanted)]
            if isinstance(node.get(side), tuple) or (node.op == least and any(of(each) is None for each in others)):
                return True
        return False

    def _flat_beside(self, wanted: int, lies_in: Interval | None) -> Stops:
        key = wanted, lies_in
        if key not in self._flat:
            known = self._intervals
            if lies_in is not None:
                known = intervals_beside(wanted, lies_in, self._holds(wanted), self._intervals)

            def is_flat(node: Expr) -> bool:
                if node.op == "mul" and any(arg.op == "const" and arg.value == 0.0 for arg in node.args):
                    return True
                interval = known.of(node) if node.args else None
                return interval is not None and interval.width == 0

            self._flat[key] = is_flat
        return self._flat[key]

    def _holds(self, wanted: int) -> Callable[[Expr], bool]:
        return lambda node: self._graph.holds(node, wanted)
