"""The likelihood of the links of a graph: of those that are there and, averaged by itself, of others that are not.

Kipf and Welling 2016, https://arxiv.org/abs/1611.07308, with as many links drawn that are not there.
"""

from __future__ import annotations

from vae_checked.linter.symbols.expression import LOGS, NOISE, REDUCTIONS, TRANSPARENT, Expr, strip, walk
from vae_checked.record import dataclass

_BOTH = LOGS | NOISE


@dataclass(frozen=True, slots=True)
class Links:
    """How probable links are that are there, by what, and the sign of the sum: -1 for a log likelihood."""

    probable: Expr
    given: Expr
    sign: int


def read(node: Expr) -> Links | None:
    """The likelihood that a sum is, where one draw makes both kinds of links probable; None for any other sum."""
    if node.op not in ("add", "sub") or any(arg.bits & _BOTH != _BOTH for arg in node.args):
        return None
    signs = 1, 1 if node.op == "add" else -1
    one, other = (_logarithm(arg, sign) for arg, sign in zip(node.args, signs, strict=True))
    if one is None or other is None or one[1] != other[1]:
        return None
    for present, absent in ((one[0], other[0]), (other[0], one[0])):
        missing = _complement(absent)
        if missing is None or _complement(present) is not None or missing.uid == present.uid:
            continue
        given = [part for part in walk(present) if part.op != "const" and not part.bits & NOISE]
        if given and _draws(present) & _draws(missing):
            return Links(present, given[-1], -one[1])
    return None


def _logarithm(term: Expr, sign: int) -> tuple[Expr, int] | None:
    """What a reduced logarithm is of, without the small number that keeps it finite, and its sign in a sum."""
    node, reduced = term, False
    while node.op != "log":
        if node.op == "neg":
            sign = -sign
        elif node.op in REDUCTIONS:
            reduced = True
        elif node.op not in TRANSPARENT:
            return None
        node = node.args[0]
    inner = strip(node.args[0])
    if inner.op == "add":
        inner = next((strip(arg) for arg in inner.args if arg.op != "const"), inner)
    return (inner, sign) if reduced else None


def _complement(value: Expr) -> Expr | None:
    """What is subtracted from 1."""
    one = value.op == "sub" and value.args[0].op == "const" and value.args[0].value == 1.0
    return strip(value.args[1]) if one else None


def _draws(value: Expr) -> set[int]:
    return {node.uid for node in walk(value) if node.op in ("noise", "draw")}
