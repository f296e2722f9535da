"""Samples have the posterior's mean and variance."""

from __future__ import annotations

from dataclasses import replace

from vae_checked.laws.law import Law
from vae_checked.laws.stages import Stages, given
from vae_checked.laws.trial import Trial, Violation

SAMPLES = 10_000
FIRST_LOOK = 625  # then 2500, then all
STANDARD_ERRORS = 7.0  # false alarm below 1e-7 over all looks, mean and variance of 64 latents
CALM = 3.0  # standard errors of each latent, and of all together, within which no more samples are drawn
LATENTS_TRIED = 64


def holds(trial: Trial) -> Violation | None:
    """Draw one posterior many times, and compare mean and variance within their standard errors.

    The samples are few at first, and more where a latent, or all of them together, is not within three standard errors.
    """
    posterior = trial.posterior(batch=1)
    mean, scale = (head.double().cpu().flatten()[:LATENTS_TRIED] for head in (posterior.mu, posterior.std))
    for drawn, last in trial.looks(posterior, SAMPLES, first=FIRST_LOOK):
        z, count = drawn[:, :LATENTS_TRIED], len(drawn)
        checks = (
            ("mean", z.mean(dim=0), mean, scale / count**0.5),
            ("variance", z.var(dim=0), scale**2, scale**2 * (2 / count) ** 0.5),
        )
        worst = 0.0
        for name, got, expected, error in checks:
            errors = (got - expected) / error
            bad = ~(errors.abs() <= STANDARD_ERRORS)
            if bad.any():
                index = int(bad.nonzero()[0])
                return trial.violation(
                    f"the {name} of z over {count} samples",
                    got=got[index].item(),
                    expected=f"{expected[index].item():.4g} +- {STANDARD_ERRORS * error[index].item():.2g}",
                    where=f"latent {index}, mu = {mean[index].item():.3g}, std = {scale[index].item():.3g}",
                )
            together = errors.sum().abs().item() / len(errors) ** 0.5
            worst = max(worst, errors.abs().max().item(), together)
        if last or worst <= CALM:
            break
    return None


def mutant(stages: Stages) -> Stages:
    """Samples that are spread 1.3 times as wide."""
    sample = given(stages.reparameterize)
    return replace(stages, reparameterize=lambda mu, second: mu + 1.3 * (sample(mu, second) - mu))


LAW = Law(
    name="sample-moments",
    statement="z has mean mu and variance exp(logvar)",
    source="Kingma and Welling 2014, section 2.4",
    needs=("reparameterize", "parametrisation"),
    broken_by=("VAE202",),
    holds=holds,
    own_batch=True,
    mutant=mutant,
)
