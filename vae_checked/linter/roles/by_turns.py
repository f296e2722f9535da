"""Terms of which a loop adds up some part in each turn: how often one counts is up to the loop."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from vae_checked.facts import Likelihood
from vae_checked.linter.files import syntax
from vae_checked.linter.roles import seeds
from vae_checked.linter.roles.divergences import Divergence
from vae_checked.linter.roles.reconstructions import Reconstruction
from vae_checked.linter.symbols.expression import ELEMENTWISE, Expr, strip
from vae_checked.linter.symbols.index_keys import index_key
from vae_checked.linter.symbols.observations import Root

# The rows of a table, and one entry of each.
_OF_COLUMN = 2


def in_other_loops(with_kl: Sequence[Root], with_recon: Sequence[Root]) -> bool:
    """Whether of two terms, known by where they are met, one is added up in a loop of unknown length of its own."""
    return _loops_of(with_kl) != _loops_of(with_recon)


def _loops_of(roots: Sequence[Root]) -> set[int]:
    """The loops of unknown length in which a term is made, or kept to be added up."""
    return {loop for index, root in enumerate(roots) if index == 0 or root.kind == "kept" for loop in root.loops}


def is_of_a_turn(kl: Divergence, recon: Reconstruction, *, elsewhere: bool) -> bool:
    """Whether a reconstruction is the error of one column or token: what it is a mean over is the batch alone.

    `elsewhere` where it stands in a loop of unknown length that the KL is not in.
    """
    if recon.kind is Likelihood.CROSS_ENTROPY and (elsewhere or _is_in_loop(kl, recon)):
        return True
    return any(map(_is_column, (recon.first, recon.second)))


def takes_of_each_row(recon: Reconstruction) -> bool:
    """Whether both sides are a part of each row, by an index behind the first axis: that is the batch in each turn.

    Where a loop goes through the batch itself, the samples stand behind the steps.
    """
    through = (loop for loop in _around(recon) if not syntax.trains(loop))
    return all(map(_is_part_of_rows, (recon.first, recon.second))) and not any(map(_is_of_samples, through))


def _is_of_samples(loop: ast.For | ast.AsyncFor) -> bool:
    target = getattr(loop.target, "id", "")
    return target == "b" or "batch" in f"{target} {ast.unparse(loop.iter)}".lower()


def _is_part_of_rows(side: Expr) -> bool:
    node = strip(side)
    while node.op in ELEMENTWISE and len(node.args) == 1:
        node = strip(node.args[0])
    key = node.get("key") if node.op == "index" else None
    return isinstance(key, tuple) and len(key) >= _OF_COLUMN and key[0] == index_key(slice(None))


def _is_in_loop(kl: Divergence, recon: Reconstruction) -> bool:
    """Whether an error is written in a loop that the KL is not in, and that trains nothing itself."""
    other = None if kl.term.site is None else kl.term.site.node
    return any(
        not syntax.trains(node) and all(each is not other for each in syntax.descendants(node))
        for node in _around(recon)
    )


def _around(recon: Reconstruction) -> list[ast.For | ast.AsyncFor]:
    """The loops in which an error is written."""
    site = recon.term.site
    if site is None:
        return []
    loops = (node for node in site.source.cell.nodes if isinstance(node, (ast.For, ast.AsyncFor)))
    return [loop for loop in loops if seeds.holds(loop, site.node)]


def _is_column(side: Expr) -> bool:
    """Whether a value is one entry of each row of a table, or a function of it."""
    node = strip(side)
    while node.op in ELEMENTWISE and len(node.args) == 1:
        node = strip(node.args[0])
    key = node.get("key") if node.op == "index" else None
    return isinstance(key, tuple) and len(key) == _OF_COLUMN and key[0][0] == "slice" and key[1][0] != "slice"
