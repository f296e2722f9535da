"""The inputs of an audit: given, declared by the model, or found by what its first layer takes."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from torch import Tensor, nn
from torch.utils import _pytree as pytree

from vae_checked.adapters import Inputs, Subject
from vae_checked.auditor.inputs.labels import likely_labels, missing_labels, needed_by
from vae_checked.auditor.inputs.source import GivenInputs, Source, likely_inputs, source_of, with_sizes
from vae_checked.auditor.recording.run import output_alone, run_model
from vae_checked.auditor.restoring.restored import Restored
from vae_checked.errors import ModelError, UsageError
from vae_checked.input_spec import parse_spec
from vae_checked.laws.seeding import seed_draws
from vae_checked.shapes import ModelShapes, accepted_range, condition, distinct_sizes, infer
from vae_checked.shapes.spec import guess_spec

_BATCH = 2
_MOST_SIZES_TRIED = 4


@dataclass(frozen=True, slots=True)
class _Tried:
    """The model that is run to see what it takes, in a block that puts it back, and the seed that was set there.

    `refusals` are what it raised, in its own words.
    """

    subject: Subject
    restored: Restored
    seed: int
    refusals: list[str] = field(default_factory=list)

    def outputs(self, source: Source, batches: Iterable[int]) -> list[object]:
        """What comes of so many samples each, up to the first that fails.

        The model is the same before each of them, and afterwards all is as it was: what is drawn next as well.
        """
        made: list[object] = []
        try:
            with suppress(ModelError):
                for batch in batches:
                    if made:
                        self.restored.again()
                    made.append(self._output(source.draw(batch, 0)))
        finally:
            self.restored.anew()
            seed_draws(self.seed)
        return made

    def _output(self, inputs: Inputs) -> object:
        try:
            return output_alone(self.subject, inputs)
        except ModelError as error:
            self.refusals.append(str(error))
            self.restored.again()
            return run_model(self.subject, inputs, training=False).output

    def runs_on(self, source: Source, batch: int = _BATCH) -> bool:
        """Whether something comes of so many samples."""
        return bool(self.outputs(source, (batch,)))


def inputs_for(
    subject: Subject,
    inputs: GivenInputs | None,
    data_range: tuple[float, float] | None,
    restored: Restored,
    seed: int,
) -> tuple[Source, str]:
    """Where inputs come from, and why, when nobody gave any; ModelError when nothing that is likely runs.

    The model is run in a block in which it is `restored` and the `seed` is set, and both are so afterwards.
    """
    model, trial = subject.model, _Tried(subject, restored, seed)
    if inputs is not None:
        source = source_of(inputs, model, data_range)
        labelled = _with_labels(trial, source, inputs, data_range)
        if labelled is not None:
            return labelled
        return _of_accepted_sizes(trial, inputs, source, data_range) if isinstance(inputs, str) else (source, "")
    if subject.declared_input is not None:
        source = source_of(subject.declared_input, model, data_range)
        return source, f"input {subject.declared_input!r}, as the model's configuration declares"
    example = getattr(model, "example_input_array", None)
    if example is not None:
        return source_of(example, model, data_range), "input: the model's own example_input_array"
    tried = likely_inputs(model)
    if missing_labels(subject, 1):
        tried = (*tried, *_rows_that_come_out(model))
    other: tuple[Source, str] | None = None
    for spec, reason in tried:
        source = source_of(spec, model, data_range)
        made = trial.outputs(source, (_BATCH,))
        if not made:
            labelled = _with_labels(trial, source, spec, data_range)
            if labelled is not None:
                return labelled[0], f"{labelled[1]}, and {reason}"
            continue
        shaped = _shape_of_output(made[0], spec)
        if shaped is not None and trial.runs_on(source_of(shaped, model, data_range)):
            source = source_of(shaped, model, data_range)
            return source, f"input {shaped!r}: {reason}, so many has an output of this shape, and forward runs on it"
        # One row of features is what the first layer takes; of an image it tells the channels alone.
        guessed = replace(source, open_sizes=source.open_sizes or len(spec.split()) > 2)
        chosen, why = _of_accepted_sizes(trial, spec, guessed, data_range)
        found = chosen, why or f"input {spec!r}: {reason}, and forward runs on it"
        if not _comes_back_at_another_size(made[0], source):
            return found
        other = other or found
    with suppress(UsageError):
        text = guess_spec(model)
        source = source_of(text, model, data_range)
        chosen, why = _of_accepted_sizes(trial, text, source, data_range)
        if why and (other is None or _comes_back(trial, chosen)):
            return chosen, f"{why}, and {tried[0][1]}"
    if other is not None:
        return other
    raise ModelError(_no_input(trial, [spec for spec, _ in tried]))


def _no_input(trial: _Tried, specs: Sequence[str]) -> str:
    """Which inputs were tried, what the model said to the first of them, and what it takes."""
    subject = trial.subject
    names = [each.name for each in needed_by(subject)]
    words = ", ".join(map(repr, dict.fromkeys(specs))) or "no first layer tells its shape"
    said = f"; {trial.refusals[0]} on the first of them" if trial.refusals and specs else ""
    takes, example = "", "B 3 64 64"
    if len(names) > 1:
        takes = f"; it takes {', '.join(names)}"
        likely = next((spec for spec in specs if spec.startswith("int")), specs[0] if specs else example)
        example = ", ".join([f"{names[0]}: {likely}", *(f"{name}: B 5" for name in names[1:])])
    return (
        f"no input is known for {type(subject.model).__name__} ({words}{said}{takes}): give inputs=, a tensor or a "
        f"specification such as {example!r}"
    )


def _comes_back(trial: _Tried, source: Source) -> bool:
    """Whether the model gives something of the sizes that it takes."""
    made = trial.outputs(source, (_BATCH,))
    return bool(made) and not _comes_back_at_another_size(made[0], source)


def _comes_back_at_another_size(output: object, source: Source) -> bool:
    """Whether an output has the axes of the input, with as many channels, and none has its sizes."""
    x = source.draw(_BATCH, 0).tensors()[0][1]
    shapes = [leaf.shape for leaf in pytree.tree_leaves(output) if isinstance(leaf, Tensor)]
    alike = [shape for shape in shapes if len(shape) == x.dim() > 2 and shape[:2] == x.shape[:2]]
    return bool(alike) and x.shape not in alike


def _with_labels(
    trial: _Tried, source: Source, spec: GivenInputs, data_range: tuple[float, float] | None
) -> tuple[Source, str] | None:
    """The inputs with the labels that forward takes beside them, where it runs on such; None where none are missing."""
    if not isinstance(spec, str) or source.one_mapping or any(shape.name is not None for shape in source.shapes):
        return None
    subject = trial.subject
    names = missing_labels(subject, len(source.shapes))
    if not names:
        return None
    if len(needed_by(subject)) <= len(source.shapes) and trial.runs_on(source):
        # It may be without them: a label that is put in would lead another way through it than was asked for.
        return None
    sizes = [axis for axis in source.shapes[0].axes if axis is not None]
    for label in likely_labels(subject.model, math.prod(sizes) if sizes else None):
        whole = ", ".join([f"{subject.takes[0]}: {spec}", *(f"{name}: {label}" for name in names)])
        found = source_of(whole, subject.model, data_range)
        if trial.runs_on(found):
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
    trial: _Tried, text: str, source: Source, data_range: tuple[float, float] | None
) -> tuple[Source, str]:
    """The source whose letters and batch stand for sizes that the model takes and gives back, and what is said of it.

    The source as it is where the model takes its sizes, or where no sizes are known that it takes.
    """
    subject = trial.subject
    made = trial.outputs(source, source.batches(()))
    runs = len(made) == 2
    if runs and _gives_back(made[0], source, text):
        return source, ""
    try:
        shapes = infer(subject.model, text, loss=False, adapter=subject.adapters[0].name, forward=subject.method)
    except (ModelError, UsageError):
        return source, ""
    if runs and not condition(shapes):
        return source, ""
    batch = parse_spec(text).batch
    any_number = batch is None or shapes.accepted[batch] == (1, None, 1)
    batches = None if batch is None or any_number else accepted_range(shapes, batch)
    for sizes in itertools.islice(distinct_sizes(shapes), _MOST_SIZES_TRIED):
        found = replace(
            source_of(with_sizes(shapes.input, sizes), subject.model, data_range),
            open_sizes=source.open_sizes,
            batch=source.batch,
            accepted_batches=batches,
        )
        if trial.runs_on(found, found.batches(())[0]):
            said = ", ".join(f"{letter}={size}" for letter, size in sizes.items())
            return found, f"input {text!r}{f' with {said}' if said else ''}: {_why_these(shapes, batch, found)}"
    return source, ""


def _why_these(shapes: ModelShapes, batch: str | None, source: Source) -> str:
    """What the sizes of `source` keep to, in words."""
    reasons = [f"given back where {condition(shapes)}"] if condition(shapes) else []
    if batch is not None and source.accepted_batches is not None:
        low, high, step = shapes.accepted[batch]
        rules = [f"{batch} % {step} == {low % step}"] if step > 1 else [f"{batch} >= {low}"] if low > 1 else []
        rules += [f"{batch} <= {high}"] if high is not None else []
        reasons.append(f"taken where {f'{batch} == {low}' if low == high else ' and '.join(rules)}")
    return ", ".join(reasons) or "these are taken"


def _gives_back(output: object, source: Source, text: str) -> bool:
    """Whether no output of the run is like its input but for the sizes of letters."""
    axes = parse_spec(text).inputs[0].axes
    fixed = [position for position, axis in enumerate(axes) if position == 0 or isinstance(axis, int)]
    if len(fixed) == len(axes):
        return True
    x = source.draw(source.batches(())[0], 0).tensors()[0][1]
    outputs = [leaf.shape for leaf in pytree.tree_leaves(output) if isinstance(leaf, Tensor)]
    alike = [shape for shape in outputs if len(shape) == x.dim() and all(shape[i] == x.shape[i] for i in fixed)]
    return x.shape in alike or not alike


def _shape_of_output(output: object, spec: str) -> str | None:
    """For a row of features: the shape of an output with as many elements, which may be the reconstruction's."""
    sizes = spec.split()[1:]
    if len(sizes) > 1:
        return None
    for leaf in pytree.tree_leaves(output):
        if isinstance(leaf, Tensor) and leaf.dim() > 2 and leaf.shape[0] == _BATCH:
            shape = leaf.shape[1:]
            if math.prod(shape) == int(sizes[0]):
                return " ".join(["B", *map(str, shape)])
    return None
