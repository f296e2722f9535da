"""Errors that a loss subtracts on purpose: of an adversary, which is to find nothing in the latents."""

from __future__ import annotations

from vae_checked.linter.roles import targets, unread_errors
from vae_checked.linter.roles.divergences import Divergence
from vae_checked.linter.roles.head_layers import made_by
from vae_checked.linter.roles.objective import JointLoss, Losses
from vae_checked.linter.roles.reconstructions import Reconstruction
from vae_checked.linter.roles.reductions import chains
from vae_checked.linter.symbols.expression import Expr, strip
from vae_checked.linter.symbols.given import is_given
from vae_checked.mathematics.chain_signs import sign_of


def is_of_one(kl: Divergence, recon: Reconstruction, reading: JointLoss, losses: Losses) -> bool:
    """Whether an error with a minus may be that of an adversary, where what decodes z was not read.

    What makes its prediction learns to make it small by a loss of its own then. Or another error is added in the same
    loss, of the same data, or beside one of other data than what is encoded. Of a loss that is handed both of them, one
    that is not read may be the reconstruction.
    """
    graph = losses.graph
    others = [
        other
        for other in losses.recons
        if not (graph.holds(other.term, recon.term.uid) or graph.holds(recon.term, other.term.uid))
    ]
    return (
        _is_trained_apart(kl, recon, others, losses)
        or _is_beside(kl, recon, reading, others, losses)
        or (is_given(kl.location) and _is_beside_a_call(kl, recon, reading, losses))
    )


def _is_trained_apart(kl: Divergence, recon: Reconstruction, others: list[Reconstruction], losses: Losses) -> bool:
    own = _layers(kl, recon)
    apart = [end for end in losses.backward if not losses.graph.holds(end, kl.term.uid)]
    return any(_sign(end, other, losses) == 1 and own & _layers(kl, other) for end in apart for other in others)


def _layers(kl: Divergence, recon: Reconstruction) -> set[object]:
    """What makes a prediction, but for the encoder."""
    return made_by(recon.first, recon.second) - made_by(kl.location, kl.head)


def _is_beside(
    kl: Divergence, recon: Reconstruction, reading: JointLoss, others: list[Reconstruction], losses: Losses
) -> bool:
    above = _sign(reading.total, recon, losses)
    added = [other for other in others if above is not None and _sign(reading.total, other, losses) == -above]
    if not added or any(losses.holds_one(other, kl.location.uid) for other in added):
        # What is decoded is read.
        return False
    sides = _sides(recon)
    return targets.is_of_other_data(recon, kl.location, losses.graph) or any(sides & _sides(other) for other in added)


def _sides(recon: Reconstruction) -> set[int]:
    return {strip(recon.first).uid, strip(recon.second).uid}


def _sign(total: Expr, recon: Reconstruction, losses: Losses) -> int | None:
    """The sign of an error in a value; None where it has none, or several."""
    signs = {sign_of(chain) for chain in chains(total, recon.term.uid, losses.graph)}
    known = next(iter(signs)) if len(signs) == 1 else None
    return None if known is None or not recon.sign else known * recon.sign


def _is_beside_a_call(kl: Divergence, recon: Reconstruction, reading: JointLoss, losses: Losses) -> bool:
    graph = losses.graph
    with_kl, with_error = graph.holding(kl.term.uid), graph.holding(recon.term.uid)
    terms = unread_errors.summands(reading.total, kl.term.uid, with_kl)
    return any(term.op in ("call", "opaque") and term.uid not in with_error for term in terms)
