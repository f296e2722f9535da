"""Several draws for each sample, along an axis in front of that of the batch: a mean over it is none of the batch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from vae_checked.linter.roles.extents import OVER_STEPS
from vae_checked.linter.roles.reconstructions import Reconstruction
from vae_checked.linter.roles.samplers import SamplerSite
from vae_checked.linter.symbols.expression import TRANSPARENT, Expr, Graph
from vae_checked.linter.torch_model.sizes import UNKNOWN
from vae_checked.mathematics.reductions import ChainStep, Reduce

_COPIES = frozenset(("expand", "repeat"))
_ROWS, _LAST = 2, (-1,)


def are_first(site: SamplerSite | None, recon: Reconstruction, chain: Sequence[ChainStep], graph: Graph) -> bool:
    """Whether an error is reduced along axes by their numbers, and of what is decoded the first is one of draws."""
    by_number = (step for step in chain if isinstance(step, Reduce) and isinstance(step.axes, tuple))
    if site is None or all(step.axes == _LAST for step in by_number):
        return False
    if site.z.get("drawn") or _has_such_sizes(site.noise):
        return True
    if any(map(_is_put_in_front, (site.location, site.scale, *site.noise.args))):
        return True
    sides = (side for side in (recon.first, recon.second) if graph.holds(side, site.z.uid))
    return any(_adds_an_axis(node) for side in sides for node in _towards(side, site.z.uid, graph))


def _towards(side: Expr, z: int, graph: Graph) -> Iterator[Expr]:
    """The nodes on the way from what is compared to z; the first state of a recurrent layer has axes of its own."""
    stack, seen = [side], set[int]()
    while stack:
        node = stack.pop()
        if node.uid not in seen and graph.holds(node, z) and not str(node.get("kind")).startswith(OVER_STEPS):
            seen.add(node.uid)
            yield node
            stack.extend(node.args)


def _has_such_sizes(noise: Expr) -> bool:
    """Whether noise is, or may be, drawn with the sizes of heads behind another one: `randn(5, *mean.shape)`."""
    shape = noise.get("shape")
    if shape == UNKNOWN or (shape is None and not noise.args):
        return True
    later = shape[1:] if isinstance(shape, tuple) else ()
    return any(isinstance(part, tuple) and part[0] in ("size", "from") and part[1] == 0 for part in later)


def _is_put_in_front(value: Expr) -> bool:
    """Whether heads have got an axis of copies in front of their rows, or may have."""
    while value.op in TRANSPARENT and value.args:
        sizes = value.get("sizes")
        if _adds_an_axis(value) or (value.op in _COPIES and isinstance(sizes, tuple) and len(sizes) > _ROWS):
            return True
        value = value.args[0]
    return False


def _adds_an_axis(node: Expr) -> bool:
    if node.op == "stack":
        return node.get("axis") in (None, 0)
    return node.op == "unsqueeze" and node.get("sizes") == (0,)
