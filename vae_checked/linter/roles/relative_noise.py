"""Noise in proportion to what it is added to, as a code is disturbed by: `z + 0.1 * z * eps` is drawn from no heads."""

from __future__ import annotations

from collections.abc import Iterable

from vae_checked.linter.roles.divergences import Divergence
from vae_checked.linter.roles.samplers import SamplerSite
from vae_checked.linter.symbols.expression import REDUCTIONS, Expr, called_name, strip

# What of a value is in proportion to it.
_KEEPING = REDUCTIONS | {"abs", "mul", "div", "neg", "detach", "square", "sqrt", "pow", "clamp", "maximum"}
_MEASURING = frozenset("std var norm vector_norm max amax median nanmean nanmedian quantile".split())
_CALLED = ("call", "opaque", "norm")
_MOST_NODES = 30


def left_out(found: list[SamplerSite], kls: Iterable[Divergence]) -> list[SamplerSite]:
    """The samplers without those whose scale is a share of their own mean, where no KL reads them.

    What makes a std of any number, as an exp does, is meant for a head, though that is the mean by mistake.
    """
    apart = [site for site in found if _is_share(site.scale, strip(site.location).uid)]
    read = {strip(head).uid for kl in kls for head in (kl.location, kl.head)} if apart else set()
    return [site for site in found if site not in apart or not read.isdisjoint(_heads(site))]


def _heads(site: SamplerSite) -> set[int]:
    return {strip(head).uid for head in (site.location, site.scale, site.head) if head is not None}


def _is_share(scale: Expr, mean: int) -> bool:
    """Whether a scale is made of the mean alone, and grows as that does."""
    stack, seen, met = [strip(scale)], set[int](), False
    while stack and len(seen) < _MOST_NODES:
        node = stack.pop()
        if node.uid in seen:
            continue
        seen.add(node.uid)
        if node.uid == mean:
            met = True
        elif node.op in _KEEPING or (node.op in _CALLED and called_name(node) in _MEASURING):
            stack += [strip(arg) for arg in node.args if arg.op != "const"]
        elif node.op != "const":
            return False
    return met and not stack
