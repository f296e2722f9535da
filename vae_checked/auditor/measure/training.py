"""What stays on in evaluation, or hidden in training, that should not."""

from __future__ import annotations

from vae_checked.auditor.recognition.graph import is_elementwise, is_layout
from vae_checked.auditor.recognition.recognition import Recognition
from vae_checked.auditor.recording.origins import module_of, place_of
from vae_checked.auditor.recording.randomness import Family
from vae_checked.auditor.recording.tape import Step, Tape
from vae_checked.facts import Fact, Origin


def always_on_dropout(evaluated: Recognition) -> Fact[tuple[str, ...]]:
    """The places where an evaluation pass still draws a mask, and takes values away by it."""
    tape = evaluated.run.tape
    found: dict[str, Origin] = {}
    for draw in tape.draws:
        if draw.family is Family.MASK and draw.step is not None and _takes_away(tape, draw.number):
            place = place_of(tape.steps[draw.step])
            users = [step for step in tape.steps if draw.number in step.inputs and step.outputs]
            name = module_of(tape, users[0].outputs[0]) if users else None
            label = f"{place.path}:{place.line}" if place is not None else name or draw.source
            found.setdefault(label, Origin(draw.source, place))
    origins = list(found.values())
    return Fact(tuple(found), origins[0] if origins else Origin())


def _takes_away(tape: Tape, number: int) -> bool:
    """Whether drawn zeros and ones multiply, or choose among, other values, which noise does not."""
    mask = {number}
    for step in tape.steps:
        if mask.isdisjoint(step.inputs) or step.draw is not None:
            continue
        others = [n for n in step.inputs if n not in mask and tape.values[n].sources]
        if others and step.name.rstrip("_") in _BY_A_MASK:
            return True
        if not others and (is_elementwise(step) or is_layout(step)):
            mask.update(step.outputs)
    return False


_BY_A_MASK = frozenset(("mul", "where", "masked_fill", "addcmul"))
_NAN_TESTS = frozenset(("isnan", "isfinite", "isinf"))


def hidden_nan(seen: Recognition) -> Fact[str | None] | None:
    """The operation that replaces NaN on the way to the loss, if there is one.

    None where there is no loss, and where something is tested for NaN: what is done then may be to replace it.
    """
    tape = seen.run.tape
    ends = seen.graph.ancestors(seen.total) if seen.total is not None else None
    for step in tape.steps:
        if step.name.rstrip("_") != "nan_to_num":
            continue
        if ends is None or any(n in ends for n in step.outputs):
            return Fact("nan_to_num", Origin("nan_to_num", place_of(step)))
    return None if ends is None or any(map(_tests_for_nan, tape.steps)) else Fact(None, Origin())


def _tests_for_nan(step: Step) -> bool:
    """Whether a step asks of a value whether it is NaN: by name, or by a comparison with itself."""
    with_itself = step.name in ("ne", "eq") and len(step.args) == 2 and step.inputs[:1] == step.inputs[1:]
    return step.name in _NAN_TESTS or with_itself
