"""A KL that is estimated from the sample, log q(z|x) - log p(z): its prior, which need not be normal, and its sign."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from vae_checked.auditor.measure.kl_fit import CLOSE, OnTensors
from vae_checked.auditor.recognition.latents import Latent
from vae_checked.auditor.recording.replay import replay
from vae_checked.auditor.recording.tape import Tape
from vae_checked.facts import Parametrisation
from vae_checked.mathematics.gaussians import std_of, std_slope_of

_WIDTH, _FAR, _FARTHER = 3.0, 20.0, 60.0
# From there to the farther place a square grows 8 times as much as from 0, a line twice.
_CURVED = 4.0
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
    drawn = _drawn_around(mu)
    near = _slopes(tape, latent, total, held, (mu, second, drawn), places)
    far = [_slopes(tape, latent, total, held, (mu, second, 0 * drawn + end), places) for end in (_FAR, -_FAR)]
    if near is None or far[0] is None or far[1] is None:
        return False
    found = _weight_of_log_q(near[:2], (mu, second, drawn), positive=positive)
    if found is None or found[0] <= 0:
        return False
    weight, std, _ = found

    def of_log_q(z: Tensor | float) -> Tensor:
        return (z - mu) / std.pow(2)

    of_prior = [near[2] / weight + of_log_q(drawn)]
    of_prior += [each[2] / weight + of_log_q(z) for each, z in zip(far, (_FAR, -_FAR), strict=True) if each]
    proper = bool((of_prior[1] > 0).all()) and bool((of_prior[2] < 0).all())
    return proper and not _is_a_line(drawn.flatten(), of_prior[0].flatten())


@dataclass(frozen=True, slots=True)
class Estimate:
    """A KL that z estimates: how log q(z|x) reads the head for std, and the signs of log q and of -log p in the loss.

    The latter is None where what is left beside log q is not seen to be a density; `curved` where it falls as that of a
    normal does, and not in a line as what another network makes of z may.
    """

    parametrisation: Parametrisation
    of_posterior: int
    of_prior: int | None
    curved: bool


def estimate_of(
    tape: Tape, latent: Latent, total: int, held: dict[int, Tensor], heads: tuple[Tensor, Tensor], *, positive: bool
) -> Estimate | None:
    """What is known of a term in which log q(z|x) stands beside whatever density or flow p is made of; None without.

    The reconstruction has to be held. log q is known by its gradient at a z that is held apart from the heads, and p
    by what it does far away: a density falls there, in every direction.
    """
    places = None if latent.second is None else _places(tape, latent)
    if places is None:
        return None
    held = {number: value for number, value in held.items() if number not in latent.every_z}
    for precision in dict.fromkeys((torch.float64, tape.values[latent.mu].tensor.dtype)):
        # Where weights of the model take part, as in a flow, they set the precision.
        mu, second = (head.to(precision) for head in heads)
        drawn = _drawn_around(mu)
        slopes = _slopes(tape, latent, total, held, (mu, second, drawn), places)
        if slopes is not None:
            break
    if slopes is None:
        return None
    found = _weight_of_log_q(slopes[:2], (mu, second, drawn), positive=positive)
    if found is None:
        return None
    weight, std, kind = found
    signs, curved = set(), True
    for direction in (drawn.sign(), -drawn.sign(), torch.ones_like(drawn), -torch.ones_like(drawn)):
        sizes = []
        for z in (0 * direction, _FAR * direction, _FARTHER * direction):
            size = _total_at(tape, latent, total, held, (mu, second, z), places)
            log_q = -0.5 * float((((z - mu).double() / std).pow(2)).sum())
            sizes.append(math.nan if size is None else size - weight * log_q)
        risen = sizes[2] - sizes[1]
        signs.add((risen > 0) - (risen < 0))
        curved = curved and abs(risen) > max(_CURVED * abs(sizes[1] - sizes[0]), CLOSE * abs(weight * log_q))
    of_prior = signs.pop() if len(signs) == 1 else 0
    return Estimate(kind, 1 if weight > 0 else -1, of_prior or None, curved)


def _drawn_around(mu: Tensor) -> Tensor:
    generator = torch.Generator().manual_seed(3)
    return _WIDTH * (2.0 * torch.rand(mu.shape, generator=generator, dtype=torch.float64).to(mu) - 1.0)


def _weight_of_log_q(
    slopes: tuple[Tensor, Tensor], at: tuple[Tensor, Tensor, Tensor], *, positive: bool
) -> tuple[float, Tensor, Parametrisation] | None:
    """The one factor of log q in these gradients by the heads, its std, and how it reads the head for std."""
    mu, second, drawn = (each.double() for each in at)
    found = torch.cat([each.flatten() for each in slopes])
    for kind in list(Parametrisation) if positive else [Parametrisation.LOGVAR, Parametrisation.LOG_STD]:
        std, by_second = std_of(kind, second, OnTensors), std_slope_of(kind, second, OnTensors)
        by_mu = (drawn - mu) / std.pow(2)
        closed = torch.cat([by_mu.flatten(), (by_second / std * ((drawn - mu).pow(2) / std.pow(2) - 1.0)).flatten()])
        weight = float(closed @ found / (closed @ closed))
        left = float((found - weight * closed).abs().max())
        if weight != 0 and left <= CLOSE * float(found.abs().max()):
            return weight, std, kind
    return None


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


def _total_at(
    tape: Tape,
    latent: Latent,
    total: int,
    held: dict[int, Tensor],
    at: tuple[Tensor, Tensor, Tensor],
    places: Tensor,
) -> float | None:
    """The loss at these heads and this z; None where it cannot be run there, or is not finite."""
    mu, second, z = at
    if latent.second is None:
        return None
    chosen = {latent.mu: mu, latent.second: second, **dict.fromkeys(latent.every_z, z.flatten()[places]), **held}
    try:
        found = float(replay(tape, chosen, (total,))[total].double().sum())
    except (RuntimeError, ValueError):
        return None
    return found if math.isfinite(found) else None


def _is_a_line(z: Tensor, slope: Tensor) -> bool:
    """Whether `slope` is one line in z for all latents, as that of a normal density."""
    rows = torch.stack([z, torch.ones_like(z)], 1)
    solution = torch.linalg.lstsq(rows, slope.unsqueeze(1)).solution
    left = (rows @ solution).squeeze(1) - slope
    return float(left.abs().max()) <= CLOSE * float(slope.abs().max())
