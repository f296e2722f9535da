"""eps is drawn from N(0, 1)."""

from __future__ import annotations

import math
from dataclasses import replace

import torch

from vae_checked.laws.closed_forms import standard_normal_cdf
from vae_checked.laws.law import Law
from vae_checked.laws.stages import Stages
from vae_checked.laws.trial import Trial, Violation
from vae_checked.reference import std_of

DRAWS = 20_000
FIRST_LOOK = 5000
FALSE_ALARM = 1e-9
# No more is drawn where the distance is one that N(0, 1) itself exceeds in one case of four.
CALM = 0.25


def holds(trial: Trial) -> Violation | None:
    """Kolmogorov-Smirnov distance, against the Dvoretzky-Kiefer-Wolfowitz bound with Massart's constant.

    The bound holds at each of the two looks, so that the false alarm is below 2e-9.
    """
    latents = torch.Size(trial.sizes.latent).numel()
    first, most = -(-FIRST_LOOK // latents), -(-DRAWS // latents)
    for drawn, last in trial.looks(trial.prior(1), most, first=first):
        eps = drawn.flatten().sort().values
        if not eps.isfinite().all():
            return trial.violation("eps", got="not finite", expected="N(0, 1)")
        count = len(eps)
        cdf = standard_normal_cdf(eps)
        steps = torch.arange(count + 1, dtype=torch.float64) / count
        distance = max((steps[1:] - cdf).max().item(), (cdf - steps[:-1]).max().item())
        allowed = _bound(count, FALSE_ALARM)
        if distance > allowed:
            return trial.violation(
                f"eps, over {count} draws",
                got=f"of mean {eps.mean().item():.3g} and std {eps.std().item():.3g}, {distance:.3g} away from N(0, 1)",
                expected=f"at most {allowed:.3g} away (Kolmogorov-Smirnov, false alarm below {FALSE_ALARM:g})",
            )
        if last or distance <= _bound(count, CALM):
            break
    return None


def _bound(count: int, probability: float) -> float:
    """The distance that as many draws of N(0, 1) exceed with at most this probability."""
    return math.sqrt(math.log(2 / probability) / (2 * count))


def mutant(stages: Stages) -> Stages:
    """Noise that is uniform in [0, 1]."""
    return replace(stages, reparameterize=lambda mu, logvar: mu + std_of(logvar) * torch.rand_like(mu))


LAW = Law(
    name="noise-is-standard-normal",
    statement="eps = (z - mu) / std follows N(0, 1)",
    source="Kingma and Welling 2014, section 2.4; Massart 1990 for the bound of the test",
    needs=("reparameterize", "parametrisation"),
    broken_by=("VAE202",),
    holds=holds,
    own_batch=True,
    mutant=mutant,
)
