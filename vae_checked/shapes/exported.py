"""Compares fitted laws with the symbolic shapes that torch.export derives; where it fails, that is said and no more."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from vae_checked.adapters import Inputs, Subject, adapt
from vae_checked.shapes.ghost import Ghost, How
from vae_checked.shapes.law import NOT_A_LAW, evaluate
from vae_checked.shapes.model import ModelShapes
from vae_checked.shapes.spec import Spec, parse_spec

_NAME = "torch.export"


class _Flat(nn.Module):
    """A model that takes tensors by position and returns the tensors of its output as one tuple."""

    def __init__(self, subject: Subject, names: tuple[str | None, ...], one_mapping: bool) -> None:
        super().__init__()
        self.model = subject.model
        self._subject, self._names, self._one_mapping = subject, names, one_mapping

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        named = {name: tensor for name, tensor in zip(self._names, tensors, strict=True) if name is not None}
        args = tuple(tensor for name, tensor in zip(self._names, tensors, strict=True) if name is None)
        inputs = Inputs((named,)) if self._one_mapping else Inputs(args, named or None)
        return tuple(part.tensor for part in self._subject.parts(self._subject.run(inputs)))


def crosscheck(model: nn.Module, shapes: ModelShapes, *, adapter: str | None = None) -> tuple[str, ...]:
    """One note per output axis on which the fitted law and torch.export disagree, else one that they agree.

    A copy of the model is exported, without its data where that succeeds; the model is not changed.
    """
    spec = parse_spec(shapes.input)
    failure = ""
    for how in (How.META, How.REAL):
        try:
            program = _program(Ghost(model, how), spec, shapes, adapter)
            expected, letters = _symbolic(program), _letters(program, spec)
            break
        except Exception as error:  # whatever it does not support
            failure = f"{type(error).__name__}: {(str(error).strip().splitlines() or [''])[0]}"
    else:
        return (f"{_NAME} failed: {failure}",)
    if len(expected) != len(shapes.outputs):
        return (f"{_NAME} gives {len(expected)} outputs, the model {len(shapes.outputs)}",)
    notes = []
    compared = 0
    for output, axes in zip(shapes.outputs, expected, strict=True):
        for position, (law, size) in enumerate(zip(output.axes, axes, strict=False)):
            if law != NOT_A_LAW:
                compared += 1
                notes += _compared(f"{output.path} axis {position}", law, size, letters, shapes)
    return tuple(notes) or (f"{_NAME} agrees on all {compared} axes of the outputs",)


def _program(ghost: Ghost, spec: Spec, shapes: ModelShapes, adapter: str | None) -> Any:
    flat = _Flat(adapt(ghost.module, adapter), tuple(each.name for each in spec.inputs), spec.one_mapping)
    with ghost.entered():
        drawn = [tensor for _, tensor in spec.draw(shapes.sizes, ghost.dtype, ghost.device).tensors()]
    dynamic = tuple(
        {axis: torch.export.Dim.AUTO for axis, size in enumerate(each.axes) if isinstance(size, str)}
        for each in spec.inputs
    )
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        return torch.export.export(flat, tuple(drawn), dynamic_shapes=(dynamic,), strict=False)


def _compared(where: str, law: str, size: Any, letters: Mapping[Any, str], shapes: ModelShapes) -> list[str]:
    for factor in (1, 2, 3):
        sizes = {symbol: size * factor for symbol, size in shapes.sizes.items()}
        got = _at(size, letters, sizes)
        if got is not None and got != evaluate(law, sizes):
            words = " ".join(f"{symbol}={value}" for symbol, value in sizes.items())
            return [f"{_NAME} disagrees: {where} is {got} at {words}, the law {law} says {evaluate(law, sizes)}"]
    return []


def _at(size: Any, letters: Mapping[Any, str], sizes: Mapping[str, int]) -> int | None:
    """The size at these sizes of the inputs; None where it depends on something else, such as what was drawn."""
    if isinstance(size, int):
        return size
    expression = size.node.expr
    values = {symbol: sizes[letters[symbol]] for symbol in expression.free_symbols if symbol in letters}
    result = expression.subs(values)
    return int(result) if result.is_number else None


def _symbolic(program: Any) -> list[tuple[Any, ...]]:
    (output,) = [node for node in program.graph.nodes if node.op == "output"]
    return [tuple(each.meta["val"].shape) for each in output.args[0]]


def _letters(program: Any, spec: Spec) -> dict[Any, str]:
    """Which letter of the specification each symbol of the exported program is."""
    names = list(program.graph_signature.user_inputs)
    values = [node.meta["val"] for node in program.graph.nodes if node.op == "placeholder" and node.name in names]
    found: dict[Any, str] = {}
    for each, value in zip(spec.inputs, values, strict=True):
        for axis, size in zip(each.axes, value.shape, strict=True):
            if isinstance(axis, str) and not isinstance(size, int):
                found[size.node.expr] = axis
    return found
