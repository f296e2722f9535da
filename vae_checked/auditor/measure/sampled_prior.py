"""The prior of a KL that is estimated from the sample: log q(z|x) - log p(z), whose p need not be normal."""

from __future__ import annotations

import torch
from torch import Tensor

from vae_checked.auditor.measure.kl_fit import CLOSE, OnTensors
from vae_checked.auditor.recognition.latents import Latent
from vae_checked.auditor.recording.replay import replay
from vae_checked.auditor.recording.tape import Tape
from vae_checked.facts import Parametrisation
from vae_checked.mathematics.gaussians import std_of, std_slope_of

_WIDTH, _FAR = 3.0, 20.0
# A float32 counts without gaps up to here.
_COUNTED = 2**24


def has_another_prior(
    tape: Tape, latent: Latent, total: int, held: dict[int, Tensor], heads: tuple[Tensor, Tensor], positive: bool
) -> bool:
    """Whether `total` judges z by its normal density under `heads` and by a proper one that is not normal.

    With z held apart from its heads, d log q / d mu is (z - mu) / std^2 and d log q / d log std one less than
    (z - mu)^2 / std^2; what is left of d total / d z is d -log p(z) / d z, a line in z where p is normal.
    """
    if latent.second is None or any(z in held for z in latent.every_z):
        return False
    places = _places(tape, latent)
    if places is None:
        return False
    mu, second = (head.double() for head in heads)
    generator = torch.Generator().manual_seed(3)
    drawn = _WIDTH * (2.0 * torch.rand(mu.shape, generator=generator, dtype=torch.float64).to(mu.device) - 1.0)
    kinds = list(Parametrisation) if positive else [Parametrisation.LOGVAR, Parametrisation.LOG_STD]
    near = _slopes(tape, latent, total, held, (mu, second, drawn), places)
    far = [_slopes(tape, latent, total, held, (mu, second, 0 * drawn + end), places) for end in (_FAR, -_FAR)]
    if near is None or far[0] is None or far[1] is None:
        return False
    for kind in kinds:
        std, by_second = std_of(kind, second, OnTensors), std_slope_of(kind, second, OnTensors)
        by_mu = (drawn - mu) / std.pow(2)
        closed = torch.cat([by_mu.flatten(), (by_second / std * ((drawn - mu).pow(2) / std.pow(2) - 1.0)).flatten()])
        found = torch.cat([near[0].flatten(), near[1].flatten()])
        weight = float(closed @ found / (closed @ closed))
        if weight <= 0 or float((found - weight * closed).abs().max()) > CLOSE * float(found.abs().max()):
            continue
        of_prior = [near[2] / weight + by_mu]
        of_prior += [
            each[2] / weight + (z - mu) / std.pow(2) for each, z in zip(far, (_FAR, -_FAR), strict=True) if each
        ]
        proper = bool((of_prior[1] > 0).all()) and bool((of_prior[2] < 0).all())
        return proper and not _is_a_line(drawn.flatten(), of_prior[0].flatten())
    return False


def _places(tape: Tape, latent: Latent) -> Tensor | None:
    """For each element of z the place of the mean that it is drawn around; None where z moves by more than its mean."""
    mu = tape.values[latent.mu].tensor
    if mu.numel() >= _COUNTED:
        return None
    counted = torch.arange(mu.numel(), device=mu.device).view(mu.shape)
    still = {eps: torch.zeros_like(tape.values[eps].tensor, requires_grad=False) for eps in latent.every_eps}
    found = replay(tape, {latent.mu: counted.to(torch.promote_types(mu.dtype, torch.float32)), **still}, (latent.z,))
    places = found[latent.z].detach()
    within = float(places.min()) >= 0 and float(places.max()) < mu.numel()
    exact = within and bool((places == places.round()).all())
    return places.long() if exact else None


def _slopes(
    tape: Tape,
    latent: Latent,
    total: int,
    held: dict[int, Tensor],
    at: tuple[Tensor, Tensor, Tensor],
    places: Tensor,
) -> tuple[Tensor, Tensor, Tensor] | None:
    """d total by mu, second and z at these values, every sample of a mean alike; None where it cannot be run there."""
    mu, second, z = (each.clone().requires_grad_() for each in at)
    if latent.second is None:
        return None
    drawn = z.flatten()[places]
    try:
        chosen = {latent.mu: mu, latent.second: second, **dict.fromkeys(latent.every_z, drawn), **held}
        end = replay(tape, chosen, (total,), grad=True)[total].sum()
        found = torch.autograd.grad(end, (mu, second, z), allow_unused=True)
    except (RuntimeError, ValueError):
        return None
    if any(each is None for each in found):
        return None
    by_mu, by_second, by_z = (each.double() for each in found)
    return by_mu, by_second, by_z


def _is_a_line(z: Tensor, slope: Tensor) -> bool:
    """Whether `slope` is one line in z for all latents, as that of a normal density."""
    rows = torch.stack([z, torch.ones_like(z)], 1)
    solution = torch.linalg.lstsq(rows, slope.unsqueeze(1)).solution
    left = (rows @ solution).squeeze(1) - slope
    return float(left.abs().max()) <= CLOSE * float(slope.abs().max())
