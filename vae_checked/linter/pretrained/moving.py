"""Operations that hand on the numbers that they are given, in another order, shape or resolution."""

from __future__ import annotations

import re

from vae_checked.linter.symbols.expression import TRANSPARENT, Expr

_MOVED = TRANSPARENT | frozenset(
    ("move", "stack", "index", "part", "repeat", "expand", "cat", "flatten", "detach", "round", "nan_to_num", "enlarge")
)
# Between pixels and beyond the edge as well: the weights of an interpolation sum to one.
_REARRANGED = frozenset(
    ("einops.rearrange", "rearrange", "einops.repeat", "interpolate", "torch.nn.functional.pad", "pad")
)
# What makes tokens of latents for a transformer, and latents of tokens.
_PACKED = re.compile(r"(?:^|[._])(?:un)?pack_?latents$")


def moves(node: Expr) -> bool:
    """Whether an operation hands on the numbers of its first argument, in another order, shape or resolution."""
    if not node.args:
        return False
    if node.op in ("cat", "stack"):
        return len(node.args) == 1
    if node.op in _MOVED:
        return True
    name = node.get("name")
    return node.op == "opaque" and isinstance(name, str) and (name in _REARRANGED or _PACKED.search(name) is not None)
