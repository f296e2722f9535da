"""The ELBO is below log p(x), by the KL of q from the true posterior."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch.distributions import MultivariateNormal, kl_divergence

from vae_checked.laws import linear_gaussian
from vae_checked.laws.closed_forms import log_prob
from vae_checked.laws.law import Law
from vae_checked.laws.stages import Stages, given
from vae_checked.laws.trial import Trial, Violation


def holds(trial: Trial) -> Violation | None:
    """On a linear-Gaussian VAE, where everything but the KL under test is known in closed form."""
    model, x = linear_gaussian.draw(trial, trial.sizes.batch)
    mu, second, std = trial.posterior()
    kl = trial.kl(mu, second).double().cpu() / given(trial.stages.kl_scale)
    mu, std = (head.double().cpu().flatten(start_dim=1) for head in (mu, std))
    elbo = model.expected_log_likelihood(x, mu, std) - kl
    gap = kl_divergence(MultivariateNormal(mu, torch.diag_embed(std.square())), model.posterior(x))
    return trial.differs("log p(x) - ELBO", log_prob(model.evidence, x) - elbo, gap)


def mutant(stages: Stages) -> Stages:
    """Half of the KL: a bound that is above the evidence."""
    kl = given(stages.kl)
    return replace(stages, kl=lambda mu, second: 0.5 * kl(mu, second))


LAW = Law(
    name="elbo-below-evidence",
    statement="log p(x) - ELBO = KL(q(z|x) || p(z|x)) >= 0",
    source="Kingma and Welling 2014, equation 1; Tipping and Bishop 1999 for the model with a known evidence",
    needs=("kl", "parametrisation", "kl_scale"),
    broken_by=("VAE301", "VAE302", "VAE303"),
    holds=holds,
    mutant=mutant,
)
