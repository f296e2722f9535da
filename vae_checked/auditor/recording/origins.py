"""How the auditor puts tensors, modules and errors into words."""

from __future__ import annotations

import linecache

from vae_checked.auditor.recording.tape import Step, Tape
from vae_checked.facts import Origin
from vae_checked.finding import Place
from vae_checked.mathematics.ops import names_of
from vae_checked.session import NAME, prompt_of
from vae_checked.text import described, shown

_ACTIVATIONS = names_of(lambda operation: operation.closes)

__all__ = ["described", "line_at", "module_of", "named", "names_in", "origin_of", "place_of"]


def names_in(text: str) -> frozenset[str]:
    """The names in `text`, which blanks separate."""
    return frozenset(text.split())


def place_of(step: Step) -> Place | None:
    """The line of source that ran `step`, where it lies in a file."""
    if step.frame is None:
        return None
    return line_at(*step.frame)


def line_at(path: str, line: int) -> Place | None:
    """A line of source; None where it lies in no file."""
    text = linecache.getline(path, line).rstrip("\n")
    if not text:
        return None
    prompt = prompt_of(path)
    file = shown(path) if prompt is None else NAME
    return Place(file, line, 1 + len(text) - len(text.lstrip()), cell=prompt, text=text)


def origin_of(tape: Tape, number: int, source: str = "") -> Origin:
    """Where the value of this number was made: its source in words, and the line that ran."""
    value = tape.values[number]
    if value.step is None:
        return Origin(source or value.name)
    step = tape.steps[value.step]
    return Origin(source or named(tape, number), place_of(step))


def origin_of_activation(tape: Tape, number: int) -> Origin:
    """Where a value was made, its source as a call where an activation made it: `relu(the output of to_mu)`."""
    index = tape.values[number].step
    called = "" if index is None else tape.steps[index].name.rstrip("_")
    return origin_of(tape, number, f"{called}({named(tape, number)})" if called in _ACTIVATIONS else "")


def named(tape: Tape, number: int) -> str:
    """A name for a value: the module whose parameters made it, or the operation and its shape."""
    value = tape.values[number]
    if value.name:
        return value.name
    shape = "x".join(map(str, value.tensor.shape))
    module = module_of(tape, number)
    if module:
        return f"the output of {module}"
    if value.step is None:
        return f"a constant ({shape})"
    return f"{tape.steps[value.step].name} ({shape})"


def module_of(tape: Tape, number: int) -> str | None:
    """The dotted name of the module whose weight made the value, layout and pointwise steps passed over."""
    for _ in range(12):
        step_index = tape.values[number].step
        if step_index is None:
            return None
        step = tape.steps[step_index]
        names = [_parameter_name(tape, n) for n in step.inputs]
        owners = [name for name in names if name]
        if owners:
            return owners[0].rpartition(".")[0] or None
        data = [n for n in step.inputs if tape.values[n].sources & Tape.INPUT]
        if len(data) != 1:
            return None
        number = data[0]
    return None


def _parameter_name(tape: Tape, number: int) -> str | None:
    """The name of the parameter that the value is, or is a view of."""
    value = tape.values[number]
    if value.sources != Tape.PARAMETER:
        return None
    while not value.name and value.step is not None:
        step = tape.steps[value.step]
        if not step.inputs:
            return None
        value = tape.values[step.inputs[0]]
    return value.name or None
