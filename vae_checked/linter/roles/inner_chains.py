"""How a KL is reduced inside of its own term, where its parts may be summed and averaged one by one."""

from __future__ import annotations

from vae_checked.facts import Reduced, Reduction
from vae_checked.linter.roles.divergences import Divergence
from vae_checked.linter.roles.reductions import chains, peeled, rank_of
from vae_checked.linter.symbols.expression import Graph
from vae_checked.mathematics.reductions import ChainStep, Size, is_inner, read, weighs_formula


def inner_chain(kl: Divergence, graph: Graph) -> tuple[ChainStep, ...] | None:
    """The reductions inside a KL's own term, down to its heads, where all paths agree, and what weighs the term.

    Those of terms that are reduced one by one agree where they come to the same: `sum(1).mean()` and `sum(-1).mean(0)`.
    """
    top = peeled(kl.term)
    # A mean is made a sum again by the batch size, which is no weight.
    kept = tuple(step for step in top if is_inner(step) or weighs_formula(step) or isinstance(step, Size))
    found: set[tuple[ChainStep, ...]] = set()
    for target in (kl.head.uid, kl.location.uid):
        for chain in chains(kl.term, target, graph):
            found.add((*kept, *filter(is_inner, chain[len(top) :])))
    if len(found) == 1:
        return next(iter(found))
    rank = rank_of(kl.head) or rank_of(kl.location)
    amounts = {read(chain, rank) for chain in found}
    return min(found, key=len) if len(amounts) == 1 and all(map(_is_known, amounts)) else None


def _is_known(reduced: Reduced | None) -> bool:
    return reduced is not None and None not in (reduced.batch, reduced.event) and reduced.event is not Reduction.MIXED
