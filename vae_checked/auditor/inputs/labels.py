"""The labels that a conditional model takes beside its data, where nobody gave them: their number and their form."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

from torch import nn

from vae_checked.adapters import Subject
from vae_checked.mathematics.names import is_condition, words_of
from vae_checked.signatures import signature_of

_MOST_TRIED = 8
_OF_LABELS = frozenset("class classes label labels cond condition conditions cls y c attr attrs".split())
_COUNTS = frozenset("n num number dim dims size count nb".split())


def missing_labels(subject: Subject, given: int) -> tuple[str, ...]:
    """The arguments that forward needs beside the first `given`, where all are called like labels or conditions.

    Where it needs no others, those that it may be without, as a conditional model has them whose class may be
    unconditional as well.
    """
    missing = tuple(p.name for p in needed_by(subject)[given:])
    if missing:
        return missing if all(map(_is_label, missing)) else ()
    optional = [p for p in _parameters(subject)[given:] if p.default is None and _is_label(p.name)]
    return tuple(p.name for p in optional[:1])


def needed_by(subject: Subject) -> list[inspect.Parameter]:
    """What forward needs by place, but for the device, which is known."""
    return [p for p in _parameters(subject) if p.default is p.empty and p.name != "device"]


def _parameters(subject: Subject) -> list[inspect.Parameter]:
    try:
        parameters = signature_of(getattr(subject.model, subject.method)).parameters.values()
    except (TypeError, ValueError, AttributeError):
        return []
    return [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]


def _is_label(name: str) -> bool:
    return name == "y" or is_condition(name)


def likely_labels(model: nn.Module, features: int | None) -> Iterator[str]:
    """Specifications of one label a sample, the likeliest first; `features` are those of a row of data."""
    counts: dict[int, None] = {}
    for module in model.modules():
        if isinstance(module, nn.Embedding):
            counts[module.num_embeddings] = None
    for module in model.modules():
        for name, value in vars(module).items():
            words = set(words_of(name))
            if type(value) is int and value > 1 and words & _OF_LABELS and words <= _OF_LABELS | _COUNTS:
                counts[value] = None
    if features is not None:
        for module in model.modules():
            if isinstance(module, nn.Linear) and module.in_features > features:
                counts[module.in_features - features] = None
    # A condition that the model was built without is taken, and of no use.
    for count in list(counts)[:_MOST_TRIED] or [1]:
        yield f"int<{count}> B"
        yield f"B {count}"
