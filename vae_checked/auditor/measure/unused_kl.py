"""The KL of a latent that is computed and leads nowhere, in a model whose loss has that of another latent."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from vae_checked.auditor.measure.kl import measure_kl
from vae_checked.auditor.recognition.latents import Latent
from vae_checked.auditor.recognition.recognition import Recognition
from vae_checked.facts import Interval, Origin

_MOST = 8


def unused_kl(seen: Recognition, latent: Latent, interval: Interval | None) -> Origin | None:
    """Where a KL of this latent is written that neither the loss nor anything returned or read follows from.

    One that is returned, or whose number is read, may be watched on purpose; what is dropped was meant for a loss.
    """
    if seen.total is None or latent.second is None:
        return None
    for end in _loose_ends(seen, latent, seen.total):
        measured = measure_kl(replace(seen, loss=replace(seen.loss, number=end)), latent, interval, with_values=False)
        form = None if measured is None else measured.form
        if (
            measured is not None
            and measured.weight is not None
            and form is not None
            and form.parametrisation is not None
        ):
            return measured.origin
    return None


def _loose_ends(seen: Recognition, latent: Latent, total: int) -> list[int]:
    """The numbers, or numbers per sample, that are made of both heads, and of which nothing is made."""
    graph, values = seen.graph, seen.run.tape.values
    returned = [number for part in seen.run.parts if (number := seen.run.number(part)) is not None]
    read: set[int] = {number for step in seen.run.tape.steps for number in step.inputs}
    used: set[int] = set().union(*(graph.ancestors(end) for end in (total, *returned)))
    made = [graph.descendants((head,), without=latent.every_z) for head in latent.heads]
    found = sorted(set(made[0]).intersection(*made[1:]) - used - read - set(latent.heads))
    sizes: Collection[int] = (1, seen.batch)
    return [n for n in found if values[n].tensor.is_floating_point() and values[n].tensor.numel() in sizes][:_MOST]
