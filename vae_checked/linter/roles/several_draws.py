"""Several draws for each sample, along an axis in front of that of the batch: a mean over it is none of the batch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from vae_checked.linter.roles.draw_axes import OVER_STEPS, adds_an_axis, has_such_sizes, is_put_in_front
from vae_checked.linter.roles.reconstructions import Reconstruction
from vae_checked.linter.roles.samplers import SamplerSite
from vae_checked.linter.symbols.expression import Expr, Graph, strip
from vae_checked.mathematics.reductions import ChainStep, Reduce

_LAST = (-1,)


def are_first(site: SamplerSite | None, recon: Reconstruction, chain: Sequence[ChainStep], graph: Graph) -> bool:
    """Whether an error is reduced along axes by their numbers, and of what is decoded the first is one of draws."""
    by_number = [step for step in chain if isinstance(step, Reduce) and isinstance(step.axes, tuple)]
    if by_number and any(map(_is_stacked, (recon.first, recon.second))):
        return True
    if site is None or all(step.axes == _LAST for step in by_number):
        return False
    if site.z.get("drawn") or has_such_sizes(site.noise):
        return True
    if any(map(is_put_in_front, (site.location, site.scale, *site.noise.args))):
        return True
    sides = (side for side in (recon.first, recon.second) if graph.holds(side, site.z.uid))
    return any(adds_an_axis(node) for side in sides for node in _towards(side, site.z.uid, graph))


def _is_stacked(side: Expr) -> bool:
    """Whether what is compared was decoded one by one, and put together along a first axis."""
    return any(node.op == "stack" and node.get("axis") in (None, 0) for node in (side, strip(side)))


def _towards(side: Expr, z: int, graph: Graph) -> Iterator[Expr]:
    """The nodes on the way from what is compared to z; the first state of a recurrent layer has axes of its own."""
    stack, seen = [side], set[int]()
    while stack:
        node = stack.pop()
        if node.uid not in seen and graph.holds(node, z) and not str(node.get("kind")).startswith(OVER_STEPS):
            seen.add(node.uid)
            yield node
            stack.extend(node.args)
