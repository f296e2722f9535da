"""Which pairs of values a formula may take for its two heads: its leaves, or inner nodes that stand for them."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from vae_checked.linter.roles import forms
from vae_checked.linter.roles.samplers import is_scalar
from vae_checked.linter.symbols.expression import REDUCTIONS, TRANSPARENT, Expr, elementwise, strip
from vae_checked.linter.symbols.numeric import leaves, leaves_below

# How many inner nodes are tried as the head for std.
MAX_CUTS = 8
_HEADS = 2
NEVER_HEADS = frozenset(("loss", "kl_div", "noise", "data", "label"))
# The length of a whole tensor is none of its elements.
_LENGTHS = frozenset(("norm", "vector_norm"))
# What a formula does with its heads, and no head is made by.
_OF_FORMULA = REDUCTIONS | {"square", "pow", "abs", "neg"}


def is_never_head(leaf: Expr) -> bool:
    """Whether a value that a formula is computed from is no head of a posterior, whatever the formula is."""
    return leaf.op in NEVER_HEADS or (leaf.op == "opaque" and leaf.get("name") in _LENGTHS)


def bottlenecks(node: Expr, tensors: list[Expr], but: frozenset[str], given: Collection[int] = ()) -> tuple[Expr, ...]:
    """Per leaf of a formula the last value that is computed from it alone and that the formula needs nothing beside.

    `but` are operations that make no head; what is below the nodes that are `given` is no part of the formula.
    """
    parents: dict[int, list[Expr]] = {}
    for item in elementwise(node, given):
        for arg in item.args[:1] if item.op in TRANSPARENT else item.args:
            parents.setdefault(arg.uid, []).append(item)
    found = []
    for leaf in tensors:
        top = leaf
        above = parents.get(top.uid, [])
        while len(above) == 1 and above[0].op not in but and above[0].uid != node.uid and not _moves_by_0(above[0]):
            if [other for other in leaves(above[0]) if not is_scalar(other)] != [leaf]:
                break
            top = above[0]
            above = parents.get(top.uid, [])
        found.append(top)
    return tuple(found)


def _moves_by_0(node: Expr) -> bool:
    """Whether a node is a difference from 0, or a sum with it, as from the mean of a prior: a head stands below it."""
    return node.op in ("add", "sub") and any(arg.op == "const" and arg.value == 0.0 for arg in map(strip, node.args))


def beside_prior(
    node: Expr, known: list[tuple[Expr, Expr]], noise: tuple[int, ...], but: frozenset[str]
) -> Iterator[tuple[Expr, ...]]:
    """The heads of a sampler with what else a formula needs, where that is two values: the heads of a prior.

    The prior's may be part of what the posterior's are computed from, as where these are given relative to it.
    """
    inside = {item.uid for item in elementwise(node)} if known else set()
    for location, head in known:
        if location.uid not in inside or head.uid not in inside or location.uid == head.uid:
            continue
        given = (location.uid, head.uid, *noise)
        rest = [leaf for leaf in leaves(node, given) if not is_scalar(leaf)]
        if len(rest) == _HEADS and not any(map(is_never_head, rest)):
            for prior in dict.fromkeys((tuple(rest), bottlenecks(node, rest, but, given))):
                yield location, head, *prior


def known_pairs(node: Expr, known: list[tuple[Expr, Expr]], noise: tuple[int, ...]) -> Iterator[tuple[Expr, Expr]]:
    """The heads of samplers that a term is computed from, which are no leaves of it where an activation made them."""
    if known:
        inside = {item.uid for item in elementwise(node)}
        for location, head in known:
            if (
                head.uid in inside
                and location.uid != head.uid
                and all(is_scalar(leaf) for leaf in leaves(node, (location.uid, head.uid, *noise)))
            ):
                yield location, head


def pairs(node: Expr, found: list[Expr], wanted: list[Expr], noise: tuple[int, ...]) -> Iterator[tuple[Expr, Expr]]:
    """The (location, head for std) that a term may be read by: its two leaves, or inner nodes that stand for them."""
    tensors = [leaf for leaf in found if not is_scalar(leaf) and leaf.uid not in noise]
    if any(map(is_never_head, tensors)):
        return
    if len(tensors) == 2:
        for pair in dict.fromkeys((tuple(tensors), bottlenecks(node, tensors, _OF_FORMULA))):
            yield pair[0], pair[1]
            yield pair[1], pair[0]
    below = list(elementwise(node))
    inside = {item.uid for item in below} - {node.uid}
    given = {item.uid for item in wanted}
    cuts = [item for item in wanted if item.uid in inside]
    cuts += [item for item in _named(below) if item.uid in inside and item.uid not in given]
    cuts = list(dict.fromkeys(cuts[:MAX_CUTS]))
    needed = leaves_below(node, tensors)
    under = [needed[cut.uid] if cut.uid in needed else leaves_below(cut, tensors)[cut.uid] for cut in cuts]
    for cut, own in zip(cuts, under, strict=True):
        # What a cut leaves over must be one leaf, or stand below another cut: few do, and only these are looked at.
        left = (1 << len(tensors)) - 1 & ~own
        others = [
            other for other, its in zip(cuts, under, strict=True) if left and not left & ~its and other.uid != cut.uid
        ]
        if left.bit_count() != 1 and not others:
            continue
        rest = [leaf for leaf in leaves(node, (cut.uid, *noise)) if not is_scalar(leaf)]
        if len(rest) != left.bit_count():
            continue
        if len(rest) == 1:
            yield rest[0], cut
            yield cut, rest[0]
        for other in others:
            if all(map(is_scalar, leaves(node, (cut.uid, other.uid, *noise)))):
                yield other, cut


def _named(below: list[Expr]) -> list[Expr]:
    """Inner nodes that can be a head by themselves."""
    return [item for item in below if item.op in forms.CUTS]
