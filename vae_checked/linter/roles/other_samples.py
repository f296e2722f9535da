"""Draws whose gradient is cut off, of heads that other code draws from with their gradient: which of them trains."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from vae_checked.facts import Facts
from vae_checked.finding import Place
from vae_checked.linter.roles.objective import Losses, handed_on
from vae_checked.linter.roles.readings import Head, known_head
from vae_checked.linter.roles.samplers import SamplerSite
from vae_checked.linter.symbols.expression import origin
from vae_checked.record import replace

_PATH = "sampler.gradient_reaches"


class OtherSamples:
    """Over all evaluations, the draws from each head, and those that something is trained by.

    A pass that only shows something draws as it likes: the training may draw from the same heads by itself.
    """

    def __init__(self) -> None:
        self._heads: dict[Place, set[Head]] = {}
        self._passing: dict[Head, set[Place]] = {}
        self._trained = set[Place]()

    def note(self, site: SamplerSite | None, losses: Losses) -> None:
        """Take note of a draw: from which head it is, whether it passes its gradient, and whether it trains."""
        head = None if site is None else known_head(site.fitting_head)
        place = None if site is None else origin(site.z).place
        if site is None or head is None or place is None:
            return
        self._heads.setdefault(place, set()).add(head)
        if not site.detached:
            self._passing.setdefault(head, set()).add(place)
        if any(losses.graph.holds(value, site.z.uid) for value in losses.read_once(handed_on)):
            self._trained.add(place)

    def left_open(self, found: Iterable[Facts]) -> Iterator[Facts]:
        """The facts, where a draw that is seen to train nothing is cut off, and another one of its heads is not."""
        for item in found:
            reaches = item.sampler.gradient_reaches
            place = None if reaches is None or reaches.value else reaches.origin.place
            others = set[Place]() if place is None or place in self._trained else self._beside(place)
            if not others:
                yield item
                continue
            other = min(others, key=str)
            reason = (
                f"this draw is not seen to train anything, and the one at {other} passes the gradient to these heads"
            )
            sampler = replace(item.sampler, gradient_reaches=None)
            yield replace(item, sampler=sampler, elsewhere={_PATH: reason, **item.elsewhere})

    def _beside(self, place: Place) -> set[Place]:
        heads = self._heads.get(place, set())
        return {other for head in heads for other in self._passing.get(head, ())} - {place}
