"""The inputs of an audit: given, declared by the model, or found by what its first layer takes."""

from __future__ import annotations

from typing import Any

from vae_checked.adapters import Subject
from vae_checked.auditor.draw import Source, likely_inputs, source_of
from vae_checked.auditor.record import run_model
from vae_checked.auditor.restore import Restored
from vae_checked.errors import ModelError


def inputs_for(subject: Subject, inputs: Any, data_range: tuple[float, float] | None) -> tuple[Source, str]:
    """Where inputs come from, and why, when nobody gave any; ModelError when nothing that is likely runs."""
    model = subject.model
    if inputs is not None:
        return source_of(inputs, model, data_range), ""
    if subject.declared_input is not None:
        source = source_of(subject.declared_input, model, data_range)
        return source, f"input {subject.declared_input!r}, as the model's configuration declares"
    example = getattr(model, "example_input_array", None)
    if example is not None:
        return source_of(example, model, data_range), "input: the model's own example_input_array"
    tried = likely_inputs(model)
    for spec, reason in tried:
        source = source_of(spec, model, data_range)
        try:
            with Restored(model):
                run_model(subject, source.draw(2, 0), training=False)
        except ModelError:
            continue
        return source, f"input {spec!r}: {reason}, and forward runs on it"
    words = ", ".join(repr(spec) for spec, _ in tried) or "no first layer tells its shape"
    raise ModelError(
        f"no input is known for {type(model).__name__} ({words}): give inputs=, a tensor or a specification "
        "such as 'B 3 64 64'"
    )
