"""NaN that is replaced by a number on its way to the loss."""

from __future__ import annotations

from vae_checked.facts import Fact
from vae_checked.linter.roles import nan_tests
from vae_checked.linter.roles.divergences import Divergence
from vae_checked.linter.roles.objective import Losses
from vae_checked.linter.roles.reconstructions import Reconstruction
from vae_checked.linter.symbols.expression import Expr, origin, walk
from vae_checked.linter.torch_model.nans import is_endless

_NETWORKS = ("layer", "opaque", "call", "matmul")


def read(losses: Losses, kl: Divergence | None, recon: Reconstruction | None) -> Fact[str | None] | None:
    """NaN replaced between z and the loss, by an operation or in a branch that asks for it.

    What a network goes on with may be NaN on purpose, as where nothing is attended to: that is left open.
    """
    terms = [term.term for term in (kl, recon) if term is not None and losses.trains(term.term)]
    if not terms:
        return None
    for node in losses.graph.having("nan_to_num"):
        if any(losses.graph.holds(node, term.uid) for term in terms) and losses.trains(node):
            where = origin(node)
            return Fact(where.source, where) if _is_minimised(node, losses, kl, recon) else None
        if any(losses.graph.holds(term, node.uid) for term in terms) and any(each.op == "layer" for each in walk(node)):
            # Its input is computed by the model: what decodes z, at its end, or something on the way to z or from it.
            where = origin(node)
            return Fact(where.source, where) if recon is not None and _ends_a_decoder(node, recon, kl, losses) else None
    if any(losses.trains(node) and nan_tests.is_computed(node) for node in losses.graph.having("nan_to_num")):
        # Another part of the loss, as a term that is not read.
        return None
    leaving_out = [
        node for node in losses.graph.having("sum", "mean") if node.get("without_nan") and losses.trains(node)
    ]
    for node in leaving_out:
        beside = kl is not None and (losses.graph.holds(node, kl.term.uid) or losses.graph.holds(kl.term, node.uid))
        # An average over the steps that are behind is shown.
        if beside and _is_minimised(node, losses, kl, recon):
            return Fact(origin(node).source, origin(node))
    if not (losses.tests_for_nan or leaving_out):
        return Fact(None, origin(terms[0]))
    # What is done where a test for NaN holds may be to put a number in its place.
    return next(filter(None, (_replaced_in_branch(losses, term) for term in terms)), None)


def _is_minimised(node: Expr, losses: Losses, kl: Divergence | None, recon: Reconstruction | None) -> bool:
    """Whether a gradient reaches a node from what is differentiated, or else from a loss of both terms.

    An error that no KL stands beside may be a metric, and so may what is computed apart from what is differentiated.
    """
    both = () if kl is None or recon is None else (kl.term.uid, recon.term.uid)
    with_both = [end for end in losses.ends if both and all(losses.graph.holds(end, uid) for uid in both)]
    return losses.flow.reaches(losses.backward or with_both, node.uid)


def _replaced_in_branch(losses: Losses, term: Expr) -> Fact[str | None] | None:
    """What a branch leaves out of the loss where it, or a value that it follows from, is NaN."""
    with_term = losses.unsettled_with(term)
    for choice in losses.unsettled.having("phi"):
        condition, one, other = choice.args
        if (one.uid in with_term) is (other.uid in with_term) or not losses.minimises(choice):
            continue
        if is_endless(other if one.uid in with_term else one):
            # What is put in its place shows it as well.
            continue
        asked = [
            value for value in nan_tests.asked_of(condition) if value.uid in with_term or nan_tests.is_computed(value)
        ]
        # What has no gradient by the term, as `.data` and what is done under no_grad, is shown.
        if asked and not nan_tests.is_told(choice) and losses.moves_term(choice, term):
            return Fact(origin(asked[0]).source, origin(condition))
    return None


def _ends_a_decoder(node: Expr, recon: Reconstruction, kl: Divergence | None, losses: Losses) -> bool:
    """Whether a node is made of what decodes z, and compared with the input as it is or rescaled."""
    if kl is None or not losses.graph.holds(node, kl.location.uid) or losses.graph.holds(kl.term, node.uid):
        return False
    above = losses.graph.holding(node.uid)
    sides = [side for side in (recon.first, recon.second) if side.uid == node.uid or side.uid in above]
    layers = any(each.op in _NETWORKS and each.uid in above for side in sides for each in walk(side))
    return len(sides) == 1 and not layers and _is_minimised(node, losses, kl, recon)
