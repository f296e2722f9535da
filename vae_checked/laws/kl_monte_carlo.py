"""The KL is the mean of log q(z) - log p(z) over samples of q."""

from __future__ import annotations

from dataclasses import replace

from torch.distributions import Normal

from vae_checked.laws.closed_forms import log_prob
from vae_checked.laws.law import Law
from vae_checked.laws.stages import Stages, given
from vae_checked.laws.trial import Trial, Violation

SAMPLES = 4000
STANDARD_ERRORS = 7.0  # false alarm below 1e-10 for each sample


def holds(trial: Trial) -> Violation | None:
    """Estimate the KL from samples of q, and allow the estimate its standard error."""
    mu, second, std = trial.posterior()
    kl = trial.kl(mu, second).double().cpu() / given(trial.stages.kl_scale)
    q = Normal(mu.double().cpu(), std.double().cpu())
    z = q.loc + q.scale * trial.normal(SAMPLES, *mu.shape)
    ratio = (log_prob(q, z) - log_prob(Normal(0.0, 1.0), z)).flatten(start_dim=2).sum(dim=2)
    mean, error = ratio.mean(dim=0), ratio.std(dim=0) / SAMPLES**0.5
    allowed = STANDARD_ERRORS * error + trial.tolerance * kl.abs()
    bad = ~((kl - mean).abs() <= allowed)
    if not bad.any():
        return None
    index = int(bad.nonzero()[0])
    expected = f"{mean[index].item():.4g} +- {allowed[index].item():.2g}, the mean of {SAMPLES} samples"
    return trial.violation("kl(mu, logvar)", got=kl[index].item(), expected=expected, where=f"sample {index}")


def mutant(stages: Stages) -> Stages:
    """Twice the KL."""
    kl = given(stages.kl)
    return replace(stages, kl=lambda mu, second: 2 * kl(mu, second))


LAW = Law(
    name="kl-monte-carlo",
    statement="kl = E[log q(z|x) - log p(z)] for z ~ q(z|x), within seven standard errors of the estimate",
    source="Kingma and Welling 2014, equations 2 and 3",
    needs=("kl", "parametrisation", "kl_scale"),
    broken_by=("VAE301", "VAE303", "VAE306"),
    holds=holds,
    mutant=mutant,
)
