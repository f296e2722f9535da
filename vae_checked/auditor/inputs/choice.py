"""The inputs of an audit: given, declared by the model, or found by what its first layer takes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from torch import Tensor, nn
from torch.utils import _pytree as pytree

from vae_checked.adapters import Subject
from vae_checked.auditor.inputs.labels import likely_labels, missing_labels
from vae_checked.auditor.inputs.source import GivenInputs, Source, likely_inputs, source_of, with_sizes
from vae_checked.auditor.recording.run import Run, run_model
from vae_checked.auditor.restoring.restored import Restored
from vae_checked.errors import ModelError

_BATCH = 2
# The sizes that a model with strides takes: halved as often as it does that.
_MULTIPLES = (2, 4, 8, 16, 32, 64)


def inputs_for(
    subject: Subject, inputs: GivenInputs | None, data_range: tuple[float, float] | None
) -> tuple[Source, str]:
    """Where inputs come from, and why, when nobody gave any; ModelError when nothing that is likely runs."""
    model = subject.model
    if inputs is not None:
        source = source_of(inputs, model, data_range)
        labelled = _with_labels(subject, source, inputs, data_range)
        if labelled is not None:
            return labelled
        if isinstance(inputs, str) and source.open_sizes:
            return _of_accepted_sizes(subject, inputs, source, data_range)
        return source, ""
    if subject.declared_input is not None:
        source = source_of(subject.declared_input, model, data_range)
        return source, f"input {subject.declared_input!r}, as the model's configuration declares"
    example = getattr(model, "example_input_array", None)
    if example is not None:
        return source_of(example, model, data_range), "input: the model's own example_input_array"
    tried = likely_inputs(model)
    if missing_labels(subject, 1):
        tried = (*tried, *_rows_that_come_out(model))
    for spec, reason in tried:
        source = source_of(spec, model, data_range)
        run = _run(subject, source)
        if run is None:
            labelled = _with_labels(subject, source, spec, data_range)
            if labelled is not None:
                return labelled[0], f"{labelled[1]}, and {reason}"
            continue
        shaped = _shape_of_output(run, spec)
        if shaped is not None and _run(subject, source_of(shaped, model, data_range)) is not None:
            source = source_of(shaped, model, data_range)
            return source, f"input {shaped!r}: {reason}, so many has an output of this shape, and forward runs on it"
        # One row of features is what the first layer takes; of an image it tells the channels alone.
        guessed = replace(source, open_sizes=source.open_sizes or len(spec.split()) > 2)
        return guessed, f"input {spec!r}: {reason}, and forward runs on it"
    words = ", ".join(repr(spec) for spec, _ in tried) or "no first layer tells its shape"
    raise ModelError(
        f"no input is known for {type(model).__name__} ({words}): give inputs=, a tensor or a specification "
        "such as 'B 3 64 64'"
    )


def _with_labels(
    subject: Subject, source: Source, spec: GivenInputs, data_range: tuple[float, float] | None
) -> tuple[Source, str] | None:
    """The inputs with the labels that forward takes beside them, where it runs on such; None where none are missing."""
    if not isinstance(spec, str) or source.one_mapping or any(shape.name is not None for shape in source.shapes):
        return None
    names = missing_labels(subject, len(source.shapes))
    if not names:
        return None
    sizes = [axis for axis in source.shapes[0].axes if axis is not None]
    for label in likely_labels(subject.model, math.prod(sizes) if sizes else None):
        whole = ", ".join([f"{subject.takes[0]}: {spec}", *(f"{name}: {label}" for name in names)])
        found = source_of(whole, subject.model, data_range)
        if _run(subject, found) is not None:
            return found, f"input {whole!r}: forward takes {', '.join(names)} as well, and runs on it"
    return None


def _rows_that_come_out(model: nn.Module) -> tuple[tuple[str, str], ...]:
    """The rows of features that the last layer makes: what goes in beside a label is as large."""
    layers = [(name, layer) for name, layer in model.named_modules() if isinstance(layer, nn.Linear)]
    if not layers:
        return ()
    name, last = layers[-1]
    return ((f"B {last.out_features}", f"{name} makes {last.out_features} features"),)


def _of_accepted_sizes(
    subject: Subject, spec: str, source: Source, data_range: tuple[float, float] | None
) -> tuple[Source, str]:
    """The source whose letters stand for sizes that the model gives back, as multiples of 2, 4, ..., and what is said.

    The source as it is where the model takes its sizes, or none of the others either.
    """
    others = []
    for multiple in _MULTIPLES:
        chosen, sizes = with_sizes(spec, multiple)
        others.append((replace(source_of(chosen, subject.model, data_range), open_sizes=True), multiple, sizes))
    pairs = zip(source.shapes[0].axes, others[0][0].shapes[0].axes, strict=True)
    fixed = [axis for axis, (one, other) in enumerate(pairs) if one == other]
    if _gives_back(subject, source, fixed):
        return source, ""
    for other, multiple, sizes in others:
        if _gives_back(subject, other, fixed):
            said = ", ".join(f"{letter}={size}" for letter, size in sizes.items())
            return (
                other,
                f"input {spec!r} with {said}: at sizes that are no multiples of {multiple} it is not given back",
            )
    return source, ""


def _gives_back(subject: Subject, source: Source, fixed: Sequence[int]) -> bool:
    """Whether the model runs, and no output is like the input but for sizes outside the axes `fixed`."""
    run = _run(subject, source)
    if run is None:
        return False
    x = source.draw(_BATCH, 0).tensors()[0][1]
    outputs = [leaf.shape for leaf in pytree.tree_leaves(run.output) if isinstance(leaf, Tensor)]
    alike = [shape for shape in outputs if len(shape) == x.dim() and all(shape[i] == x.shape[i] for i in fixed)]
    return x.shape in alike or not alike


def _run(subject: Subject, source: Source) -> Run | None:
    try:
        with Restored(subject.model):
            return run_model(subject, source.draw(_BATCH, 0), training=False)
    except ModelError:
        return None


def _shape_of_output(run: Run, spec: str) -> str | None:
    """For a row of features: the shape of an output with as many elements, which may be the reconstruction's."""
    sizes = spec.split()[1:]
    if len(sizes) > 1:
        return None
    for leaf in pytree.tree_leaves(run.output):
        if isinstance(leaf, Tensor) and leaf.dim() > 2 and leaf.shape[0] == _BATCH:
            shape = leaf.shape[1:]
            if math.prod(shape) == int(sizes[0]):
                return " ".join(["B", *map(str, shape)])
    return None
