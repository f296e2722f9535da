"""Runs a recorded tape again with chosen tensors in the place of recorded ones.

Only what lies between the chosen tensors and the wanted ones is run. Gradients flow as they did when it was recorded.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import nullcontext

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from vae_checked.auditor.recording.operations import called, may_be_cut, was_cut
from vae_checked.auditor.recording.tape import Planned, Ref, Step, Tape
from vae_checked.errors import ModelError


class ReplayError(ModelError, RuntimeError):
    """An operation that ran when it was recorded does not run on other values."""


_RUNNING_STATISTICS = frozenset({"native_batch_norm", "cudnn_batch_norm", "miopen_batch_norm"})


def affected(tape: Tape, chosen: Collection[int], last: int | None = None) -> set[int]:
    """The numbers of every value that changes when the values `chosen` change, of those made up to the step `last`."""
    dirty, kept, values = set(chosen), frozenset(chosen), tape.values
    storages = {values[number].storage for number in kept if values[number].overwritten}
    for step in tape.steps if last is None else tape.steps[: last + 1]:
        if step.draw is not None:
            continue
        if dirty.isdisjoint(step.inputs) and not (
            storages and any(values[number].storage in storages for number in step.inputs)
        ):
            continue
        made = step.outputs if kept.isdisjoint(step.outputs) else [n for n in step.outputs if n not in kept]
        dirty.update(made)
        if made:
            storages.update([values[number].storage for number in step.overwrites])
    return dirty


def _plan(tape: Tape, chosen: Collection[int], wanted: Collection[int]) -> list[Planned]:
    """The steps to run, in order; kept, since the same values are chosen many times over."""
    key = (len(tape.steps), frozenset(chosen), frozenset(wanted))
    if key not in tape.plans:
        steps = _steps_to_run(tape, key[1], key[2])
        last_use = {number: step.index for step in steps for number in step.inputs}
        tape.plans[key] = [
            _planned(
                step,
                tuple(
                    [
                        number
                        for number in (*step.inputs, *step.outputs)
                        if last_use.get(number, -1) <= step.index and number not in key[1]
                    ]
                ),
            )
            for step in steps
        ]
    return tape.plans[key]


def _planned(step: Step, done_with: tuple[int, ...]) -> Planned:
    places = tuple([(place, each.number) for place, each in enumerate(step.args) if isinstance(each, Ref)])
    nested = any(isinstance(each, (list, tuple)) for each in step.args)
    makes_one = step.slots == (0,) and len(step.outputs) == 1 and not step.overwrites
    return Planned(step, done_with, places, nested, makes_one, may_be_cut(step))


def _steps_to_run(tape: Tape, chosen: frozenset[int], wanted: frozenset[int]) -> list[Step]:
    values = tape.values
    # What runs after the last of them was made changes none of them, also where it writes to them.
    last = max((made for number in wanted if (made := values[number].step) is not None), default=-1)
    moving = affected(tape, chosen, last) - chosen

    def must_run(number: int) -> bool:
        return number in moving or (values[number].overwritten and number not in chosen)

    needed = {number for number in wanted if must_run(number)}
    storages = {values[number].storage for number in needed}
    storages |= {values[number].storage for number in chosen if values[number].overwritten}
    steps: list[Step] = []
    for step in reversed(tape.steps[: last + 1]):
        writes = step.overwrites and any(values[number].storage in storages for number in step.overwrites)
        if not writes and needed.isdisjoint(step.outputs):
            continue
        if step.outputs and chosen.issuperset(step.outputs):
            continue
        steps.append(step)
        if step.draw is not None:
            continue
        for number in step.inputs:
            if must_run(number):
                needed.add(number)
                storages.add(values[number].storage)
    steps.reverse()
    return steps


def replay(
    tape: Tape,
    chosen: Mapping[int, Tensor],
    wanted: Collection[int],
    *,
    grad: bool = False,
) -> dict[int, Tensor]:
    """The values `wanted` when the values `chosen` are replaced; with `grad`, as functions of the chosen tensors."""
    found: dict[int, Tensor] = {number: chosen[number] for number in wanted if number in chosen}
    # The mode of gradients is set once, where it is the same for every step.
    with nullcontext() if grad else torch.no_grad():
        for number, tensor in stream(tape, chosen, wanted, grad=grad):
            if number in wanted:
                found[number] = tensor.clone() if tape.values[number].overwritten else tensor
    for number in wanted:
        if number not in found:
            found[number] = tape.values[number].data
    return found


def stream(
    tape: Tape, chosen: Mapping[int, Tensor], wanted: Collection[int], *, grad: bool = False
) -> Iterator[tuple[int, Tensor]]:
    """Yield (number, tensor) for each value that is made on the way to `wanted`, in the order of the tape."""
    held = {number: _like(tape, number, tensor) for number, tensor in chosen.items()}
    for planned in _plan(tape, chosen, wanted):
        step = planned.step
        if step.draw is not None:
            outputs: list[Tensor] = [tape.values[number].data.clone() for number in step.outputs]
        else:
            outputs = _run(tape, planned, held, grad)
        for number, tensor in zip(step.outputs, outputs, strict=True):
            if number in chosen:
                continue
            held[number] = tensor
            yield number, tensor
        for number in planned.done_with:
            held.pop(number, None)


def _run(tape: Tape, planned: Planned, held: dict[int, Tensor], grad: bool) -> list[Tensor]:
    # An audit runs some thousand steps again: what is done for each of them counts.
    step, given = planned.step, held
    for number in step.inputs:
        if number not in held:
            given = {n: held[n] if n in held else _recorded(tape, step, n, held) for n in step.inputs}
            break
    args = [_filled(each, given) for each in step.args] if planned.nested else list(step.args)
    for place, number in planned.places:
        args[place] = given[number]
    kwargs = {key: _filled(argument, given) for key, argument in step.kwargs.items()} if step.kwargs else {}
    cut = planned.may_be_cut and was_cut(tape, step)
    try:
        if torch.is_grad_enabled() is (grad and step.grad):
            out = called(step.op, tuple(args), kwargs) if cut else step.op(*args, **kwargs)
        else:
            with torch.set_grad_enabled(grad and step.grad):
                out = called(step.op, tuple(args), kwargs) if cut else step.op(*args, **kwargs)
    except Exception as error:
        words = str(error).strip().splitlines()
        raise ReplayError(f"{step.name} does not run on other values: {words[0] if words else error!r}") from error
    if planned.makes_one and isinstance(out, Tensor):
        return [out]
    returned = [out] if isinstance(out, Tensor) else pytree.tree_leaves(out)
    # A fused operation leaves out what only its backward would need.
    made = [t if isinstance(t := returned[place], Tensor) else torch.empty(0) for place in step.slots]
    if step.overwrites:
        written = [held[number] for number in step.overwrites if number in held]
        made += [tensor for tensor in written if all(tensor is not other for other in made)]
    return made[: len(step.outputs)]


def _filled(argument: object, given: Mapping[int, Tensor]) -> object:
    """The argument with tensors in the place of numbers; torch's own tree functions are ten times slower."""
    if isinstance(argument, Ref):
        return given[argument.number]
    if type(argument) is list:
        return [_filled(each, given) for each in argument]
    if type(argument) is tuple:
        return tuple(_filled(each, given) for each in argument)
    return argument


def _recorded(tape: Tape, step: Step, number: int, held: dict[int, Tensor]) -> Tensor:
    """A value as it was recorded, safe to be written by what the step does."""
    value = tape.values[number]
    if value.overwritten:
        held[number] = value.data.clone()
        return held[number]
    return value.data.clone() if step.name in _RUNNING_STATISTICS and value.step is None else value.data


def _like(tape: Tape, number: int, tensor: Tensor) -> Tensor:
    """`tensor` laid out in memory as the recorded value is, and safe to overwrite where that is overwritten."""
    value = tape.values[number]
    recorded = value.tensor
    if recorded.shape == tensor.shape and tensor.stride() != recorded.stride() and 0 not in recorded.stride():
        laid = torch.empty_strided(recorded.shape, recorded.stride(), dtype=tensor.dtype, device=tensor.device)
        return laid.copy_(tensor)
    return tensor.clone() if value.overwritten else tensor
