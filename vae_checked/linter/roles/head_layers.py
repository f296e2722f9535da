"""The layers that make the heads of a posterior."""

from __future__ import annotations

from vae_checked.linter.symbols.expression import Expr, strip


def layer_of(head: Expr) -> object:
    """What tells the layer of a head from other layers, whatever it was applied to."""
    node = strip(head)
    while node.op in ("part", "item", "index", "exp", "clamp", "softplus", "mul") and node.args:
        node = strip(next((arg for arg in node.args if arg.op != "const"), node.args[0]))
    return node.get("serial") if node.op == "layer" else node.uid
