"""The further log variance is from 0, on either side, the larger the KL."""

from __future__ import annotations

from dataclasses import replace

import torch

from vae_checked.laws.law import Law
from vae_checked.laws.stages import Stages, given
from vae_checked.laws.trial import Trial, Violation


def holds(trial: Trial) -> Violation | None:
    """Move the log standard deviation of one latent of each sample away from 0, and compare."""
    mu, _, std = trial.posterior()
    latents = mu[0].numel()
    near = std.double().cpu().log().flatten(start_dim=1)
    rows, picked = torch.arange(len(near)), [trial.pick(latents) for _ in near]
    sign = trial.uniform(-1, 1, len(near)).sign()
    near[rows, picked] = sign * trial.uniform(0.2, 0.7, len(near))
    far = near.clone()
    far[rows, picked] *= trial.uniform(1.5, 2.5, len(near))
    heads = [trial.heads(mu, log_std.view(mu.shape).exp()) for log_std in (near, far)]
    kl_near, kl_far = (trial.kl(mu, head.second) for head in heads)
    bad = ~(kl_far > kl_near)
    if not bad.any():
        return None
    index = int(bad.nonzero()[0])
    values = [2 * log_std[index, picked[index]].item() for log_std in (near, far)]
    moved = f"log variance of one latent goes from {values[0]:.3g} to {values[1]:.3g}"
    change = f"{(kl_far - kl_near)[index].item():.4g} apart"
    return trial.violation("kl(mu, logvar)", got=change, expected="larger", where=f"sample {index}, where {moved}")


def mutant(stages: Stages) -> Stages:
    """A log variance that is clamped from above, where wide posteriors cost no more than the clamp."""
    kl = given(stages.kl)
    return replace(stages, kl=lambda mu, second: kl(mu, second.clamp(max=0.3)))


LAW = Law(
    name="kl-grows-with-log-std",
    statement="kl grows with |logvar| of every latent, on both sides of 0",
    source="d kl / d logvar = (exp(logvar) - 1) / 2; Kingma and Welling 2014, appendix B",
    needs=("kl", "parametrisation"),
    broken_by=("VAE302", "VAE306"),
    holds=holds,
    mutant=mutant,
)
