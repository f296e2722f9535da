"""Heads behind what clips or computes them: read as they are for positive numbers, or as what is computed of both."""

from __future__ import annotations

from vae_checked.facts import Parametrisation
from vae_checked.linter.roles.divergences import Divergence
from vae_checked.linter.roles.samplers import CLOSE, PROBES, PROBES_POSITIVE, SamplerSite
from vae_checked.linter.symbols.expression import Expr, contains, strip
from vae_checked.linter.symbols.numeric import Program, close, finite, leaves
from vae_checked.mathematics.gaussians import fit_std


def curve_beside(
    scale: Expr, other: Expr, head: Expr
) -> tuple[Parametrisation | None, tuple[tuple[float, float], ...]] | None:
    """How std follows from `other`, where both are computed from `head` alone: as `curve`."""
    if any(leaves(side, (head.uid,)) for side in (scale, other)):
        return None
    drawn, read = Program(scale, (head.uid,)), Program(other, (head.uid,))
    pairs = [(read({head.uid: s}), abs(drawn({head.uid: s}))) for s in (*PROBES_POSITIVE, *PROBES)]
    pairs = [(x, y) for x, y in pairs if finite((x, y))][: len(PROBES_POSITIVE)]
    if len(pairs) < len(PROBES_POSITIVE):
        return None
    return fit_std(pairs, CLOSE), tuple(pairs[:3])


def clips(node: Expr, head: Expr) -> bool:
    """Whether `node` is `head` for positive numbers: a ReLU, a floor, or the head itself."""
    if not contains(node, head.uid):
        return False
    program = Program(node, (head.uid,))
    return all(close(program({head.uid: s}), s) for s in PROBES_POSITIVE)


def common_head(site: SamplerSite | None, kl: Divergence | None) -> Expr | None:
    """The node from which sampler and KL both read the head for std."""
    if site is None:
        return None
    fitting = site.fitting_head
    if kl is not None and fitting is not None and contains(kl.term, fitting.uid) and clips(fitting, kl.head):
        # Both read the head behind what clips it.
        return fitting
    if kl is not None and contains(site.scale, kl.head.uid):
        return kl.head
    if kl is not None and contains(site.scale, strip(kl.head).uid):
        return strip(kl.head)
    return fitting or site.head
