"""KLs that a validation of its own computes once more: what is asked of them is asked at the lines that train."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from vae_checked.facts import Facts, KLForm, Origin
from vae_checked.finding import Place, is_named
from vae_checked.linter.roles import shown
from vae_checked.linter.roles.divergences import Divergence
from vae_checked.linter.roles.objective import Losses
from vae_checked.record import replace

_SAMPLER = ("sampler.std", "sampler.noise", "sampler.gradient_reaches", "sampler.timing")
_Formula = tuple[Place | None, KLForm]


class RepeatedTerms:
    """Over all evaluations, the KLs that train, and those that are computed where nothing is differentiated.

    A KL is known by where the z that belongs to it is drawn, and by its formula.
    """

    def __init__(self) -> None:
        # By where z is drawn, and by where the KL is written.
        self._trained: dict[_Formula, tuple[Origin, Facts]] = {}
        self._shown: dict[_Formula, _Formula] = {}

    def note(self, facts: Facts, kl: Divergence | None, losses: Losses) -> None:
        """Take note of where the KL of an evaluation is written, and whether it trains."""
        form, drawn = facts.kl.form, _drawn_at(facts)
        if kl is None or form is None or drawn is None:
            return
        if facts.kl.sign is not None and losses.is_differentiated(kl):
            self._trained.setdefault((drawn, form.value), (form.origin, facts))
        elif not losses.backward and shown.is_written_without_gradient(kl.term):
            self._shown[form.origin.place, form.value] = drawn, form.value

    def at_trained(self, found: Iterable[Facts]) -> Iterator[Facts]:
        """The facts, with a KL that is only shown at the line of the one that trains, where one of its form does.

        A script that shows it is no other VAE than the function that trains it.
        """
        for item in found:
            form = item.kl.form
            known = None if form is None else self._shown.get((form.origin.place, form.value))
            trained = None if known is None else self._trained.get(known)
            if form is None or trained is None:
                yield item
                continue
            origin, facts = trained
            moved = replace(item, kl=replace(item.kl, form=replace(form, origin=origin)))
            yield (
                moved
                if is_named(item.subject)
                else replace(moved, subject=facts.subject, of_function=facts.of_function)
            )


def _drawn_at(facts: Facts) -> Place | None:
    places = (fact.origin.place for fact in map(facts.get, _SAMPLER) if fact is not None)
    return next((place for place in places if place is not None), None)
