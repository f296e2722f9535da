"""The posteriors of a run: each sample with the mean and the head from which its location and its std follow."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import torch

from vae_checked.auditor.recognition.graph import Graph
from vae_checked.auditor.recognition.samples import Sample, draws_of, pattern, tolerance
from vae_checked.auditor.recording.replay import ReplayError, replay
from vae_checked.auditor.recording.tape import Draw, Tape

_MOST_SAMPLES = 3


@dataclass(frozen=True, slots=True)
class Latent:
    """One latent by the numbers of its values.

    `location` is what z is without noise, and `mu` the head that it follows from, nearly always the same; `std` is what
    multiplies `eps`, None where none follows from the input, `second` the head of which it is a function, and `root`
    where that function's elementwise stretch begins. `draws` feed eps. `samples` are the (z, eps) of further samples of
    the same posterior.
    """

    z: int
    eps: int
    location: int
    mu: int
    std: int | None
    second: int | None
    root: int | None
    draws: tuple[Draw, ...]
    samples: tuple[tuple[int, int], ...] = ()

    @property
    def every_z(self) -> tuple[int, ...]:
        """z and the further samples."""
        return (self.z, *(z for z, _ in self.samples))

    @property
    def every_eps(self) -> tuple[int, ...]:
        """The noise of z and of the further samples."""
        return (self.eps, *(eps for _, eps in self.samples))

    def every_sample(self, tape: Tape) -> tuple[Latent, ...]:
        """The posterior by each of its samples."""
        others = (
            replace(self, z=z, eps=eps, draws=draws_of(tape, eps), samples=())
            for z, eps in self.samples[:_MOST_SAMPLES]
        )
        return (self, *others)

    @property
    def means(self) -> tuple[int, ...]:
        """mu, and what z is without noise."""
        return (self.mu, self.location)

    @property
    def heads(self) -> tuple[int, ...]:
        """mu, and the head for std where there is one."""
        return (self.mu,) if self.second is None else (self.mu, self.second)


def latents_of(graph: Graph, samples: Sequence[Sample], outputs: Collection[int], total: int | None) -> list[Latent]:
    """The posteriors of `samples`, each once, by the first of its samples that anything follows from.

    A head is the latest value from which location or std follows elementwise and through which goes whatever judges it
    beside z: the loss `total`, or what the model returns where the loss takes nothing but z. A std that nothing judges
    is itself the head, unless it is the exponential of another value, as of a log variance.
    """
    every_z = [sample.z for sample in samples]
    ends = (*outputs, *(() if total is None else (total,)))
    before_ends: set[int] = set().union(*(graph.ancestors(end) for end in ends))
    by_heads: dict[tuple[int, int | None], list[Latent]] = {}
    for sample in samples:
        found = _with_heads(graph, sample, every_z, outputs, total)
        by_heads.setdefault((found.mu, found.second), []).append(found)
    latents: list[Latent] = []
    for alike in by_heads.values():
        used = [each for each in alike if each.z in before_ends] or alike
        latents.append(replace(used[0], samples=tuple((each.z, each.eps) for each in used[1:])))
    return latents


def _with_heads(
    graph: Graph, sample: Sample, every_z: Collection[int], outputs: Collection[int], total: int | None
) -> Latent:
    location, std = sample.location, sample.std
    if std is None:
        return Latent(sample.z, sample.eps, location, location, None, None, None, sample.draws)

    def judges(begins: Collection[int], closed: Collection[int]) -> list[int]:
        """What follows from `begins` by another way than the values `closed`."""
        reached = graph.descendants(begins, without=closed)
        return (
            [total] if total is not None and total in reached else [number for number in outputs if number in reached]
        )

    past_of_std, begins = graph.elementwise_past(std)
    root = next(iter(begins)) if len(begins) == 1 else None
    closed = {*every_z, *({location} - past_of_std)}
    judged_by = judges(begins, closed)
    second = graph.waists(std, judged_by, closed=closed)[0] if judged_by else _unjudged_head(graph, std, past_of_std)
    past_of_mu, begins = graph.elementwise_past(location)
    closed = {*every_z, *({std, second} - past_of_mu)}
    through = graph.waists(location, judges(begins, closed), closed=closed)
    shape = graph.tape.values[second].tensor.shape
    alike = [number for number in through if graph.tape.values[number].tensor.shape == shape]
    mu = (alike or through)[0]
    return Latent(sample.z, sample.eps, location, mu, std, second, root, sample.draws)


def _unjudged_head(graph: Graph, std: int, past: set[int]) -> int:
    """The earliest value in the elementwise `past` of std of which that is exp(s / 2) or exp(s); std where none is."""
    tape = graph.tape
    for number in sorted(past - {std}):
        recorded = tape.values[number].data
        s = 2.0 * pattern(recorded.shape, recorded.dtype, recorded.device)
        try:
            found = replay(tape, {number: s}, (std,))[std]
        except ReplayError:
            continue
        close = 8.0 * tolerance(found.dtype)
        if found.shape == s.shape and any(torch.allclose(found, (c * s).exp(), close, close) for c in (0.5, 1.0)):
            return number
    return std
