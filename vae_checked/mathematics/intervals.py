"""The one walk that tells what a value can be, over the linter's expressions and the auditor's recorded steps alike."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from vae_checked.facts import REAL, Interval
from vae_checked.mathematics import shares
from vae_checked.mathematics.cancelling import left_of
from vae_checked.mathematics.graph import Node
from vae_checked.mathematics.interval_arithmetic import hull, intersection
from vae_checked.mathematics.ops import Kind, Operation, Setting

N = TypeVar("N", bound=Node)
# What made a node: a known operation, or something of the observer's own that lies in an interval, None for unknown.
Origin = Operation | Interval | None

_GRID = tuple(step / 8 for step in range(-160, 161))
# Far out, to tell what tends to a limit from what goes on growing.
_FAR = (1e2, 1e4, 1e6, 1e8)
_BETWEEN_ENDS = 128
# How far beyond the values that were found an extremum between two of them may lie.
_MARGIN = 1e-4
_MANY = 0
_COMPUTED = frozenset((Kind.ARITHMETIC, Kind.FUNCTION))
_PICKING, _SAME_ELEMENTS = frozenset((Kind.PART, Kind.PICK)), frozenset((Kind.COPY, Kind.RESHAPE, Kind.MOVE))
_JOINING = ("cat", "stack")


def _of_each(pick: Node, joined: Node) -> bool:
    return True


class Intervals(Generic[N]):
    """The intervals of the nodes of one graph, each worked out once; `origin` says what made a node.

    The values of a node's arguments count as independent, unless all follow element by element from one variable, as in
    `x * sigmoid(x)`: then the node is evaluated over that variable's interval.

    What is computed from something unknown lies in its interval and need not fill it: the exponential of any number is
    positive, and that of a logarithm of probabilities is at most 1. Where it shall be `filled` that is unknown as well,
    but for an activation: a network brings to one what goes on to both of its ends.

    What is picked of parts that lie in different intervals, and were joined, is not known where it may leave some out:
    `of_each` says whether it has elements of each part.
    """

    def __init__(
        self, origin: Callable[[N], Origin], *, filled: bool = False, of_each: Callable[[N, N], bool] = _of_each
    ) -> None:
        self._origin, self._filled, self._of_each = origin, filled, of_each
        self._origins: dict[int, Origin] = {}
        self._known: dict[int, Interval | None] = {}
        # The node that each node follows from element by element: None for a number, _MANY for several.
        self._variables: dict[int, int | None] = {}
        # By variable: grids have different numbers of points, and a number stands in several of them.
        self._samples: dict[int, dict[int, tuple[float, ...]]] = {}

    def of(self, root: N) -> Interval | None:
        """The interval in which the elements of `root` lie, None where it is not known."""
        stack = [root]
        while stack:
            node = stack[-1]
            if node.uid in self._known:
                stack.pop()
                continue
            origin = self._origin_of(node)
            if isinstance(origin, Operation) and origin.interval is not None and origin.kind is not Kind.LEARNED:
                waiting = [arg for arg in node.args if arg.uid not in self._known]
                if waiting and not self._is_decided(node, origin):
                    # The weights of a layer stand last, and mostly decide.
                    stack += waiting[-1:] if origin.kind is Kind.CONTRACTION else waiting
                    continue
                self._known[node.uid] = REAL if waiting else self._follow(node, origin)
                self._variables.setdefault(node.uid, node.uid)
            else:
                self._variables[node.uid] = node.uid
                if isinstance(origin, Interval):
                    self._known[node.uid] = origin
                    if origin.low == origin.high:
                        self._variables[node.uid] = None
                else:
                    self._known[node.uid] = None if origin is None else _applied(origin, (), origin.defaults)
            stack.pop()
        return self._known[root.uid]

    def _is_decided(self, node: N, origin: Operation) -> bool:
        """Whether free weights take the result to any number, whatever the rest is, which then need not be read."""
        return origin.kind is Kind.CONTRACTION and any(self._known.get(arg.uid) == REAL for arg in node.args)

    def _origin_of(self, node: N) -> Origin:
        if node.uid not in self._origins:
            self._origins[node.uid] = self._origin(node)
        return self._origins[node.uid]

    def _follow(self, node: N, operation: Operation) -> Interval | None:
        args = node.args
        alike = operation.elementwise or operation.kind is Kind.COPY
        variables = {self._variables[arg.uid] for arg in args} - {None} if alike else {node.uid}
        variable = None if not variables else variables.pop() if len(variables) == 1 else _MANY
        self._variables[node.uid] = variable
        settings = operation.settings(node.get)
        if settings is None:
            return None
        left = left_of(node) if operation.name in ("add", "sub") else None
        if left is not None and left.uid in self._known:
            self._variables[node.uid] = self._variables[left.uid]
            return self._known[left.uid]
        if variable and len(args) > 1 and operation.value is not None:
            dependent = sum(self._variables[arg.uid] == variable for arg in args)
            over = self._known[variable]
            if dependent > 1 and over is not None:
                found = self._sampled(node, variable, over)
                if found is not None:
                    return found
        given = [self._known[arg.uid] for arg in args]
        if self._filled and None in given and operation.kind in _COMPUTED and not operation.squashing:
            return None
        if operation.kind in _PICKING and self._may_leave_out(node):
            return None
        found = _applied(operation, given, settings)
        return found if found is None or len(args) != 2 else self._together(node, found)

    def _may_leave_out(self, pick: N) -> bool:
        """Whether something is picked of parts that were joined and lie in different intervals, not surely of each."""
        node = pick
        while node.args:
            node = node.args[0]
            if node.op in _JOINING:
                known = (self._known.get(part.uid) for part in node.args)
                ends = {None if each is None else (each.low, each.high) for each in known}
                return len(ends) > 1 and not self._of_each(pick, node)
            operation = self._origin_of(node)
            if not isinstance(operation, Operation) or operation.kind not in _SAME_ELEMENTS | _PICKING:
                break
        return False

    def _together(self, node: N, found: Interval) -> Interval | None:
        """Where a value lies by what its two arguments have to do with each other as well; None where that is open."""
        one, other = node.args
        if node.op == "add":
            blended = self._blended(one, other)
            return found if blended is None else intersection(found, blended)
        of = {"div": shares.of_quotient, "sub": shares.of_difference}.get(node.op)
        share = None if of is None else of(one, other, lambda each: self._known.get(each.uid))
        if share is None:
            return found
        return None if share.interval is None else intersection(found, share.interval)

    def _blended(self, one: N, other: N) -> Interval | None:
        """Where `a * x + (1 - a) * y` lies for a share `a` of at most the whole: between x and y, either 1 if bare."""
        whole = Interval(1.0, 1.0)
        for weighted, rest in ((one, other), (other, one)):
            for share, x in self._factors(weighted):
                known = self._known.get(share.uid)
                if known is None or known.low < 0.0 or known.high > 1.0:
                    continue
                for left, y in self._factors(rest):
                    if left.op != "sub" or left.args[1].uid != share.uid or self._known.get(left.args[0].uid) != whole:
                        continue
                    ends = [whole if each is None else self._known.get(each.uid) for each in (x, y)]
                    return None if None in ends else hull(ends)
        return None

    def _factors(self, node: N) -> list[tuple[N, N | None]]:
        """The ways to read a value as a product: each factor beside the other, None beside a value that is none."""
        if node.op != "mul" or len(node.args) != 2:
            return [(node, None)]
        one, other = node.args
        return [(one, other), (other, one)]

    # ---------------------------------------------------------------------- evaluation over one variable's interval

    def _sampled(self, node: N, variable: int, over: Interval) -> Interval | None:
        """The interval of what one variable decides, from its values over a grid; None where some are no numbers."""
        points = _points(over)
        values = self._values(node, variable, points, self._samples.setdefault(variable, {}))
        far = 0 if over.bounded else len(_FAR)
        inner = values[far : len(values) - far] if far else values
        if not all(map(math.isfinite, inner)):
            return None
        ends = []
        for extreme in (min, max):
            place = far + inner.index(extreme(inner))
            near = values[place]
            if far < place < far + len(inner) - 1 and near != 0.0:
                closer = _between(points[place - 1], points[place + 1])
                found = [each for each in self._values(node, variable, closer, {}) if math.isfinite(each)]
                margin = _MARGIN * min(1.0, max(inner) - min(inner))
                near = extreme([near, *found]) + (margin if extreme is max else -margin)
            ends.append(near)
        bottom, top = ends
        bottom_open = top_open = False
        tails = [values[far::-1] if math.isinf(over.low) else (), values[-far - 1 :] if math.isinf(over.high) else ()]
        for tail in tails:
            if not tail:
                continue
            limit = _limit(tail)
            if math.isnan(limit):
                return None
            if limit < bottom:
                bottom, bottom_open = limit, math.isfinite(limit)
            if limit > top:
                top, top_open = limit, math.isfinite(limit)
        return Interval(bottom, top, bottom_open, top_open)

    def _values(
        self, root: N, variable: int, points: tuple[float, ...], known: dict[int, tuple[float, ...]]
    ) -> tuple[float, ...]:
        """The values of a node that follows from `variable` alone, at each of the points of the variable."""
        known.setdefault(variable, points)
        stack = [root]
        while stack:
            node = stack[-1]
            if node.uid in known:
                stack.pop()
                continue
            if self._variables[node.uid] is None:
                interval = self._known[node.uid]
                number = math.nan if interval is None or interval.low != interval.high else interval.low
                known[node.uid] = (number,) * len(points)
                stack.pop()
                continue
            waiting = [arg for arg in node.args if arg.uid not in known]
            if waiting:
                stack += waiting
                continue
            stack.pop()
            known[node.uid] = self._evaluated(node, [known[arg.uid] for arg in node.args], len(points))
        return known[root.uid]

    def _evaluated(self, node: N, given: Sequence[tuple[float, ...]], count: int) -> tuple[float, ...]:
        operation = self._origin_of(node)
        if not isinstance(operation, Operation):
            return (math.nan,) * count
        if operation.kind is Kind.COPY:
            return given[0]
        settings = operation.settings(node.get)
        if operation.value is None or settings is None:
            return (math.nan,) * count
        return tuple(_value(operation.value, point, settings) for point in zip(*given, strict=True))


def _value(function: Callable[..., float], point: tuple[float, ...], settings: tuple[Setting, ...]) -> float:
    try:
        return function(*point, *settings)
    except (ValueError, OverflowError, ZeroDivisionError):
        return math.nan


def _applied(operation: Operation, given: Sequence[Interval | None], settings: Sequence[Setting]) -> Interval | None:
    if operation.interval is None:
        return None
    try:
        return operation.interval(given, settings)
    except (ValueError, ZeroDivisionError, OverflowError, TypeError):
        # Parameters that torch itself would refuse.
        return None


def _points(over: Interval) -> tuple[float, ...]:
    """Values of a variable, the smallest first: dense where functions bend, and far out where it has no end."""
    if over.bounded:
        return _between(over.low, over.high)
    low, high = max(over.low, -math.inf), min(over.high, math.inf)
    shift = low if math.isfinite(low) else high if math.isfinite(high) else 0.0
    grid = [shift + point for point in _GRID if low <= shift + point <= high]
    # Both tails are there, so that the places of the grid are the same for every interval without an end.
    below = [-far if math.isinf(low) else grid[0] for far in reversed(_FAR)]
    above = [far if math.isinf(high) else grid[-1] for far in _FAR]
    return (*below, *grid, *above)


def _between(low: float, high: float) -> tuple[float, ...]:
    step = (high - low) / _BETWEEN_ENDS
    return tuple(low + step * index for index in range(_BETWEEN_ENDS + 1))


def _limit(tail: Sequence[float]) -> float:
    """What values from the grid's end outwards tend to: a number, infinity where they grow on, NaN for neither."""
    finite = [value for value in tail if math.isfinite(value)]
    if len(finite) < 2:
        return math.nan
    before, last = finite[-2:]
    if abs(last - before) <= 1e-5 * max(1.0, abs(last)):
        return round(last, 6)
    return math.copysign(math.inf, last) if abs(last) > abs(before) else math.nan
