"""The KL is that of a diagonal Gaussian from the standard normal."""

from __future__ import annotations

from dataclasses import replace

from vae_checked.laws.closed_forms import elementwise_kl, per_sample
from vae_checked.laws.law import Law
from vae_checked.laws.stages import Stages, given
from vae_checked.laws.trial import InapplicableError, Trial, Violation


def holds(trial: Trial) -> Violation | None:
    """Compare with the closed form at drawn posteriors, up to one positive factor where the weight is not known."""
    mu, second, std = trial.posterior()
    got = trial.kl(mu, second).double()
    expected = per_sample(elementwise_kl(mu, std))
    scale = trial.stages.kl_scale
    if scale is None:  # any positive factor will do, so long as it is one factor
        if len(got) == 1:
            raise InapplicableError("one sample alone does not tell the weight of the KL from its form")
        scale = (got[0] / expected[0]).item()
        if not scale > 0:
            return trial.violation("kl(mu, s)", got=got[0].item(), expected=f"c * {expected[0].item():.6g}, c > 0")
    reads = given(trial.stages.parametrisation)
    return trial.differs("kl(mu, s)", got / scale, expected, where=f"with std = {reads.formula}")


def mutant(stages: Stages) -> Stages:
    """The head for std read as log sigma, where it is log sigma squared."""
    kl = given(stages.kl)
    return replace(stages, kl=lambda mu, second: kl(mu, 2 * second))  # log sigma, where log sigma^2 is read


LAW = Law(
    name="kl-closed-form",
    statement="kl = 0.5 * sum(std^2 + mu^2 - 1) - sum(log std)",
    source="Kingma and Welling 2014, appendix B",
    needs=("kl", "parametrisation"),
    broken_by=("VAE201", "VAE301", "VAE306"),
    holds=holds,
    mutant=mutant,
)
