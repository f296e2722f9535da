"""Errors of one input that a loop or a list adds up, one for each sample of z: divided by their number, they are one.

They may be written out, be one error as often as z is decoded, or be the one of a turn that stands for all of a loop.
"""

from __future__ import annotations

from collections.abc import Iterable

from vae_checked.linter.roles import reductions
from vae_checked.linter.roles.divergences import Divergence
from vae_checked.linter.roles.reconstructions import Reconstruction
from vae_checked.linter.symbols.expression import Expr, Graph
from vae_checked.mathematics.reductions import ChainStep


def samples_in(
    total: Expr,
    kl: Divergence,
    recon: Reconstruction,
    recons: Iterable[Reconstruction],
    down: tuple[ChainStep, ...],
    graph: Graph,
) -> int:
    """How many errors of the same data the same place adds to a loss, each of a sample of its own, or all of one."""
    place = None if recon.term.site is None else recon.term.site.node
    alike = [
        other
        for other in recons
        if other.term.uid != recon.term.uid
        and other.term.site is not None
        and other.term.site.node is place
        and (other.first.uid == recon.first.uid) is not (other.second.uid == recon.second.uid)
        and graph.holds(total, other.term.uid)
    ]
    if alike:
        return 1 + sum(reductions.chains(total, other.term.uid, graph) == [down] for other in alike)
    return _times(total, recon.term.uid, graph) if _times(total, kl.term.uid, graph) == 1 else 1


def _times(total: Expr, term: int, graph: Graph) -> int:
    """How often a sum has what is made of a term among what it adds up, the same each time; 1 where none is seen."""
    holding = graph.holding(term)
    node = total
    while len(inner := [arg for arg in node.args if arg.uid in holding]) == 1:
        node = inner[0]
    if node.uid == term or node.op != "add":
        return 1
    count, added = 0, node.args[1].uid
    while node.op == "add" and node.args[1].uid == added:
        count, node = count + 1, node.args[0]
    if node.uid == added:
        return count + 1
    return count if node.op == "const" and not node.value else 1
