"""Importance weights of the sampler's own samples average to the ELBO, and to no more than log p(x)."""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch.distributions import Normal

from vae_checked.laws import linear_gaussian
from vae_checked.laws.closed_forms import log_prob
from vae_checked.laws.law import Law
from vae_checked.laws.stages import Stages, given
from vae_checked.laws.trial import Trial, Violation

REPEATS = 400
WEIGHTS = 8
STANDARD_ERRORS = 7.0  # false alarm below 1e-10


def holds(trial: Trial) -> Violation | None:
    """On a linear-Gaussian VAE with a q somewhat wider than the true posterior, so that the weights are bounded."""
    model, x = linear_gaussian.draw(trial, 1)
    exact = model.posterior(x)
    spread = exact.covariance_matrix.diagonal(dim1=-2, dim2=-1).sqrt()
    latents = spread.shape[1]
    shape = (1, *trial.sizes.latent)
    mu = exact.mean + 0.3 * spread * trial.normal(1, latents)
    heads = trial.heads(mu.reshape(shape), (spread * trial.uniform(1.1, 1.4, 1, latents)).reshape(shape))
    kl = trial.kl(heads.mu, heads.second).double().cpu() / given(trial.stages.kl_scale)
    mu, std = (head.double().cpu().flatten(start_dim=1) for head in (heads.mu, heads.std))
    z = trial.samples(heads, REPEATS * WEIGHTS)
    prior_to_q = log_prob(Normal(0.0, 1.0), z) - log_prob(Normal(mu, std), z)
    weights = model.log_likelihood(x, z) + prior_to_q.sum(dim=1)
    bound = torch.logsumexp(weights.view(REPEATS, WEIGHTS), dim=1) - math.log(WEIGHTS)
    elbo = (model.expected_log_likelihood(x, mu, std) - kl).item()
    allowed = STANDARD_ERRORS * weights.std().item() / len(weights) ** 0.5 + trial.tolerance * abs(elbo)
    if not abs(weights.mean().item() - elbo) <= allowed:
        return trial.violation(
            f"the mean of log p(x, z) - log q(z|x) over {len(weights)} samples z",
            got=weights.mean().item(),
            expected=f"the ELBO, {elbo:.6g} +- {allowed:.2g}",
        )
    evidence = log_prob(model.evidence, x).item()
    allowed = STANDARD_ERRORS * bound.std().item() / REPEATS**0.5 + trial.tolerance * abs(evidence)
    if not bound.mean().item() <= evidence + allowed:
        return trial.violation(
            f"the importance-weighted bound of {WEIGHTS} samples",
            got=bound.mean().item(),
            expected=f"at most log p(x) = {evidence:.6g} + {allowed:.2g}",
        )
    return None


def mutant(stages: Stages) -> Stages:
    """A sampler that draws half as wide as its posterior says."""
    sample = given(stages.reparameterize)
    return replace(stages, reparameterize=lambda mu, second: mu + 0.5 * (sample(mu, second) - mu))


LAW = Law(
    name="importance-weighted-bound",
    statement="ELBO = E log w <= E log mean w <= log p(x) for w = p(x, z) / q(z|x), z from the sampler",
    source="Burda, Grosse and Salakhutdinov 2016, theorem 1",
    needs=("kl", "reparameterize", "parametrisation", "kl_scale"),
    broken_by=("VAE201",),
    holds=holds,
    own_batch=True,
    mutant=mutant,
)
