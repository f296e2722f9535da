"""The further x_hat is from the data, the larger the reconstruction loss."""

from __future__ import annotations

from dataclasses import replace

from vae_checked.laws.law import Law
from vae_checked.laws.stages import Stages, given
from vae_checked.laws.trial import Trial, Violation

PATH = (0.25, 0.5, 1.0)


def holds(trial: Trial) -> Violation | None:
    """Go from the perfect reconstruction to another image in steps, and ask for a larger loss at each."""
    x = trial.targets()
    best, other = trial.perfect(x), trial.predictions()
    losses = [trial.recon(best + share * (other - best), x) for share in PATH]
    for share, nearer, further in zip(PATH[1:], losses, losses[1:], strict=False):
        bad = ~(further > nearer)
        if bad.any():
            index = int(bad.nonzero()[0])
            return trial.violation(
                "recon",
                got=further[index].item(),
                expected=f"more than the {nearer[index].item():.6g} nearer to the data",
                where=f"sample {index}, {share:.0%} of the way from x_hat = x to another image",
            )
    return None


def mutant(stages: Stages) -> Stages:
    """The reconstruction loss with the opposite sign."""
    recon = given(stages.recon)
    return replace(stages, recon=lambda x_hat, x: -recon(x_hat, x))


LAW = Law(
    name="recon-grows-with-error",
    statement="recon grows along the straight line from x_hat = x to any other image",
    source="both losses are convex in the decoder's output, least at the data",
    needs=("recon", "likelihood"),
    broken_by=("VAE505",),
    holds=holds,
    mutant=mutant,
)
