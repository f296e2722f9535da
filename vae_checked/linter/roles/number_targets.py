"""Errors of which a side is made of numbers alone, as a label or the points of a grid are: none of the data."""

from __future__ import annotations

from vae_checked.linter.roles.reconstructions import Reconstruction
from vae_checked.linter.symbols.expression import Expr, called_name, strip, walk

_SIZES, _COUNTING = frozenset(("size", "shape")), ("builtins.", "math.")
_MAKING = frozenset(("opaque", "call", "atom", "noise", "layer", "parameter"))
_TAKEN = frozenset(("index", "item", "part"))
# What counts numbers off from one to another, at equal steps or ratios.
_GRIDS = frozenset("linspace logspace geomspace arange".split())


def is_against_one(recon: Reconstruction) -> bool:
    """Whether a side is made of numbers and sizes alone, a discriminator's label or `torch.ones(5) / 5`: no data.

    So is a function of the points of a grid, unless a network is given these: then they are what it models.
    """
    for side, other in ((recon.first, recon.second), (recon.second, recon.first)):
        grids = _grids_in(side)
        if strip(side).op == "empty" or (grids is not None and not _is_given(other, grids)):
            return True
    return False


def _grids_in(side: Expr) -> set[int] | None:
    """The grids in a value that is worked out of numbers, and of sizes as `min(11, x.size(1)) // 2`; None for another.

    A tensor that is filled element by element with some of them holds data, and so may one that rows are taken of.
    """
    stack, grids = [side], set[int]()
    while stack:
        node = strip(stack.pop())
        if _is_grid(node):
            grids.add(node.uid)
        elif node.op in _SIZES or node.op == "const":
            continue
        elif (
            node.get("filled") is True
            or not node.args
            or (node.op in _TAKEN and strip(node.args[0]).op == "const")
            or (node.op in _MAKING and not str(node.get("name")).startswith(_COUNTING))
        ):
            return None
        else:
            stack += node.args
    return grids


def _is_grid(node: Expr) -> bool:
    """Whether a call counts numbers off."""
    return node.op == "opaque" and called_name(node) in _GRIDS and all(arg.op == "const" for arg in node.args)


def _is_given(prediction: Expr, grids: set[int]) -> bool:
    """Whether a network makes a prediction of the points of a grid."""
    layers = [node for node in walk(prediction) if node.op == "layer"] if grids else []
    return any(node.uid in grids for node in walk(*layers))
