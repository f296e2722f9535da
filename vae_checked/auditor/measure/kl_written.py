"""What a KL is where it is written, and how often the loss adds it up from there on.

The weight of a KL in the loss does not tell a lost 1/2 from a weight of 2 beside a KL that is right. What the statement
makes of it that writes the formula does: that is measured, and what comes behind it is somebody's choice.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

from vae_checked.auditor.measure.kl_fit import fit
from vae_checked.auditor.measure.kl_term import Term
from vae_checked.auditor.measure.learned_prior import DRAWS, learned_prior
from vae_checked.auditor.measure.turns import turns
from vae_checked.auditor.measure.weights import Formula, way_to
from vae_checked.auditor.recognition.graph import Graph, is_layout
from vae_checked.auditor.recording.origins import names_in
from vae_checked.auditor.recording.statements import assigned_by, statement_of
from vae_checked.auditor.recording.tape import Step

# A formula is whole before that, or what is measured is something else.
_MOST = 12
_ADDING = names_in("add stack cat")
_REDUCING = names_in("mul div neg mean sum clone _to_copy")


@dataclass(frozen=True, slots=True)
class WrittenKL:
    """One KL where it is written: `factor` times the closed form, signed, where `formula` is whole.

    `turned` is -1 where the statement takes that away. `name` and `source` are what the statement calls all that it
    makes, and how it is written, both empty where there is more to it than the KL. `times` is how often the loss adds
    up what the statement makes of the formula, None where nobody can tell; `added` is the step that does so last, and
    `made` the one by which the formula is whole.
    """

    factor: float
    formula: Formula
    turned: int
    name: str
    source: str
    times: int | None
    added: Step | None
    made: Step


def written_kl(term: Term, *, learned: bool) -> WrittenKL | None:
    """The KL of a term where it is written; None where nothing that the loss follows from is that KL by itself.

    `learned` where it is to a prior that is. A head that may be negative may be read as a variance all the same.
    """
    found = _written_kl(term, learned)
    return found if found is not None or term.positive else _written_kl(replace(term, positive=True), learned)


def _written_kl(term: Term, learned: bool) -> WrittenKL | None:
    passage = passage_of(term)
    for place, number in enumerate(passage.waists[:_MOST]):
        weight = _weight(replace(term, total=number), learned)
        if weight is not None:
            means = math.prod(way_to(term.tape, term.seen.graph, (term.mu,), number, term.held).means)
            return passage.written(place, weight * means)
    return None


def _weight(term: Term, learned: bool) -> float | None:
    """What a value is times a KL by itself; None where it is none."""
    drawn = [each for each in term.drawn((1, 2)) if each is not None and not each.flat]
    fitted = fit(drawn, term.positive) if len(drawn) == 2 else None
    if fitted is not None:
        return fitted[2]
    several = [each for each in term.drawn(range(1, 1 + DRAWS)) if each is not None] if learned else []
    prior = learned_prior(several, term.positive)
    return None if prior is None else prior.weight


def passage_of(term: Term) -> Passage:
    """The passage of a term from its heads to the loss."""
    return Passage(term.seen.graph, (term.mu, term.second), term.total, term.held)


def formula_in(passage: Passage, formula: Formula) -> Formula | None:
    """Where the formula of another pass stands on this passage; None where its values do not say."""
    return None if formula.places[1] >= len(passage.waists) else passage.formula(*formula.places)


class Passage:
    """The values on the way from the heads of a posterior to the loss, and those that all of it leads through."""

    def __init__(self, graph: Graph, begins: Iterable[int], total: int, held: Collection[int]) -> None:
        self._tape, self._total = graph.tape, total
        self._begins, self._errors = set(begins), graph.descendants(held)
        self._on = graph.between(self._begins, total, held)
        self._steps = [step for step in graph.tape.steps if not (self._on - self._begins).isdisjoint(step.outputs)]
        self._makes = {n: step for step in self._steps for n in step.outputs if n in self._on}
        self.waists = self._waists()

    def _before(self, step: Step, known: Iterable[int]) -> list[int]:
        """The values on the way that a step takes, as often as it does."""
        return [number for number in step.inputs if number in known]

    def _waists(self) -> list[int]:
        """The values that no step leads past: what is made before them is taken by none behind them.

        There are none where the way leads through a tensor that is written to: which of its values is read is not seen.
        """
        if not all(self._before(step, self._on) for step in self._steps):
            return []
        last = {n: max(step.outputs) for step in self._steps for n in self._before(step, self._on)}
        found, reach = [], max(self._begins)
        for number in sorted(self._on):
            if reach <= number and number not in self._begins:
                found.append(number)
            reach = max(reach, last.get(number, number))
        return found

    def written(self, place: int, factor: float) -> WrittenKL:
        """The KL that is whole, `factor` times, at one of the waists."""
        formula = self.formula(place, self.end_of_statement(place))
        name, source = self.assigned(formula)
        times, added = self.added_up(formula.end)
        made = self._makes[formula.whole]
        return WrittenKL(factor, formula, self.turned(formula), name, source, times, added, made)

    def formula(self, first: int, last: int) -> Formula:
        """The formula that is whole at one waist, and whose statement ends at another."""
        return Formula((first, last), self.waists[first], self.waists[last])

    def end_of_statement(self, place: int) -> int:
        """The last of the waists to which the statement leads on that made one, with nothing but numbers beside it."""
        statement = statement_of(self._makes[self.waists[place]])
        while place + 1 < len(self.waists):
            step = self._makes[self.waists[place + 1]]
            if statement is None or statement_of(step) != statement or not self._is_alone(step, {self.waists[place]}):
                break
            place += 1
        return place

    def _is_alone(self, step: Step, known: Iterable[int]) -> bool:
        """Whether a step takes nothing but what is known, and numbers."""
        values = self._tape.values
        return all(n in known or (n not in self._on and not values[n].sources) for n in step.inputs)

    def assigned(self, formula: Formula) -> tuple[str, str]:
        """What the statement of a formula calls it, and how it is written; empty where something is added to it."""
        step = self._makes[formula.end]
        taken = (each for each in self._steps if formula.end in each.inputs)
        apart = all(statement_of(each) != statement_of(step) for each in taken)
        return assigned_by(step) if apart else ("", "")

    def _has_no_error(self, step: Step, known: Iterable[int]) -> bool:
        """Whether a step takes nothing but what is known, and what is made without the prediction: another KL."""
        if not self._errors:
            return self._is_alone(step, known)
        return all(number in known or number not in self._errors for number in step.inputs)

    def turned(self, formula: Formula) -> int:
        """-1 where the statement takes away what its formula makes, else 1."""
        sign = 1
        for number in self.waists[formula.places[0] + 1 : formula.places[1] + 1]:
            sign *= -1 if turns(self._tape, self._makes[number], self._on) else 1
        return sign

    def added_up(self, begin: int) -> tuple[int | None, Step | None]:
        """How often the loss adds a value up, and the step that does so last; None where no number says that.

        Where what is added has more in it each time, as an error of its own, these are several losses.
        """
        counts: dict[int, int | None] = {begin: 1}
        bare, added = {begin}, None
        for step in self._steps:
            before = self._before(step, counts)
            if not before or begin in step.outputs:
                continue
            count, name = counts[before[0]], step.name.rstrip("_")
            if len(before) > 1:
                known = [each for n in before if (each := counts[n]) is not None]
                is_sum = name in _ADDING and len(known) == len(before) and not bare.isdisjoint(before)
                count, added = (sum(known) if is_sum else None), step
            counts.update(dict.fromkeys(step.outputs, count))
            if (name in _ADDING | _REDUCING or is_layout(step)) and self._has_no_error(step, bare):
                bare.update(step.outputs)
        return counts.get(self._total), added
