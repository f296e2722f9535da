"""The labels that a conditional model takes beside its data, where nobody gave them: their number and their form."""

from __future__ import annotations

from collections.abc import Iterator

from torch import nn

from vae_checked.adapters import Subject
from vae_checked.mathematics.names import is_condition, words_of
from vae_checked.signatures import signature_of

_MOST_TRIED = 8
_OF_LABELS = frozenset("class classes label labels cond condition conditions cls y c attr attrs".split())
_COUNTS = frozenset("n num number dim dims size count nb".split())


def missing_labels(subject: Subject, given: int) -> tuple[str, ...]:
    """The arguments that forward needs beside the first `given`, where all are called like labels or conditions."""
    try:
        parameters = list(signature_of(getattr(subject.model, subject.method)).parameters.values())
    except (TypeError, ValueError, AttributeError):
        return ()
    needed = [p for p in parameters if p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    missing = tuple(p.name for p in needed[given:])
    return missing if all(name == "y" or is_condition(name) for name in missing) else ()


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
    for count in list(counts)[:_MOST_TRIED]:
        yield f"int<{count}> B"
        yield f"B {count}"
