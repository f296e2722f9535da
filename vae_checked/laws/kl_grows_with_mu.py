"""The further mu is from 0, the larger the KL."""

from __future__ import annotations

from dataclasses import replace

import torch

from vae_checked.laws.law import Law
from vae_checked.laws.stages import Stages, given
from vae_checked.laws.trial import Trial, Violation


def holds(trial: Trial) -> Violation | None:
    """Move mu of one latent of each sample away from 0, and compare."""
    mu, second, _ = trial.posterior()
    latents = mu[0].numel()
    near = mu.flatten(start_dim=1).clone()
    rows, picked = torch.arange(len(near)), [trial.pick(latents) for _ in near]
    sign = trial.uniform(-1, 1, len(near)).sign()
    near[rows, picked] = trial.cast(sign * trial.uniform(0.3, 1.0, len(near)))
    far = near.clone()
    far[rows, picked] *= trial.cast(trial.uniform(1.5, 3.0, len(near)))
    kl_near, kl_far = trial.kl(near.view_as(mu), second), trial.kl(far.view_as(mu), second)
    bad = ~(kl_far > kl_near)
    if not bad.any():
        return None
    index = int(bad.nonzero()[0])
    moved = (
        f"|mu| of one latent goes from {near[index, picked[index]].abs():.3g} to {far[index, picked[index]].abs():.3g}"
    )
    change = f"{(kl_far - kl_near)[index].item():.4g} apart"
    return trial.violation("kl(mu, logvar)", got=change, expected="larger", where=f"sample {index}, where {moved}")


def mutant(stages: Stages) -> Stages:
    """A mu that is clamped, where far posteriors cost no more than the clamp."""
    kl = given(stages.kl)
    return replace(stages, kl=lambda mu, second: kl(mu.clamp(-0.2, 0.2), second))


LAW = Law(
    name="kl-grows-with-mu",
    statement="kl grows with |mu| of every latent",
    source="d kl / d mu = mu; Kingma and Welling 2014, appendix B",
    needs=("kl", "parametrisation"),
    broken_by=("VAE302",),
    holds=holds,
    mutant=mutant,
)
