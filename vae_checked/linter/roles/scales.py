"""One model, two scales: the data that its KL is trained on, and other data that its layers are handed."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from vae_checked.facts import Data, Fact, Facts, Interval, Output
from vae_checked.linter.expression import Expr, Graph, is_data, is_given, origin
from vae_checked.linter.intervals import interval_of
from vae_checked.linter.roles.divergences import Divergence
from vae_checked.record import dataclass

# A model brings its own input into shape: the data are handed over before that.
_FLATTENED = frozenset(("view", "reshape", "flatten"))
Built = tuple[str, int | None, int, int]


@dataclass(frozen=True, slots=True)
class _Given:
    subject: str
    built: Built
    interval: Fact[Interval]


class InputScales:
    """Where the data lie that each layer of the project is handed, in training and elsewhere; read scene by scene."""

    def __init__(self) -> None:
        self._trained: dict[Built, set[Fact[Interval]]] = {}
        self._given: list[_Given] = []

    def read_given(self, subject: str, fed: Iterable[Expr]) -> None:
        """Take note of the data that layers are handed, for whatever purpose."""
        for node in fed:
            found = _read(node)
            if found is not None:
                self._given.append(_Given(subject, *found))

    def read_trained(self, graph: Graph, kls: Iterable[Divergence], around: Fact[Interval] | None) -> None:
        """Take note of the data from which the heads of a KL are made, as far as known from the pipelines `around`."""
        terms = {kl.term.uid for kl in kls}
        for node in graph.nodes if terms else ():
            if node.op == "layer" and node.args:
                found = _read(node, around)
                if found is not None and not terms.isdisjoint(graph.holding(node.uid)):
                    self._trained.setdefault(found[0], set()).add(found[1])

    def facts(self, known: Callable[[Fact[Interval] | None], Fact[Interval] | None]) -> list[Facts]:
        """The data on another scale than those, on which all training that was read agrees, that layers are handed.

        `known` puts intervals in place of what stands for them.
        """
        found = []
        for given in self._given:
            trained = {fact for fact in map(known, self._trained.get(given.built, ())) if fact is not None}
            intervals = {fact.value for fact in trained}
            if len(intervals) == 1 and given.interval.value not in intervals:
                fact = min(trained, key=lambda item: str(item.origin.place))
                data = Data(interval=given.interval, trained=fact)
                # What a decoder is trained to draw lies where the data do that it is trained on.
                found.append(Facts(given.subject, data=data, output=Output(interval=fact)))
        return found


def _read(node: Expr, around: Fact[Interval] | None = None) -> tuple[Built, Fact[Interval]] | None:
    """The place where a layer was built, and the interval of what it is applied to."""
    given = node.args[0]
    while given.op == "phi":
        # Where a condition is put to the data first, the way on which they come as they are.
        given = next(filter(is_data, given.args[1:]), given.args[1])
    interval = interval_of(given) if is_data(given) else None
    while given.args and given.op in _FLATTENED:
        given = given.args[0]
    fact = (
        around if interval is None and is_given(given) else None if interval is None else Fact(interval, origin(given))
    )
    if fact is None or node.site is None or node.site.built is None:
        return None
    place = node.site.built.place
    return (place.path, place.cell, place.line, place.column), fact
