"""One latent's heads and what a loss has of them, run again at heads of one's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from vae_checked.auditor.measure.kl_fit import Drawn
from vae_checked.auditor.recognition.latents import Latent
from vae_checked.auditor.recognition.recognition import Recognition
from vae_checked.auditor.recording.replay import replay
from vae_checked.auditor.recording.tape import Tape
from vae_checked.facts import Parametrisation
from vae_checked.mathematics.gaussians import std_at

_POINTS = (-1.0, 0.0, 2.0)
_POINTS_POSITIVE = (0.25, 1.0, 4.0)


@dataclass(frozen=True, slots=True)
class Term:
    """One latent's heads, noise and loss by their numbers, and the values that stay as recorded meanwhile."""

    seen: Recognition
    latent: Latent
    mu: int
    second: int
    total: int
    positive: bool
    held: dict[int, Tensor]

    @property
    def tape(self) -> Tape:
        """What was recorded."""
        return self.seen.run.tape

    def like(self, number: int, content: float) -> Tensor:
        """A tensor of one content in the shape of a value."""
        return torch.full_like(self.tape.values[number].tensor, content, requires_grad=False)

    def chosen(self, mu: Tensor, second: Tensor, eps: float) -> dict[int, Tensor]:
        """What a replay at these heads and this noise has in the place of recorded values."""
        noise = {number: self.like(number, eps) for number in self.latent.every_eps}
        return {self.mu: mu, self.second: second, **noise, **self.held}

    def drawn(self, seeds: Sequence[int]) -> list[Drawn | None]:
        """The gradients at heads drawn afresh, in single precision at least: half rounds small weights to nothing."""
        kinds = {n: self.tape.values[n].tensor.dtype for n in (self.mu, self.second)}
        single = {n: torch.promote_types(kind, torch.float32) for n, kind in kinds.items()}
        found = [self.gradients(*self.draw(seed, single)) for seed in seeds]
        if None in found and single != kinds:
            # Where weights of the model take part, they set the precision.
            found = [self.gradients(*self.draw(seed, kinds)) for seed in seeds]
        return found

    def draw(self, seed: int, kinds: Mapping[int, torch.dtype]) -> tuple[Tensor, Tensor]:
        """Both heads drawn afresh, in the precision given for each."""
        generator = torch.Generator().manual_seed(seed)
        found = []
        for number, low, high in ((self.mu, -2.0, 2.0), (self.second, *((0.3, 2.5) if self.positive else (-2.0, 2.0)))):
            recorded = self.tape.values[number].tensor
            drawn = low + (high - low) * torch.rand(recorded.shape, generator=generator, dtype=torch.float64)
            found.append(drawn.to(device=recorded.device, dtype=kinds[number]))
        return found[0], found[1]

    def gradients(self, mu: Tensor, second: Tensor) -> Drawn | None:
        """d loss / d heads, averaged over eps = +1 and -1; None where the loss cannot be run or is not finite."""
        sums = [torch.zeros_like(mu), torch.zeros_like(second)]
        for sign in (1.0, -1.0):
            leaves = mu.clone().requires_grad_(), second.clone().requires_grad_()
            try:
                total = replay(self.tape, self.chosen(*leaves, sign), (self.total,), grad=True)[self.total]
                if not total.requires_grad:
                    continue
                found = torch.autograd.grad(total.sum(), leaves, allow_unused=True)
            except (RuntimeError, ValueError):
                return None
            for place, gradient in enumerate(found):
                if gradient is not None:
                    sums[place] = sums[place] + 0.5 * gradient
        if not all(torch.isfinite(each).all() for each in sums):
            return None
        return Drawn(mu, second, sums[0], sums[1])

    def value(self, mu: float, second: float) -> float:
        """The loss with all heads alike, averaged over eps = +1 and -1."""
        found = 0.0
        for sign in (1.0, -1.0):
            heads = in_single(self.like(self.mu, mu)), in_single(self.like(self.second, second))
            chosen = self.chosen(*heads, sign)
            found += 0.5 * float(replay(self.tape, chosen, (self.total,))[self.total].double().sum())
        return found


def in_single(head: Tensor) -> Tensor:
    """A head in single precision at least."""
    return head.to(torch.promote_types(head.dtype, torch.float32))


def assumed(kind: Parametrisation, *, positive: bool) -> tuple[tuple[float, float], ...]:
    """(s, std) at a few heads for std s that are read so; `positive` where the head is."""
    return tuple((s, std_at(kind, s)) for s in (_POINTS_POSITIVE if positive else _POINTS))
