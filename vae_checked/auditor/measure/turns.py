"""Where a term of the loss gets its minus: the one step behind it that takes away what it is given."""

from __future__ import annotations

from collections.abc import Collection

from vae_checked.auditor.measure.weights import scale_of
from vae_checked.auditor.recognition.graph import Graph
from vae_checked.auditor.recording.origins import names_in, place_of
from vae_checked.auditor.recording.tape import Step, Tape
from vae_checked.finding import Place

_ADDING = names_in("add sub rsub")


def turns(tape: Tape, step: Step, on: Collection[int]) -> bool:
    """Whether a step makes a smaller value where one of those `on` the way is larger."""
    name = step.name.rstrip("_")
    if name in _ADDING:
        alpha = step.kwargs.get("alpha", 1)
        second = alpha if isinstance(alpha, (int, float)) else 1
        # `a - b` has both as its inputs, `1 - b` the one tensor alone, which is the first of an rsub.
        signs = {"add": (1, second), "sub": (1, -second), "rsub": (-second, 1)}[name]
        taken = [sign for sign, number in zip(signs, step.inputs, strict=False) if number in on]
        return len(taken) == 1 and taken[0] < 0
    return name == "neg" or any(scale.value < 0 for scale in scale_of(tape, step))


def turned_at(graph: Graph, begins: Collection[int], total: int) -> Place | None:
    """The line that turns the sign of a term behind the values `begins`; None where none does, or several do."""
    on = graph.between(begins, total)
    after = [step for step in graph.tape.steps if not on.isdisjoint(step.inputs) and not on.isdisjoint(step.outputs)]
    found = [step for step in after if turns(graph.tape, step, on)]
    return place_of(found[0]) if len(found) == 1 else None
