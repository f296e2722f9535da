"""What the source leaves open of when z is drawn: a setting that hands on the mean, a loss that has z nowhere."""

from __future__ import annotations

from collections.abc import Iterator

from vae_checked.linter.roles.objective import Losses
from vae_checked.linter.roles.phi import asks_for_mode
from vae_checked.linter.roles.samplers import SamplerSite
from vae_checked.linter.roles.validations import source_of
from vae_checked.linter.symbols.expression import Expr, strip

# A network, or a call that is not read and may be one.
_DECODING = ("layer", "opaque", "call")


def is_optional(site: SamplerSite, losses: Losses) -> bool:
    """Whether a setting that is not known, and not the mode of training, chooses between z and its mean."""
    pair = {site.z.uid, strip(site.location).uid}
    return any(
        {strip(side).uid for side in choice.args[1:]} == pair and not asks_for_mode(choice.args[0])
        for choice in losses.unsettled.having("phi")
    )


def is_left_out(site: SamplerSite, losses: Losses) -> bool:
    """Whether all that has a KL of these heads and something decoded in it has that from the mean alone.

    The heads may be those that the same layers make of another input, as in a method that only reconstructs.
    """
    graph = losses.graph
    kls = [kl for kl in losses.kls if _are_made_alike(kl.location, site.location)]
    with_kl = graph.holding_any(kl.term.uid for kl in kls)
    values = [value for value in graph.values if value.uid in with_kl]
    if not values:
        return False
    drawn = {other.z.uid for other in losses.samples if _are_made_alike(other.location, site.location)}
    if not graph.holding_any(drawn).isdisjoint(value.uid for value in values):
        return False
    means = {strip(kl.location).uid for kl in kls}
    made = graph.holding_any(means) - means
    return any(node.op in _DECODING and node.uid in made for value in values for node in _without(value, drawn))


def _are_made_alike(one: Expr, other: Expr) -> bool:
    """Whether the same layer makes two means, or the same line by a network that is not read."""
    if source_of(one) == source_of(other):
        return True
    places = [strip(each).site for each in (one, other)]
    return all(place is not None for place in places) and len({id(place.node) for place in places if place}) == 1


def _without(value: Expr, left_out: set[int]) -> Iterator[Expr]:
    """The nodes of a value but for those that some others alone have in them."""
    seen = set(left_out)
    stack = [value]
    while stack:
        node = stack.pop()
        if node.uid not in seen:
            seen.add(node.uid)
            yield node
            stack.extend(node.args)
