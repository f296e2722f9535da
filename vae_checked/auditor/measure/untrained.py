"""Where it is written that a parameter is not trained: the step that cuts its gradient, or the layer left unused."""

from __future__ import annotations

from torch import nn

from vae_checked.auditor.measure.source_lines import assignments_of
from vae_checked.auditor.recognition.recognition import Recognition
from vae_checked.auditor.recording.origins import names_in, place_of
from vae_checked.finding import Place

_CUTS = names_in("detach argmin argmax round floor ceil sign gt lt ge le")


def place_without_gradient(seen: Recognition, model: nn.Module, name: str) -> Place | None:
    """The line for a parameter of this dotted name: of its definition, of a cut, or of what is made of it in vain."""
    tape, graph = seen.run.tape, seen.graph
    numbers = [value.number for value in tape.values if value.name == name]
    used = [step for step in tape.steps if any(number in step.inputs for number in numbers)]
    if not used:
        return place_of_definition(model, name)
    after = graph.descendants(numbers)
    leads_on = set() if seen.total is None else graph.ancestors(seen.total)
    for step in tape.steps:
        if step.name not in _CUTS or after.isdisjoint(step.inputs) or leads_on.isdisjoint(step.outputs):
            continue
        place = place_of(step)
        if place is not None:
            return place
    made = graph.descendants(numbers)
    last = next((step for step in reversed(tape.steps) if not made.isdisjoint(step.outputs)), used[0])
    return None if made & leads_on else place_of(last) or place_of(used[0])


def place_of_definition(model: nn.Module, name: str) -> Place | None:
    """The line of a constructor that assigns the parameter, or the inmost of the modules that hold it."""
    *path, own = name.split(".")
    while True:
        owner = model
        for part in path:
            owner = getattr(owner, part)
        for kind in type(owner).__mro__:
            if kind in (nn.Module, object):
                break
            places = [] if kind.__module__.partition(".")[0] == "torch" else assignments_of(kind, own)
            if places:
                return places[0]
        if not path:
            return None
        own = path.pop()
