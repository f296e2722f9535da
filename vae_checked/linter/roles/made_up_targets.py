"""Targets that are made up of numbers and draws: what a judge is to say of a picture, and no data."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable

from vae_checked.linter.roles.reconstructions import Reconstruction
from vae_checked.linter.symbols.expression import Expr, walk

# What follows from the sizes of tensors alone, whatever these are made of.
_SIZES = frozenset(("size", "shape"))
_MAKING = frozenset(("layer", "opaque", "call"))


def left_out(recons: Iterable[Reconstruction]) -> list[Reconstruction]:
    """Some errors without those of what is made up."""
    return [recon for recon in recons if not is_of_one(recon)]


def is_of_one(recon: Reconstruction) -> bool:
    """Whether a network's prediction is compared with what is made up, as an adversary's label is.

    What the prediction is made from as well is no label: a storage of numbers that other code fills, a draw that stands
    for data which a model is tried on, or the noise that it shall find.
    """
    return _is_judged(recon.first, recon.second) or _is_judged(recon.second, recon.first)


def _is_judged(prediction: Expr, target: Expr) -> bool:
    if target.op == "const" or not _is_made_up(target, ()):
        return False
    made = {node.uid: node.op for node in walk(prediction)}
    return not _MAKING.isdisjoint(made.values()) and _is_made_up(target, made)


def _is_made_up(target: Expr, made: Collection[int]) -> bool:
    """Whether all that a value is made of are tensors of numbers and draws, none of them one of those `made` before.

    What a call makes of plain numbers may be read from a file.
    """
    stack, seen, met = [(target, target)], set[int](), False
    while stack:
        node, user = stack.pop()
        if node.uid in seen or node.op in _SIZES:
            continue
        seen.add(node.uid)
        if node.op in ("const", "empty"):
            if node.op == "empty" or _is_tensor(node, user):
                if node.uid in made:
                    return False
                met = True
        elif node.op == "noise":
            if node.uid in made:
                return False
            met = True
        elif not node.args or node.op == "layer":
            return False
        else:
            stack += ((arg, node) for arg in node.args)
    return met


def _is_tensor(node: Expr, user: Expr) -> bool:
    """Whether a number stands for a whole tensor: something else than what uses it made it, with a shape or by a call.

    A plain number that a call is given is written where the call is.
    """
    if node.get("shape") is not None:
        return True
    made, used = (None if each.site is None else each.site.node for each in (node, user))
    return isinstance(made, ast.Call) and made is not used
