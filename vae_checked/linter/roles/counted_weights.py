"""A KL that a count of turns holds back: `(epoch // 20) * kl`, `float(epoch > 20) * kl`, `if epoch > 20`.

How long training goes on may decide whether it is ever more than nothing: the turns are gone through by their numbers.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Iterable, Mapping, Sequence

from vae_checked.linter.roles.divergences import Divergence
from vae_checked.linter.roles.objective import Losses
from vae_checked.linter.roles.turn_numbers import MOST_NODES, Numbers, is_counter, some
from vae_checked.linter.symbols.expression import Expr, Graph
from vae_checked.linter.symbols.values import Value, number_of
from vae_checked.record import dataclass

# What is 0, or false, for a while: of anything else a count that moves makes something.
_FLAT = frozenset("floor round trunc remainder maximum clamp relu opaque detach phi where".split())
# What settings and lengths that are not known may come to, and how many turns there may be.
_SETTINGS = (2.0, 5.0, 100.0)
_FEW, _MANY = 2, 100
# Turns that are looked at, of the first ones and evenly over all.
_FIRST_TURNS, _SPREAD = 30, 50


@dataclass(frozen=True, slots=True)
class Held:
    """What is 0 in turns in which it is multiplied with a KL, or chooses whether a loss has one; `never` in all."""

    node: Expr
    never: bool


def held_back(kl: Divergence, losses: Losses) -> Held | None:
    """What may hold a KL back for as long as is trained; None where some turn is seen to have it."""
    graph = losses.unsettled
    if not graph.read_once(_counters):
        return None
    holding = losses.unsettled_with(kl.term)
    stops = [node for node in graph.nodes if node.uid in holding and _is_held_by_count(node, holding, graph)]
    if not stops:
        return None
    roots = losses.evaluation.observations.roots
    ends = [root.value for root in roots if root.kind == "backward" and isinstance(root.value, Expr)]
    ends = [end for end in ends if end.uid in holding] or stops[-1:]
    turns = losses.evaluation.observations.turns
    asked = [node for stop in stops for node in some(_weight(stop, holding)) if is_counter(node)]
    shown = [
        any(_World(turn, setting, holding, graph).shows(end) for end in ends for turn in numbers)
        for setting in _SETTINGS
        for numbers in _ranges(asked, turns, setting)
    ]
    if all(shown):
        return None
    return Held(_weight(stops[0], holding), not any(shown) and _is_so_for_any_number(stops[0], holding, turns))


def _counters(graph: Graph) -> list[Expr]:
    """The numbers of turns, and what goes by such a name."""
    return [node for node in graph.nodes if not node.args and is_counter(node)] + [
        node for node in graph.having("attribute") if is_counter(node)
    ]


def _is_held_by_count(node: Expr, holding: set[int], graph: Graph) -> bool:
    """Whether a node multiplies a KL by, or leaves it out for, what depends on a count, and is 0 for a while."""
    if node.op == "phi":
        return _depends(node.args[0], graph) and not all(arm.uid in holding for arm in node.args[1:])
    if node.op not in ("mul", "div"):
        return False
    return any(_is_flat(arg, graph) for arg in node.args[: 1 if node.op == "div" else 2] if arg.uid not in holding)


def _depends(value: Expr, graph: Graph) -> bool:
    return value.uid in graph.read_once(_counting)


def _counting(graph: Graph) -> set[int]:
    """The uids of all that has the number of a turn in it."""
    return graph.holding_any(node.uid for node in graph.read_once(_counters))


def _is_flat(factor: Expr, graph: Graph) -> bool:
    if not _depends(factor, graph):
        return False
    nodes = some(factor)
    return len(nodes) < MOST_NODES and any(node.op in _FLAT for node in nodes)


def _weight(stop: Expr, holding: set[int]) -> Expr:
    """What a node multiplies a KL by, or the condition by which it has one."""
    return stop.args[0] if stop.op == "phi" else next(arg for arg in stop.args if arg.uid not in holding)


def _ranges(counters: Iterable[Expr], turns: Mapping[int, Sequence[Value]], setting: float) -> list[list[float]]:
    """The turns that there may be: few or many where that is not known, always from the first one on."""
    found: list[list[float]] = []
    for counter in counters:
        given = turns.get(counter.uid)
        if not given:
            continue
        ends = [_of_setting(each, setting) for each in given]
        start, stop = (0.0, ends[0]) if len(ends) == 1 else (ends[0], ends[1])
        step = ends[2] if len(ends) > 2 else 1.0
        if start is not None and stop is not None and step:
            found.append(_spread(start, stop, step))
    return found or [_spread(0.0, _FEW, 1.0), _spread(0.0, _MANY, 1.0)]


def _of_setting(value: Value, setting: float) -> float | None:
    """A number, or what comes of one where each setting has one value; None where that is not a number of turns."""
    number = number_of(value) if not isinstance(value, Expr) or value.op == "const" else None
    if number is not None or not isinstance(value, Expr):
        return number
    found = _World(0.0, setting, set(), None).value(value)
    return found if math.isfinite(found) else None


def _spread(start: float, stop: float, step: float) -> list[float]:
    count = max(0, math.ceil((stop - start) / step))
    places = {*range(min(count, _FIRST_TURNS)), *range(0, count, max(1, count // _SPREAD)), max(0, count - 1)}
    return [start + step * place for place in sorted(places) if place < count] or [start]


def _is_so_for_any_number(stop: Expr, holding: set[int], turns: Mapping[int, Sequence[Value]]) -> bool:
    """Whether a weight is 0 however long is trained: by the number of turns itself, as `epoch // epochs` is.

    A loop that is written with a number of its own has that, and no setting makes it longer.
    """
    weight = _weight(stop, holding)
    if stop.op == "phi":
        return False
    for node in some(weight):
        given = turns.get(node.uid)
        if not given:
            continue
        loop = node.site.node if node.site is not None else None
        ends = loop.args[:2] if isinstance(loop, ast.Call) else []
        last = ends[-1] if ends else None
        if isinstance(last, ast.Constant):
            return True
        written = weight.site.node if weight.site is not None else None
        names = (
            {ast.unparse(each) for each in ast.walk(written) if isinstance(each, (ast.Name, ast.Attribute))}
            if written
            else set()
        )
        return isinstance(last, (ast.Name, ast.Attribute)) and ast.unparse(last) in names
    return False


class _World(Numbers):
    """The numbers of an evaluation in one turn, and what of a KL they leave."""

    def __init__(self, turn: float, setting: float, holding: set[int], graph: Graph | None) -> None:
        super().__init__(turn, setting, set() if graph is None else {node.uid for node in graph.read_once(_counters)})
        self._holding = holding
        self._graph = graph
        self._shown: dict[int, bool] = {}

    def shows(self, node: Expr) -> bool:
        """Whether a KL takes part in a value in this turn, as far as the count decides it."""
        stack = [node]
        while stack:
            top = stack[-1]
            if top.uid in self._shown:
                stack.pop()
                continue
            below = self._passed(top)
            waiting = [arg for arg in below if arg.uid not in self._shown]
            if waiting:
                stack += waiting
                continue
            stack.pop()
            within = [arg for arg in top.args if arg.uid in self._holding]
            self._shown[top.uid] = not within or any(self._shown[arg.uid] for arg in below)
        return self._shown[node.uid]

    def _passed(self, node: Expr) -> list[Expr]:
        """The arguments of a node that have the KL, and that this turn does not leave out."""
        assert self._graph is not None  # noqa: S101  a world without one has numbers alone
        inner = [arg for arg in node.args if arg.uid in self._holding]
        if node.op == "phi" and _depends(node.args[0], self._graph):
            holds = self.value(node.args[0])
            if not math.isnan(holds):
                arm = node.args[1 if holds else 2]
                return [arm] if arm.uid in self._holding else []
        if node.op in ("mul", "div"):
            others = [arg for arg in node.args if arg.uid not in self._holding]
            if any(_is_flat(arg, self._graph) and self.value(arg) == 0.0 for arg in others):
                return []
        return inner
