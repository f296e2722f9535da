"""KLs of the same heads that a loss adds up in two formulas: by hand, and by a library or other algebra."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from vae_checked.facts import Family, Reduction
from vae_checked.linter.roles import reductions
from vae_checked.linter.roles.added_twice import Added
from vae_checked.linter.roles.divergences import Divergence
from vae_checked.linter.roles.inner_chains import inner_chain
from vae_checked.linter.roles.one_way import one_way_down
from vae_checked.linter.roles.reconstructions import Reconstruction
from vae_checked.linter.roles.samplers import is_scalar
from vae_checked.linter.symbols.expression import Expr, Graph, elementwise, strip
from vae_checked.linter.symbols.numeric import leaves
from vae_checked.linter.symbols.structures import kept_with_structures
from vae_checked.mathematics.chain_signs import sign_of
from vae_checked.mathematics.effective_beta import scaling_of
from vae_checked.mathematics.reductions import ChainStep, read
from vae_checked.record import dataclass

# Per head what it follows from elementwise.
_FOLLOWED = kept_with_structures(dict[int, frozenset[int]]())


@dataclass(frozen=True, slots=True)
class _Counted:
    """How much a loss makes of a KL: the number that it is times, what has a name, and how it is reduced."""

    number: float
    named: tuple[tuple[str, int], ...]
    batch: Reduction | None
    event: Reduction | None


def are_of_same_heads(one: Divergence, other: Divergence) -> bool:
    """Whether two terms are the KL to N(0, I) of one Gaussian, whichever of its heads the formulas read."""
    if one.term.uid == other.term.uid or not (_is_plain(one) and _is_plain(other)):
        return False
    if strip(one.location).uid != strip(other.location).uid:
        return False
    return strip(one.head).uid == strip(other.head).uid or followed(one.head) == followed(other.head) != frozenset()


def added(
    once: Added,
    total: Expr,
    kl: Divergence,
    kls: Iterable[Divergence],
    recon: Reconstruction,
    recons: Iterable[Reconstruction],
    graph: Graph,
) -> Added:
    """How often a loss counts a KL that it has so often, with those of other formulas; None where that is not known.

    An estimate by a draw beside a closed form, another weight or reduction, and a second error are no second addition
    of one term for sure: how much of the KL the loss has then is open.
    """
    same = [each for each in kls if are_of_same_heads(kl, each) and graph.holds(total, each.term.uid)]
    same = [each for each in same if reductions.ways(total, each.term.uid, graph, attached=True)]
    if not same:
        return once
    mine, *others = (_counted(each, total, graph) for each in (kl, *same))
    is_alike = mine is not None and all(other is not None and _is_as_much(mine, other) for other in others)
    is_open = any(map(_is_estimate, (kl, *same))) or any(
        each.term.uid != recon.term.uid and graph.holds(total, each.term.uid) for each in recons
    )
    if once != Added() or is_open or not is_alike:
        return Added(None)
    *_, innermost = one_way_down(total, graph, kl.term.uid, *(each.term.uid for each in same))
    return Added(1 + len(same), innermost)


def _is_estimate(kl: Divergence) -> bool:
    heads = {strip(kl.location).uid, strip(kl.head).uid}
    return any(arg.op in ("noise", "draw") for node in elementwise(kl.term, heads) for arg in node.args)


def _is_plain(kl: Divergence) -> bool:
    is_to_normal = not (kl.prior or kl.prior_heads or kl.apart or kl.offset or kl.reversed is not False)
    return is_to_normal and kl.parametrisation is not None and kl.family is Family.GAUSSIAN


def followed(head: Expr) -> frozenset[int]:
    """The uids of the values that a head follows from elementwise: read once, however many samplers ask."""
    if head.uid not in _FOLLOWED:
        _FOLLOWED[head.uid] = frozenset(leaf.uid for leaf in leaves(head) if not is_scalar(leaf))
    return _FOLLOWED[head.uid]


def _counted(kl: Divergence, total: Expr, graph: Graph) -> _Counted | None:
    ways, inside = reductions.ways(total, kl.term.uid, graph, attached=True), inner_chain(kl, graph)
    if len(ways) != 1 or inside is None:
        return None
    above: Sequence[ChainStep] = reductions.steps_of(ways[0])
    scaled, within, sign = scaling_of(above), scaling_of(reductions.peeled(kl.term)), sign_of(above)
    reduced = read((*above, *inside), reductions.rank_of(kl.head) or reductions.rank_of(kl.location))
    if scaled is None or within is None or sign is None or reduced is None:
        return None
    named = sorted((each.symbol, each.power) for each in (*scaled[1], *within[1]))
    return _Counted(sign * kl.factor * scaled[0], tuple(named), reduced.batch, reduced.event)


def _is_as_much(one: _Counted, other: _Counted) -> bool:
    alike = (one.named, one.batch, one.event) == (other.named, other.batch, other.event)
    return alike and None not in (one.batch, one.event) and math.isclose(one.number, other.number, rel_tol=1e-3)
