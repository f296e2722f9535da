"""KLs that nothing that is said of them distinguishes: the turns of a loop, and the ways through conditions."""

from __future__ import annotations

from collections.abc import Hashable, Iterable

from vae_checked.linter.roles.divergences import Divergence
from vae_checked.linter.roles.objective import Losses
from vae_checked.linter.symbols.expression import Expr

# Those of one formula at one place, of heads that are written at one place each, that are looked at.
_MAX_ALIKE = 4


def few_alike(found: Iterable[Divergence], losses: Losses) -> list[Divergence]:
    """The first few KLs of each kind, those that are differentiated apart from those that are not."""
    seen: dict[Hashable, int] = {}
    kept: list[Divergence] = []
    for kl in found:
        key = _kind(kl, losses)
        seen[key] = seen.get(key, 0) + 1
        if seen[key] <= _MAX_ALIKE:
            kept.append(kl)
    return kept


def _kind(kl: Divergence, losses: Losses) -> Hashable:
    trained = tuple(losses.graph.holds(value, kl.term.uid) for value in losses.backward)
    heads = (kl.location, kl.head, *(kl.prior_heads or ()), *(() if kl.mixed_with is None else (kl.mixed_with,)))
    marks = (kl.prior, kl.reversed, kl.offset, kl.apart, kl.squareless)
    formula = (kl.family, kl.parametrisation, f"{kl.factor:.6g}", *marks)
    return _written(kl.term), tuple(map(_written, heads)), formula, trained


def _written(value: Expr) -> Hashable:
    """Where a value is written; the value itself where that is not known."""
    return value.uid if value.site is None else (value.op, id(value.site.node))
