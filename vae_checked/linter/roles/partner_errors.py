"""Which reconstruction error belongs to a sampler, or to a KL."""

from __future__ import annotations

from vae_checked.facts import Reduction
from vae_checked.linter.roles import (
    further_errors,
    gradients,
    made_up_targets,
    settings_apart,
    targets,
    unread_errors,
)
from vae_checked.linter.roles.divergences import Divergence
from vae_checked.linter.roles.objective import Losses
from vae_checked.linter.roles.reconstructions import Reconstruction
from vae_checked.linter.roles.reductions import rank_of
from vae_checked.linter.roles.samplers import SamplerSite
from vae_checked.linter.symbols.expression import strip
from vae_checked.mathematics.reductions import read

# How many errors are read that an option chooses between.
_MAX_ALTERNATIVES = 4


def of_sampler(
    site: SamplerSite, recons: list[Reconstruction], kl: Divergence | None, losses: Losses
) -> list[Reconstruction]:
    """The reconstruction of a sampler's z; all of them where an option chooses between several."""
    decoded = made_up_targets.left_out(recon for recon in recons if losses.holds_one(recon, site.z.uid))
    decoded = targets.of_input_first(decoded, site, losses.graph)
    if not site.detached and decoded and site.z.uid in losses.flow.reached(losses.ends):
        # Beside a loss that trains the encoder, one that is handed z without its gradient trains something else.
        reaching = losses.flow.to(site.z.uid)
        decoded = [recon for recon in decoded if recon.term.uid in reaching]
    if kl is None:
        return decoded[:1]
    if decoded and _is_decoded_elsewhere(site, decoded, recons, losses):
        return []
    if not decoded:
        # What decodes z is not read, or leaves it out: the loss tells what belongs together.
        alone = _beside(kl, [recon for recon in recons if not losses.holds_one(recon, kl.location.uid)], losses)
        return [] if alone is None else [alone]
    beside = [recon for recon in decoded if losses.of(kl, recon) is not None]
    if len(beside) > 1:
        # Of several errors in one loss the KL goes with that of the output before its edges', and one summed alike.
        together = [recon for recon in beside if losses.hold_both(recon, beside[0])]
        of_others = {id(each) for each in further_errors.of_others(together, site, losses)}
        together.sort(key=lambda recon: (id(recon) in of_others, not _is_summed(kl, recon, losses)))
        beside = list({id(recon): recon for recon in (*together, *beside)}.values())
    kept = beside[:1] or decoded[:1]
    for recon in beside[1:_MAX_ALTERNATIVES]:
        if not any(losses.hold_both(recon, other) for other in kept):
            kept.append(recon)
    return kept


def of_kl(
    kl: Divergence, drawn: SamplerSite | None, recons: list[Reconstruction], losses: Losses
) -> Reconstruction | None:
    """The reconstruction that a KL without a sampler of its own is added to.

    Of several errors that of the z of the sampler which it is `drawn` by on another way through the code.
    """
    alone = _beside(kl, recons, losses)
    if alone is not None or drawn is None:
        return alone
    return next((recon for recon in of_sampler(drawn, recons, kl, losses) if losses.of(kl, recon) is not None), None)


def _is_decoded_elsewhere(
    site: SamplerSite, decoded: list[Reconstruction], recons: list[Reconstruction], losses: Losses
) -> bool:
    """Whether another draw with the same heads is decoded into the input, and this one into something else alone.

    That trains something beside the VAE, as a discriminator's judgement of what was drawn once more does.
    """
    location, graph = strip(site.location).uid, losses.graph
    again = [each for each in losses.samples if each is not site and strip(each.location).uid == location]
    if not again or any(targets.is_of_input(recon, site, graph) for recon in decoded):
        return False
    others = [recon for recon in recons if recon not in decoded]
    return any(
        losses.holds_one(recon, each.z.uid) and targets.is_of_input(recon, each, graph)
        for each in again
        for recon in others
    )


def _is_summed(kl: Divergence, recon: Reconstruction, losses: Losses) -> bool:
    """Whether an error is summed over a sample on its way to the loss that a KL stands in."""
    reading = losses.read(kl, recon)
    reduced = None if reading is None else read(reading.recon, rank_of(recon.term))
    return reduced is not None and reduced.event is Reduction.SUM


def _beside(kl: Divergence, recons: list[Reconstruction], losses: Losses) -> Reconstruction | None:
    """The only reconstruction that stands beside a KL, or that is made from its mean where they are handed on apart."""
    beside = [each for each in targets.of_data(recons, kl.location, losses.graph) if losses.of(kl, each) is not None]
    beside = [recon for recon in beside if not settings_apart.are_never_added(kl, recon, losses)]
    # What is handed on without its gradient feeds a term that trains something else.
    beside = [recon for recon in beside if not any(map(gradients.is_cut, (recon.first, recon.second)))]
    if not beside:
        mean = kl.location.uid
        beside = [recon for recon in recons if losses.holds_one(recon, mean)]
    if len(beside) != 1 or made_up_targets.is_of_one(beside[0]) or unread_errors.stands_beside(kl, beside[0], losses):
        return None
    return beside[0]
