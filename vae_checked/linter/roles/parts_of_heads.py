"""A KL of one part of both heads, as of a step, a slice or each sample in turn, is one of heads that a sampler has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from vae_checked.linter.roles.divergences import Divergence
from vae_checked.linter.roles.samplers import SamplerSite
from vae_checked.linter.symbols.expression import Expr, contains, strip
from vae_checked.record import replace

# What takes a part of a tensor, or puts its axes in another order.
_PARTS = frozenset(("index", "item", "part", "move"))


def of_whole_heads(kl: Divergence, found: Sequence[SamplerSite]) -> Divergence:
    """A KL that takes the same part of both heads of a sampler, as one of these heads; any other one as it is."""
    location, head = strip(kl.location), strip(kl.head)
    if not _are_same_part(location, head) or _are_drawn_with(location, head, found):
        return kl
    while _are_same_part(location, head):
        location, head = strip(location.args[0]), strip(head.args[0])
        if _are_drawn_with(location, head, found):
            return replace(kl, location=location, head=head, part=kl.head)
    return kl


def misses_an_axis(kl: Divergence) -> bool:
    """Whether one entry of a later axis than the first is taken of both heads: of that axis nothing is left."""
    keys = (node.get("key") for node in _taken(kl))
    return any(isinstance(key, tuple) and any(map(_is_entry, key[1:])) for key in keys)


def _taken(kl: Divergence) -> Iterator[Expr]:
    """What takes the part that a KL is of: down to the heads of its sampler, else what takes the same of both heads."""
    if kl.part is None:
        location, head = strip(kl.location), strip(kl.head)
        while _are_same_part(location, head):
            yield head
            location, head = strip(location.args[0]), strip(head.args[0])
        return
    # The sampler's heads may be entries of one tensor themselves: of these no axis is missing.
    part, whole = strip(kl.part), strip(kl.head).uid
    while part.op in _PARTS and part.uid != whole:
        yield part
        part = strip(part.args[0])


def _is_entry(part: object) -> bool:
    """Whether a part of an index is a number, as far as is known."""
    return isinstance(part, tuple) and (part[0] == "expr" or (part[0] == "value" and isinstance(part[1], (int, float))))


def _are_same_part(location: Expr, head: Expr) -> bool:
    """Whether the same part is taken of two values that are not the same one."""
    if location.op not in _PARTS or location.op != head.op or location.attrs != head.attrs:
        return False
    return location.args[0].uid != head.args[0].uid and location.args[1:] == head.args[1:]


def _are_drawn_with(location: Expr, head: Expr, found: Sequence[SamplerSite]) -> bool:
    return any(strip(site.location).uid == location.uid and contains(site.scale, head.uid) for site in found)
