"""One look at a model on a batch of real data, as thresholds ask for it: nothing is trained, nothing is changed."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from vae_checked.adapters import adapt
from vae_checked.auditor.inputs.source import source_of
from vae_checked.auditor.losses.flags import asked_for_loss
from vae_checked.auditor.losses.loss import find_loss
from vae_checked.errors import UsageError
from vae_checked.monitor.probe import Probed, probe


def probe_once(
    model: nn.Module,
    data: object,
    loss: Callable[..., object] | str | None = None,
    *,
    adapter: str | None = None,
    bind: str | None = None,
    forward: str | None = None,
) -> Probed:
    """What the model makes of this batch in evaluation; in training where it draws nothing there.

    data: a tensor, a tuple of them (what comes after the arguments of forward is left out, as labels), a dictionary,
    or a loader, whose first batch is taken.
    """
    subject, found_loss = adapt(model, adapter, forward), find_loss(model, loss, bind)
    if found_loss is None or found_loss.is_forward or not found_loss.given:
        subject = asked_for_loss(subject)
    method = getattr(model, forward or "forward")
    batch = _first_batch(data)
    if isinstance(batch, Sequence) and found_loss is not None and found_loss.runs(model):
        method = getattr(model, found_loss.name, method)
    source = source_of(_taken(batch, method), model, None)  # type: ignore[arg-type]  # what it is, is asked there
    if source.given is None:
        raise UsageError(f"data is {data!r}: give a batch of tensors")
    inputs = source.draw(source.batches(())[0], 0)
    found = probe(subject, inputs, found_loss, training=False)
    return found if found.variance else probe(subject, inputs, found_loss)


def _first_batch(data: object) -> object:
    """The batch, or the first one of a loader."""
    if isinstance(data, (Tensor, Mapping, Sequence)) or not isinstance(data, Iterable):
        return data
    first = next(iter(data), None)
    if first is None:
        raise UsageError("data is a loader that gives no batch")
    return first


def _taken(batch: object, method: Callable[..., Any]) -> object:
    """As many of a batch's tensors as the method takes by position."""
    if isinstance(batch, str) or not isinstance(batch, Sequence):
        return batch
    try:
        kinds = [each.kind for each in inspect.signature(method).parameters.values()]
    except (TypeError, ValueError):
        return batch
    if inspect.Parameter.VAR_POSITIONAL in kinds:
        return batch
    by_place = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return tuple(batch)[: sum(kind in by_place for kind in kinds)]
