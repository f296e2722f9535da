"""A posterior that is held to its prior by draws of both, as a kernel compares them: what trains it is no KL."""

from __future__ import annotations

from vae_checked.linter.roles.objective import Losses
from vae_checked.linter.symbols.expression import Expr, contains


def are_compared(losses: Losses) -> bool:
    """Whether what is differentiated has the difference of z, or of what is computed of it, and of another draw.

    What layers make of z is decoded, and may be compared with data to which noise was added.
    """
    graph, ends = losses.graph, losses.backward
    differences = [node for node in graph.having("sub") if losses.flow.reaches(ends, node.uid)] if ends else []
    if not differences:
        return False
    for z in {site.z.uid: site.z for site in losses.samples}.values():
        of_z = graph.holding_through((z.uid,), _is_computed)
        draws = [node for node in graph.having("noise") if not contains(z, node.uid)]
        of_draws = graph.holding_through((draw.uid for draw in draws), _is_computed)
        for one, other in (node.args[:2] for node in differences):
            for own, drawn in ((one.uid, other.uid), (other.uid, one.uid)):
                if own in of_z and drawn in of_draws - of_z:
                    return True
    return False


def _is_computed(node: Expr) -> bool:
    return node.op not in ("layer", "noise")
