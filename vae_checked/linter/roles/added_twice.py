"""A KL that a loss adds up more than once, beside one error: by two loops over the terms, or by two additions."""

from __future__ import annotations

from collections.abc import Iterable

from vae_checked.linter.roles import reductions
from vae_checked.linter.roles.divergences import Divergence
from vae_checked.linter.roles.one_way import one_way_down
from vae_checked.linter.roles.reconstructions import Reconstruction
from vae_checked.linter.symbols.expression import TRANSPARENT, Expr, Graph
from vae_checked.record import dataclass


@dataclass(frozen=True, slots=True)
class Added:
    """How often a loss adds a term up, and the sum that adds it last; None where that is not known."""

    times: int | None = 1
    node: Expr | None = None


def read(total: Expr, kl: Divergence, recon: Reconstruction, recons: Iterable[Reconstruction], graph: Graph) -> Added:
    """How often a KL counts for each time that its error does.

    Of several errors each may have a KL beside it: what their sum weighs is not known.
    """
    if any(node.uid == kl.term.uid for node in one_way_down(total, graph, kl.term.uid)):
        # Nothing on the way down to the KL has it twice, as in most losses.
        return Added()
    added = _Sum(graph, kl.term.uid).of(total)
    if added.times in (0, 1):
        # What is detached wherever it is added counts nowhere, or is one of a KL that is only shown.
        return Added()
    beside = _Sum(graph, recon.term.uid).of(total).times
    if added.times is not None and added.times == beside:
        return Added()
    others = (other for other in recons if other.term.uid != recon.term.uid and graph.holds(total, other.term.uid))
    return Added(None) if added.times is None or beside != 1 or next(others, None) is not None else added


class _Sum:
    """How often each value adds a term up."""

    def __init__(self, graph: Graph, term: int) -> None:
        self._holding = graph.holding(term)
        self._term = term
        self._known: dict[int, Added] = {}

    def of(self, node: Expr) -> Added:
        """How often a value has the term among what it adds up."""
        path = [node]
        while path:
            last = path[-1]
            waiting = [] if last.uid == self._term else [arg for arg in self._held(last) if arg.uid not in self._known]
            if waiting:
                path += waiting
            else:
                self._known[path.pop().uid] = self._added(last)
        return self._known[node.uid]

    def _held(self, node: Expr) -> list[Expr]:
        return [arg for arg in node.args if arg.uid in self._holding and node.op != "detach"]

    def _added(self, node: Expr) -> Added:
        if node.uid == self._term:
            return Added()
        ways = [self._known[arg.uid] for arg in self._held(node)]
        if len(ways) < 2:
            return ways[0] if ways else Added(0)
        attached = [way for way in ways if way.times != 0]
        if node.op != "add" or len(attached) < 2:
            counts = {way.times for way in attached}
            return attached[0] if len(counts) == 1 else Added(None) if counts else Added(0)
        alone = any(self._is_alone(arg) for arg in node.args)
        counted = [way.times for way in attached if way.times is not None]
        return Added(sum(counted), node) if alone and len(counted) == len(attached) else Added(None)

    def _is_alone(self, node: Expr) -> bool:
        """Whether a value is the term, scaled or reduced: with an error beside it, it is another loss of its own."""
        while node.uid != self._term:
            index = 0 if node.op in TRANSPARENT else reductions.scaled_at(node)
            if index is None or node.op == "detach":
                return False
            node = node.args[index]
        return True
