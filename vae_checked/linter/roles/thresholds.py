"""Differences of which only the side of a threshold is asked, on which they lie: no error is minimised."""

from __future__ import annotations

from vae_checked.linter.evaluations.evaluation import Evaluation
from vae_checked.linter.roles.reconstructions import Reconstruction
from vae_checked.linter.symbols.expression import PASSED, Expr, Graph, called_name
from vae_checked.linter.symbols.values import opened

_COMPARISONS = frozenset(("gt", "ge", "lt", "le", "greater", "greater_equal", "less", "less_equal"))
_ORDERS = frozenset(("Gt", "GtE", "Lt", "LtE"))


def is_only_compared(recon: Reconstruction, graph: Graph, evaluation: Evaluation) -> bool:
    """Whether all that is made of a difference ends in comparisons, as where pixels are marked that were missed.

    What is differentiated, kept, or returned to callers that are not seen may be a loss beside.
    """
    made, stack = {recon.term.uid}, [recon.term]
    while stack:
        above = graph.above(stack.pop())
        further = [node for node in above if not _is_comparison(node)]
        if not above or any(node.op not in PASSED for node in further):
            return False
        stack += (node for node in further if node.uid not in made)
        made.update(node.uid for node in further)
    return made.isdisjoint(evaluation.read_once(_handed_out))


def _handed_out(evaluation: Evaluation) -> set[int]:
    """The values that are differentiated, kept, or returned to callers that are not seen."""
    return {
        value.uid
        for root in evaluation.observations.roots
        if root.kind != "assign" and not (root.kind == "return" and root.depth > 1)
        for value in opened(root.value, (tuple, list, dict))
    }


def _is_comparison(node: Expr) -> bool:
    name = str(node.get("name")) if node.op in ("opaque", "call") else ""
    kind, _, orders = name.partition(":")
    if kind == "compare":
        return _ORDERS.issuperset(orders.split(","))
    return called_name(node) in _COMPARISONS
