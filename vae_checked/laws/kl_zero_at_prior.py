"""The KL is zero where the posterior is the prior, and nowhere else."""

from __future__ import annotations

from dataclasses import replace

import torch

from vae_checked.laws.closed_forms import elementwise_kl, per_sample
from vae_checked.laws.law import Law
from vae_checked.laws.stages import Stages, given
from vae_checked.laws.trial import Trial, Violation

LATENTS_TRIED = 32
SHARE = 0.01  # of the closed form: enough to tell a KL that is there from one that is not


def holds(trial: Trial) -> Violation | None:
    """Ask for 0 at the prior, and for more where a single latent leaves it."""
    prior = trial.prior()
    at_prior = trial.kl(prior.mu, prior.second)
    violation = trial.differs("kl(0, 0)", at_prior, torch.zeros_like(at_prior), floor=1.0)
    return violation or _only_there(trial)


def _only_there(trial: Trial) -> Violation | None:
    """Row 2k moves mu, row 2k + 1 moves std of one latent alone; each must cost something."""
    latents = torch.Size(trial.sizes.latent).numel()
    tried = trial.permutation(latents)[:LATENTS_TRIED].cpu()
    mu = torch.zeros(2 * len(tried), latents, dtype=torch.float64)
    std = torch.ones_like(mu)
    signs = trial.uniform(-1, 1, 2, len(tried)).sign()
    mu[torch.arange(0, len(mu), 2), tried] = signs[0] * trial.uniform(0.4, 2.0, len(tried))
    std[torch.arange(1, len(mu), 2), tried] = torch.exp(signs[1] * trial.uniform(0.4, 1.2, len(tried)))
    shape = (len(mu), *trial.sizes.latent)
    heads = trial.heads(mu.reshape(shape), std.reshape(shape))
    kl = trial.kl(heads.mu, heads.second).double().cpu()
    least = SHARE * per_sample(elementwise_kl(mu, std))
    if trial.stages.kl_scale is not None:
        least = least * trial.stages.kl_scale
        bad = ~(kl > least)
    else:
        bad = ~(kl > SHARE * kl.abs().max())
    if not bad.any():
        return None
    row = int(bad.nonzero()[0])
    head, value = ("mu", mu[row].sum()) if row % 2 == 0 else ("std", std[row].sum() - latents + 1)
    return trial.violation(
        "kl(mu, logvar)",
        got=kl[row].item(),
        expected="more than 0",
        where=f"the prior but for {head} = {value.item():.3g} in latent {int(tried[row // 2])}",
    )


def mutant(stages: Stages) -> Stages:
    """A KL that leaves out the last latent."""
    kl = given(stages.kl)

    def forgets_the_last_latent(mu: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        kept = torch.ones_like(mu)
        kept[..., -1] = 0
        return kl(mu * kept, second * kept)

    return replace(stages, kl=forgets_the_last_latent)


LAW = Law(
    name="kl-zero-at-prior",
    statement="kl = 0 at mu = 0, logvar = 0, and only there",
    source="Gibbs' inequality, the case of equality; Cover and Thomas 2006, theorem 2.6.3",
    needs=("kl", "parametrisation"),
    broken_by=("VAE301", "VAE302"),
    holds=holds,
    mutant=mutant,
)
