"""Every sample and every latent has noise of its own."""

from __future__ import annotations

from dataclasses import replace

import torch

from vae_checked.laws.law import Law
from vae_checked.laws.stages import Stages
from vae_checked.laws.trial import Trial, Violation
from vae_checked.reference import std_of

SAMPLES = 4000
FIRST_LOOK = 1000
LATENTS_TRIED = 8
# In units of 1 / sqrt(samples): false alarm below 1e-9 over all pairs and looks, and where no more samples are drawn.
LARGEST_CORRELATION = 7.0
CALM = 3.5


def holds(trial: Trial) -> Violation | None:
    """Correlate the noise of several latents, and of neighbouring samples, over many draws; few where all is calm."""
    tried: torch.Tensor | None = None
    for eps, last in trial.looks(trial.prior(1), SAMPLES, first=FIRST_LOOK):
        tried = trial.permutation(eps.shape[1])[:LATENTS_TRIED].cpu() if tried is None else tried
        columns = torch.cat([eps[:, tried].T, eps[:, tried[0]].roll(1)[None]])  # and the sample before
        if (columns.std(dim=1) == 0).any():
            return trial.violation("eps", got="the same for every sample", expected="drawn afresh for each")
        correlation = torch.corrcoef(columns) - torch.eye(len(columns), dtype=torch.float64)
        worst = correlation.abs().max().item() * len(eps) ** 0.5
        if not worst <= LARGEST_CORRELATION:
            names = [*(f"latent {int(k)}" for k in tried), f"latent {int(tried[0])} of the next sample"]
            first, second = divmod(int(correlation.abs().argmax()), len(columns))
            return trial.violation(
                f"the correlation of eps between {names[first]} and {names[second]}",
                got=correlation[first, second].item(),
                expected=f"0 +- {LARGEST_CORRELATION / len(eps) ** 0.5:.2g} over {len(eps)} samples",
            )
        if last or worst <= CALM:
            break
    return None


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
