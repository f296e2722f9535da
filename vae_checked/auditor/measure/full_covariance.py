"""The KL of a posterior with a full covariance to N(0, I), by its values at several heads.

The covariance is that of the sampler, whatever the head for std is: z is run at no noise and at one unit of each.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from vae_checked.auditor.measure.kl_fit import CLOSE
from vae_checked.auditor.measure.kl_term import Term
from vae_checked.auditor.recording.replay import replay
from vae_checked.auditor.recording.tape import Tape

_DRAWS = 6
_MOST = 64  # latents: each costs a run


@dataclass(frozen=True, slots=True)
class FullKL:
    """The weight of the KL in the loss, one number for all samples, and whether it is that of prior to posterior."""

    weight: float
    is_reversed: bool


def full_covariance_kl(term: Term) -> FullKL | None:
    """The KL that the loss has of the covariance that z is drawn with; None where it has none, or it is not seen."""
    size = term.tape.values[term.mu].tensor.shape
    if len(size) != 2 or size[1] > _MOST or len(term.latent.every_z) != 1:
        return None
    totals: list[float] = []
    kls: list[tuple[float, float]] = []
    for seed in range(_DRAWS):
        chosen = _heads(term, seed)
        try:
            factors = _factors(term, chosen)
            found = replay(term.tape, {**chosen, **term.held}, (term.total,))[term.total]
        except (RuntimeError, ValueError):
            return None
        if factors is None:
            return None
        kls.append(_kls(chosen[term.mu].double(), factors))
        totals.append(float(found.double().sum()))
    if not all(map(math.isfinite, (*totals, *(each for pair in kls for each in pair)))):
        return None
    for is_reversed in (False, True):
        weight = _weight([pair[is_reversed] for pair in kls], totals)
        if weight is not None:
            return FullKL(weight, is_reversed)
    return None


def _heads(term: Term, seed: int) -> dict[int, Tensor]:
    """Means drawn afresh, and what the head for std is made of with its entries scaled: a triangle stays one."""
    generator = torch.Generator().manual_seed(seed)
    number = _made_of(term)
    mu, second = term.tape.values[term.mu].data, term.tape.values[number].data
    drawn = 4.0 * torch.rand(mu.shape, generator=generator, dtype=torch.float64) - 2.0
    scaled = 0.6 + 1.2 * torch.rand(second.shape, generator=generator, dtype=torch.float64)
    return {number: second * scaled.to(second), term.mu: drawn.to(mu)}


def _made_of(term: Term) -> int:
    """What the last layer before the head for std gives: the KL may read a part of it before a triangle does."""
    before = term.seen.graph.ancestors(term.second)
    layers = (
        number
        for step in reversed(term.tape.steps)
        if any(term.tape.values[n].sources == Tape.PARAMETER for n in step.inputs)
        for number in step.outputs
    )
    return next((number for number in layers if number in before and number != term.mu), term.second)


def _factors(term: Term, chosen: dict[int, Tensor]) -> Tensor | None:
    """Per sample the matrix by which noise becomes z, a column for each latent; None where noise has another size."""
    tape, z = term.tape, term.latent.z
    batch, count = tape.values[term.mu].tensor.shape
    (eps, *others) = term.latent.every_eps
    noise = tape.values[eps].tensor
    if others or noise.numel() != batch * count or tape.values[z].tensor.numel() != batch * count:
        return None

    def drawn(latent: int | None) -> Tensor:
        unit = torch.zeros(batch, count, dtype=noise.dtype, device=noise.device)
        if latent is not None:
            unit[:, latent] = 1.0
        return replay(tape, {**chosen, eps: unit.view(noise.shape)}, (z,))[z].double().reshape(batch, count)

    still = drawn(None)
    return torch.stack([drawn(latent) - still for latent in range(count)], 2)


def _kls(mu: Tensor, factors: Tensor) -> tuple[float, float]:
    """KL(q || N(0, I)) and KL(N(0, I) || q), each summed over the samples."""
    covariance = factors @ factors.transpose(1, 2)
    count, log_det = mu.shape[1], torch.linalg.slogdet(covariance).logabsdet
    trace = covariance.diagonal(dim1=1, dim2=2).sum(1)
    forward = 0.5 * (trace + mu.square().sum(1) - count - log_det)
    inverse = torch.linalg.pinv(covariance)
    away = (mu.unsqueeze(1) @ inverse @ mu.unsqueeze(2)).flatten()
    backward = 0.5 * (inverse.diagonal(dim1=1, dim2=2).sum(1) + away - count + log_det)
    return float(forward.sum()), float(backward.sum())


def _weight(kls: list[float], totals: list[float]) -> float | None:
    """The one number by which the totals change with the KLs; None where it is not one, or none."""
    rows = torch.tensor([[kl, 1.0] for kl in kls], dtype=torch.float64)
    found = torch.tensor(totals, dtype=torch.float64)
    solution = torch.linalg.lstsq(rows, found.unsqueeze(1)).solution.squeeze(1)
    left = float((rows @ solution - found).abs().max())
    weight = float(solution[0])
    reach = abs(weight) * (max(kls) - min(kls))
    return weight if reach > 0 and left <= CLOSE * reach else None
