"""Ways on which z is drawn otherwise from the same heads, and not as any sampler that was read."""

from __future__ import annotations

import ast
from collections.abc import Hashable, Iterator, Sequence, Set

from vae_checked.linter.roles.head_layers import made_by
from vae_checked.linter.roles.objective import Losses
from vae_checked.linter.roles.samplers import SamplerSite
from vae_checked.linter.symbols.expression import NOISE, Expr, strip, walk

_DRAWS = ("noise", "draw")


def on_another_way(site: SamplerSite, losses: Losses) -> Expr | None:
    """What is drawn in the place of a sampler's z, or of its noise, where a condition has something else there.

    It is made of the heads and of noise, as of a distribution that has a shortcut in two dimensions, or by a call that
    is not read. A draw that no head takes part in is one from the prior.
    """
    graph = losses.unsettled
    choices = graph.having("phi")
    if not choices:
        return None
    unread, own = losses.read_once(_unread), losses.unsettled_with(site.z)
    layers = made_by(site.location, site.scale) if unread else set()
    for choice in choices:
        arms = choice.args[1:]
        found = _called(site, arms, own) if any(map(_is_call, arms)) or choice.bits & NOISE else None
        if found is not None:
            return found
        if not layers or not any(arm.uid in own for arm in arms):
            continue
        for arm in arms:
            above = [] if arm.uid in own else list(_above_layers(arm, layers))
            held = [node for node in above if node.uid in unread]
            if held and not layers.isdisjoint(made_by(*above)):
                return held[0]
    return None


def _above_layers(value: Expr, layers: Set[object]) -> Iterator[Expr]:
    """What a value is made of down to some layers: what goes into these, as a mask by chance does, draws nothing."""
    stack, seen = [value], set[int]()
    while stack:
        node = stack.pop()
        if node.uid not in seen:
            seen.add(node.uid)
            yield node
            if node.op != "layer" or node.get("serial") not in layers:
                stack.extend(node.args)


def _called(site: SamplerSite, arms: Sequence[Expr], own: Set[int]) -> Expr | None:
    """The unread call that a condition has in the place of a draw, or of noise, that it is otherwise."""
    drawn = {_written(site.z): False, _written(site.noise): True}
    met = [drawn[place] for arm in arms if (place := _written(strip(arm))) in drawn]
    if not met:
        return None
    mean = strip(site.location).uid
    # What the heads are made of themselves draws nothing.
    below = {_written(node) for node in walk(site.location, site.scale) if _is_call(node)}
    for arm in arms:
        skipped = arm.uid in own or _written(strip(arm)) in drawn
        for called in () if skipped else filter(_is_call, walk(arm)):
            # In the place of noise nothing needs to be made of the heads; what is drawn without them is a prior's.
            of_heads = (any(met) and strip(arm) is called) or any(node.uid == mean for node in walk(arm))
            if of_heads and _written(called) not in below:
                return called
    return None


def _is_call(node: Expr) -> bool:
    return node.op in ("call", "opaque") and node.site is not None and isinstance(node.site.node, ast.Call)


def _unread(losses: Losses) -> dict[int, Expr]:
    """The draws that no sampler draws with, by their numbers, known by where they are written."""
    known = {_written(site.noise) for site in losses.samples}
    return {node.uid: node for node in losses.unsettled.having(*_DRAWS) if _written(node) not in known}


def _written(node: Expr) -> Hashable:
    return node.uid if node.site is None else id(node.site.node)
