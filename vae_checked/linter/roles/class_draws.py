"""Probabilities of classes that are those of a posterior: a class is drawn by them, and what it decodes to is compared.

A classifier that is kept from one class, a gate that shares its work out and a policy that goes on exploring have the
same formula in their losses, and no posterior.
"""

from __future__ import annotations

from collections.abc import Sequence

from vae_checked.facts import Family
from vae_checked.linter.roles.divergences import Divergence
from vae_checked.linter.roles.reconstructions import Reconstruction
from vae_checked.linter.symbols.expression import NOISE, Expr, Graph, called_name, contains, strip, walk

# What makes probabilities, or their logarithms, of scores.
_OF_SCORES = frozenset(("softmax", "log_softmax", "exp", "cast"))
_DRAWING = frozenset(("gumbel_softmax",))


def may_be_of_a_posterior(kl: Divergence, errors: Sequence[Reconstruction], graph: Graph) -> bool:
    """Whether a KL is of no classes, or of those that are drawn and decoded; a formula alone may be of any."""
    if kl.family is not Family.CATEGORICAL or not errors:
        return True
    scores = _scores(kl.location)
    holding = graph.holding(scores.uid)
    noise = {node.uid for node in walk(scores) if node.op == "noise"}
    sides = [side for error in errors for side in (error.first, error.second)]
    drawn = (node for node in graph.nodes if node.uid in holding and node.uid != scores.uid)
    return any(_draws(node, noise) and any(contains(side, node.uid) for side in sides) for node in drawn)


def _scores(probabilities: Expr) -> Expr:
    node = strip(probabilities)
    while node.op in _OF_SCORES and node.args:
        node = strip(node.args[0])
    return node


def _draws(node: Expr, known: set[int]) -> bool:
    """Whether a class is drawn by an operation: one of a library, or one with noise that the scores do not have."""
    if node.op in ("opaque", "call"):
        return called_name(node) in _DRAWING or str(node.get("name")).startswith("draw:")
    return bool(node.bits & NOISE) and any(each.op == "noise" and each.uid not in known for each in walk(node))
