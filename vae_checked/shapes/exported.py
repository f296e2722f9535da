"""Compares fitted formulas with the symbolic shapes that torch.export derives; where it fails, that is all it says."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from vae_checked.adapters import Inputs, Subject, adapt
from vae_checked.input_spec import Spec
from vae_checked.shapes.formula import NO_FORMULA, evaluate
from vae_checked.shapes.ghost import Ghost, How
from vae_checked.shapes.model import RANK_VARIES, ModelShapes
from vae_checked.shapes.spec import draw, varied_spec

_NAME = "torch.export"
_PLACES = 24


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
    """One note per output axis on which the fitted formula and torch.export disagree, else one that they agree.

    They are compared at accepted sizes of many remainders; where they disagree, the note says what a pass gives there.
    A copy of the model is exported, without its data where that succeeds; the model is not changed.
    """
    if not hasattr(torch.export.Dim, "AUTO"):
        return (f"{_NAME} is not compared: that of torch {torch.__version__} cannot leave an axis open (Dim.AUTO)",)
    spec = varied_spec(shapes.input)
    failure = ""
    for how in (How.META, How.REAL):
        try:
            exported = _Exported(Ghost(model, how), spec, shapes.sizes, adapter)
            break
        except Exception as error:  # whatever it does not support
            failure = f"{type(error).__name__}: {(str(error).strip().splitlines() or [''])[0]}"
    else:
        return (f"{_NAME} failed: {failure}",)
    if len(exported.outputs) != len(shapes.outputs):
        return (f"{_NAME} gives {len(exported.outputs)} outputs, the model {len(shapes.outputs)}",)
    notes: list[str] = []
    compared = 0
    for number, output in enumerate(shapes.outputs):
        for axis, (formula, size) in enumerate(zip(output.axes, exported.outputs[number], strict=False)):
            if formula not in (NO_FORMULA, *RANK_VARIES):
                compared += 1
                notes += _compared(exported, (number, axis), formula, size, shapes)
    return tuple(notes) or (f"{_NAME} agrees on all {compared} axes of the outputs",)


class _Exported:
    """A model exported with every letter of its specification left open, and the symbolic shapes of its outputs."""

    def __init__(self, ghost: Ghost, spec: Spec, sizes: Mapping[str, int], adapter: str | None) -> None:
        self.ghost, self.spec = ghost, spec
        names = tuple(each.name for each in spec.inputs)
        self.flat = _Flat(adapt(ghost.module, adapter), names, spec.one_mapping)
        dynamic = tuple(
            {axis: torch.export.Dim.AUTO for axis, size in enumerate(each.axes) if isinstance(size, str)}
            for each in spec.inputs
        )
        drawn = self._drawn(sizes)
        with warnings.catch_warnings(), torch.no_grad(), _silent():
            warnings.simplefilter("ignore")
            program = torch.export.export(self.flat, drawn, dynamic_shapes=(dynamic,), strict=False)
        self.outputs, self.letters = _symbolic(program), _letters(program, spec)

    def _drawn(self, sizes: Mapping[str, int]) -> tuple[Tensor, ...]:
        with self.ghost.entered():
            inputs = draw(self.spec, sizes, self.ghost.dtype, self.ghost.device)
        return tuple(tensor for _, tensor in inputs.tensors())

    def passed(self, sizes: Mapping[str, int]) -> list[tuple[int, ...]]:
        """The shapes that a pass gives at these sizes; none where it raises."""
        try:
            drawn = self._drawn(sizes)
            with self.ghost.entered():
                return [tuple(tensor.shape) for tensor in self.flat(*drawn)]
        except Exception:  # what a model does not accept raises anything
            return []


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """In the block nothing is printed or logged: of an export that fails torch shows the whole graph."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        logging.disable(before)


def _compared(
    exported: _Exported, where: tuple[int, int], formula: str, size: Any, shapes: ModelShapes
) -> Iterator[str]:
    number, axis = where
    for sizes in _places(shapes):
        got, said = _at(size, exported.letters, sizes), evaluate(formula, sizes)
        if got is not None and got != said:
            words = " ".join(f"{symbol}={value}" for symbol, value in sizes.items())
            given = exported.passed(sizes)
            truth = f", a pass gives {given[number][axis]}" if given else ""
            place = f"{shapes.outputs[number].path} axis {axis}"
            yield f"{_NAME} disagrees: {place} is {got} at {words}, the formula {formula} says {said}{truth}"
            return


def _places(shapes: ModelShapes) -> Iterator[dict[str, int]]:
    """Accepted sizes of many remainders, the first of them where the probing began."""
    for count in range(_PLACES):
        sizes = {}
        for place, (symbol, base) in enumerate(shapes.sizes.items()):
            low, high, step = shapes.accepted.get(symbol, (base, base, 1))
            moved = base + count * (2 * place + 1) * step
            sizes[symbol] = moved if high is None else low + (moved - low) % (high - low + step)
        yield sizes


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
