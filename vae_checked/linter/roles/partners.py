"""Which KL belongs to a sampler: one of the heads that it draws with."""

from __future__ import annotations

from collections.abc import Iterable

from vae_checked.facts import Family
from vae_checked.linter.roles import samplers
from vae_checked.linter.roles.divergences import Divergence
from vae_checked.linter.roles.misread_heads import exchanged
from vae_checked.linter.roles.objective import Losses
from vae_checked.linter.roles.samplers import SamplerSite
from vae_checked.linter.roles.two_formulas import are_of_same_heads, followed
from vae_checked.linter.symbols.expression import standing_in, strip, walk


def kl_of(site: SamplerSite, found: list[Divergence]) -> Divergence | None:
    """The KL of a sampler's heads: it shares a head with it.

    Where several do, as under a setting that says what that head is, it is one that reads it as the sampler does.
    """
    kls = [kl for kl in found if kl.family is Family.GAUSSIAN]
    if not kls:
        return None
    heads = (head for kl in kls for head in (kl.head, strip(kl.head)))
    inside = standing_in(site.scale, {head.uid for head in heads if head.op != "const"})
    location = strip(site.location).uid
    reading = [kl for kl in kls if kl.head.uid in inside or strip(kl.head).uid in inside]
    beside = [kl for kl in kls if strip(kl.location).uid == location] if site.head is not None else []
    both = [kl for kl in reading if strip(kl.location).uid == location]
    candidates = both or reading or beside or _following_alike(site, kls)
    if candidates:
        return next((kl for kl in candidates if agrees(site, kl)), candidates[0])
    return next((kl for kl in kls if exchanged(site, kl)), None)


def trained_of(site: SamplerSite, kls: list[Divergence], losses: Losses) -> Divergence | None:
    """The KL of a sampler's heads; the one that trains, where another is computed of them too, as to test.

    The heads of both are one value where the model is applied to what the linter cannot tell apart.
    """
    kl = kl_of(site, kls)
    if kl is None or trains(kl, losses):
        return kl
    location, inside = strip(site.location).uid, {node.uid for node in walk(site.scale)}
    trained = (
        each
        for each in kls
        if (strip(each.location).uid == location and strip(each.head).uid in inside) or exchanged(site, each)
    )
    return next((each for each in trained if trains(each, losses)), kl)


def trains(kl: Divergence, losses: Losses) -> bool:
    """Whether a KL is part of what is differentiated; where that is not seen, of what the code calls its loss."""
    return any(losses.graph.holds(value, kl.term.uid) for value in losses.backward or losses.ends)


def on_another_way(
    kl: Divergence, drawn: Iterable[SamplerSite], used: Iterable[Divergence], losses: Losses
) -> SamplerSite | None:
    """The sampler of a KL that a condition puts in the place of its own, so that the two stand together in no loss.

    Or of one that is added to its own in another formula.

    Where neither is seen in a loss that is differentiated they may be of two settings, and more than the KL differs.
    """
    if not losses.is_differentiated(kl):
        return None
    heads = _heads(kl)
    for other in used:
        is_same = are_of_same_heads(kl, other)
        if not (is_same or _heads(other) == heads) or not losses.is_differentiated(other):
            continue
        holding = losses.graph.holding(kl.term.uid) & losses.graph.holding(other.term.uid)
        site = next((site for site in drawn if kl_of(site, [other]) is not None), None)
        if site is not None and (is_same or not any(value.uid in holding for value in losses.ends)):
            return site
    return None


def is_only_behind(site: SamplerSite, kl: Divergence, drawn: Iterable[SamplerSite]) -> bool:
    """Whether the heads of a KL stand in those of a sampler only as what another z is drawn with.

    So they do in a prior's draw of the step that comes after a posterior's z.
    """
    latents = {other.z.uid for other in drawn if other.z.uid != site.z.uid}
    wanted = {head.uid for head in (kl.head, strip(kl.head), kl.location, strip(kl.location)) if head.op != "const"}
    held, own = set[int](), set[int]()
    for value in (site.location, site.scale):
        held |= standing_in(value, wanted)
        own |= standing_in(value, wanted, up_to=latents)
    return bool(held) and not own and not _following_alike(site, [kl])


def _heads(kl: Divergence) -> tuple[int, int]:
    return strip(kl.location).uid, strip(kl.head).uid


def _following_alike(site: SamplerSite, kls: list[Divergence]) -> list[Divergence]:
    """The KLs whose heads follow elementwise from the same values as those of a sampler."""
    location, scale = followed(site.location), followed(site.scale)
    if not (location and scale):
        return []
    return [kl for kl in kls if followed(kl.location) == location and followed(kl.head) == scale]


def agrees(site: SamplerSite, kl: Divergence) -> bool:
    """Whether a KL reads its head as a sampler does that draws with it."""
    found = samplers.curve(site.scale, kl.head)
    return found is not None and found[0] is not None and found[0] is kl.parametrisation
