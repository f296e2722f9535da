"""Latents that people look at: mapped as pixels are, cut to [0, 1] and written as a picture, and never decoded."""

from __future__ import annotations

from collections.abc import Iterable

from vae_checked.linter.pretrained.moving import moves
from vae_checked.linter.symbols.expression import ELEMENTWISE, Expr, Graph
from vae_checked.linter.symbols.intervals import interval_of

_BYTES = 255.0
# What is handed a picture that somebody looks at.
_VIEWERS = frozenset(
    "save_image make_grid to_pil_image numpy_to_pil fromarray imshow imsave imwrite add_image add_images Image".split()
)
# What may be a model, or be trained on what it is given.
_MODELS = frozenset(("layer", "loss", "call"))
_UNKNOWN_CALL = ("opaque", "call")
_HANDED_ON = frozenset(("phi", "item", "cast"))


def is_looked_at(mapped: Expr, graph: Graph, decodes: Iterable[Expr]) -> bool:
    """Whether what a map makes of latents is cut to the range of pictures or written as one, and goes into no model.

    What draws a grid of anything that it is given draws one of latents as well, where it is asked to.
    """
    if any(graph.holds(call, mapped.uid) for call in decodes):
        return False
    stack, seen, is_shown = [mapped], set[int](), False
    while stack:
        node = stack.pop()
        for taker in graph.above(node):
            if _shows(taker):
                is_shown = True
            elif taker.op in _MODELS or (taker.op, taker.get("name")) == _UNKNOWN_CALL:
                return False
            elif taker.uid not in seen and (taker.op in ELEMENTWISE | _HANDED_ON or moves(taker)):
                seen.add(taker.uid)
                stack.append(taker)
    return is_shown


def _shows(node: Expr) -> bool:
    if node.op == "clamp":
        cut = interval_of(node)
        return cut is not None and cut.low == 0.0 and cut.high in (1.0, _BYTES)
    return node.op in ("opaque", "call") and str(node.get("name")).rpartition(".")[2] in _VIEWERS
