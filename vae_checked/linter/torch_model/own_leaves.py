"""Tensors that are cut off from what made them and learned by themselves: `mu.detach().requires_grad_()`.

What a model says of one sample is refined so: nothing of the model is trained where only these are.
"""

from __future__ import annotations

from vae_checked.linter.symbols.expression import NOISE, TRANSPARENT, Expr, Site, walk
from vae_checked.linter.symbols.values import Value


def learned(owner: Value, serial: int, site: Site) -> Expr | None:
    """The parameter that a detached value is made; None for what is not detached, is drawn, or is no layer's output.

    A sample that is cut off is left as it is: what drew it may be meant to learn.
    """
    node = owner
    while isinstance(node, Expr) and node.op in TRANSPARENT and node.op != "detach" and node.args:
        node = node.args[0]
    if not isinstance(node, Expr) or node.op != "detach" or node.bits & NOISE:
        return None
    if not any(item.op == "layer" for item in walk(node)):
        return None
    return Expr("parameter", (), (("serial", serial),), site)
