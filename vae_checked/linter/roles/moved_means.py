"""A z that is drawn with another mean, or another head for std, than its KL is of: one is made of the other."""

from __future__ import annotations

from itertools import pairwise

from vae_checked.linter.roles.divergences import Divergence
from vae_checked.linter.roles.samplers import SamplerSite, is_scalar
from vae_checked.linter.symbols.expression import (
    ELEMENTWISE,
    REDUCTIONS,
    TRANSPARENT,
    Expr,
    contains,
    elementwise,
    strip,
)
from vae_checked.linter.symbols.numeric import Program, close, leaves

# Evenly spaced, within any bound that only keeps a mean finite.
_MEANS = (-1.3, -0.4, 0.5, 1.4, 2.3)
_PASSED = ELEMENTWISE | TRANSPARENT | REDUCTIONS | {"layer", "call", "opaque"}
_NUMBERS = frozenset(("const", "parameter", "weight"))


def drawn_about(site: SamplerSite | None, kl: Divergence | None) -> Expr | None:
    """The mean that z is drawn about, where it is made of the KL's by a layer or a function, or the KL's of it.

    None where the two are one but for a bound, and where a KL to another mean or width than 0 and 1 moves or divides
    its own by a number. What other tensors take part in may be relative to a prior's mean.
    """
    if site is None or kl is None:
        return None
    drawn, read = strip(site.location), strip(kl.location)
    if drawn.uid == read.uid:
        return None
    if contains(drawn, read.uid):
        return drawn if _is_made_of(drawn, read) and not _is_numeric(drawn, read, straight=False) else None
    is_moved = contains(read, drawn.uid) and _is_made_of(read, drawn) and not _is_numeric(read, drawn, straight=True)
    return drawn if is_moved else None


def drawn_with(site: SamplerSite | None, kl: Divergence | None) -> Expr | None:
    """The head that std is made of, where a layer or a function makes it of the KL's, or the KL's of it.

    None where the two are one but for what is done to each number of them: that is read, and judged.
    """
    if site is None or kl is None or site.head is None:
        return None
    read = strip(kl.head)
    for drawn in (site.scale, strip(site.head)):
        for value, base in ((drawn, read), (read, drawn)):
            if value.uid != base.uid and contains(value, base.uid) and _is_made_of(value, base):
                nodes = list(elementwise(value, (base.uid,)))
                reduced = any(node.op in REDUCTIONS and contains(node, base.uid) for node in nodes)
                if reduced or all(base.uid != arg.uid for node in nodes for arg in node.args):
                    return strip(site.head)
    return None


def _is_made_of(value: Expr, base: Expr) -> bool:
    """Whether a value is made of another one and of numbers alone."""
    stack, seen = [value], {base.uid}
    while stack:
        node = stack.pop()
        if node.uid in seen or node.op in _NUMBERS or is_scalar(node):
            continue
        seen.add(node.uid)
        if node.op not in _PASSED or not node.args:
            return False
        stack += node.args
    return True


def _is_numeric(value: Expr, base: Expr, *, straight: bool) -> bool:
    """Whether numbers alone make a value of another one: the same again, or, if `straight`, in a straight line of it.

    Numbers that are not known are taken to do no more than that.
    """
    rest = leaves(value, (base.uid,))
    if rest:
        return all(map(is_scalar, rest))
    program = Program(value, (base.uid,))
    made = [program({base.uid: mean}) for mean in _MEANS]
    steps = [after - before for before, after in pairwise(made)]
    return all(map(close, steps, steps[1:])) if straight else all(map(close, made, _MEANS))
