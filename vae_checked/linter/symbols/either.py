"""A layer of which it is not known which one it is."""

from __future__ import annotations

from itertools import count

from vae_checked.linter.symbols.expression import Expr, Site
from vae_checked.linter.symbols.values import Layer

# Apart from the numbers of the layers that are known.
_NUMBERS = count(-1, -1)
_KIND = "Either"


def unknown_layer(site: Site | None) -> Layer:
    """What stands for either of two layers, or for one or none: each time another one, as each network has its own."""
    return Layer(_KIND, (), {}, next(_NUMBERS), site)


def is_either(value: Expr) -> bool:
    """Whether a value is what a layer gives of which it is not known which one it is: it may be an activation."""
    return value.op == "layer" and value.get("kind") == _KIND
