"""Every sample and every latent has noise of its own."""

from __future__ import annotations

from dataclasses import replace

import torch

from vae_checked.laws.law import Law
from vae_checked.laws.stages import Stages
from vae_checked.laws.trial import Trial, Violation
from vae_checked.reference import std_of

SAMPLES = 4000
LATENTS_TRIED = 8
LARGEST_CORRELATION = 7 / SAMPLES**0.5  # false alarm below 1e-10 over all pairs


def holds(trial: Trial) -> Violation | None:
    """Correlate the noise of several latents, and of neighbouring samples, over many draws."""
    eps = trial.samples(trial.prior(1), SAMPLES)
    tried = trial.permutation(eps.shape[1])[:LATENTS_TRIED].cpu()
    columns = torch.cat([eps[:, tried].T, eps[:, tried[0]].roll(1)[None]])  # and the sample before
    names = [*(f"latent {int(k)}" for k in tried), f"latent {int(tried[0])} of the next sample"]
    if (columns.std(dim=1) == 0).any():
        return trial.violation("eps", got="the same for every sample", expected="drawn afresh for each")
    correlation = torch.corrcoef(columns) - torch.eye(len(columns), dtype=torch.float64)
    worst = correlation.abs().max()
    if worst <= LARGEST_CORRELATION:
        return None
    first, second = divmod(int(correlation.abs().argmax()), len(columns))
    return trial.violation(
        f"the correlation of eps between {names[first]} and {names[second]}",
        got=correlation[first, second].item(),
        expected=f"0 +- {LARGEST_CORRELATION:.2g} over {SAMPLES} samples",
    )


def mutant(stages: Stages) -> Stages:
    """One row of noise for all samples of the batch."""
    return replace(stages, reparameterize=lambda mu, logvar: mu + std_of(logvar) * torch.randn_like(mu[:1]))


LAW = Law(
    name="noise-is-independent",
    statement="eps ~ N(0, I): no two samples and no two latents share noise",
    source="Kingma and Welling 2014, section 2.4",
    needs=("reparameterize", "parametrisation"),
    broken_by=("VAE203",),
    holds=holds,
    own_batch=True,
    mutant=mutant,
)
