"""Errors beside the reconstruction, of something else that is decoded from z: whether its activation is one too many.

Columns of numbers and of classes, or a picture and its label, have an error each. The balance of a loss is judged of
the reconstruction alone; what a loss takes of its argument is judged of each.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from vae_checked.facts import Fact, Facts, Likelihood, Recon
from vae_checked.linter.roles import reconstructions
from vae_checked.linter.roles.likelihood import output_facts, sides
from vae_checked.linter.roles.objective import Losses
from vae_checked.linter.roles.reconstructions import Reconstruction
from vae_checked.linter.roles.samplers import SamplerSite
from vae_checked.linter.symbols.expression import origin


def facts(site: SamplerSite, chosen: Iterable[Reconstruction], losses: Losses) -> Iterator[Facts]:
    """What is read of the errors of scores that z is decoded into, in one loss with those that are `chosen`."""
    known = [recon for recon in chosen if recon.kind is not None]
    if losses.evaluation.loss_is_one_of_several:
        # Which of the losses goes with the model is not known.
        return
    for recon in losses.recons:
        # That it takes scores is asked first: it is the same for all of many samplers.
        if not _takes_scores(recon) or any(recon.term.uid == each.term.uid for each in known):
            continue
        if not losses.holds_one(recon, site.z.uid):
            continue
        if not any(losses.hold_both(recon, each) for each in known) or not _is_activated(recon, site, losses):
            continue
        prediction, target = sides(site, recon)
        if recon.kind is not None:
            yield Facts(
                losses.evaluation.subject,
                output=output_facts(prediction, target, None, recon),
                recon=Recon(kind=Fact(recon.kind, origin(recon.term))),
            )


def _takes_scores(recon: Reconstruction) -> bool:
    return recon.kind is Likelihood.BCE_WITH_LOGITS or reconstructions.bounded_scores(recon) is not None


def _is_activated(recon: Reconstruction, site: SamplerSite, losses: Losses) -> bool:
    """Whether a loss of scores takes what came out of an activation, whatever is set."""
    prediction, _ = sides(site, recon)
    if prediction is None or not losses.graph.holds(prediction, site.z.uid):
        return False
    if recon.kind is Likelihood.BCE_WITH_LOGITS and reconstructions.activations(prediction)[1] is None:
        return False
    return not (
        reconstructions.is_optional(recon, prediction, losses.recons)
        or reconstructions.is_chosen(recon, losses.unsettled)
        or reconstructions.is_one_of_several(prediction, losses.unsettled)
    )
