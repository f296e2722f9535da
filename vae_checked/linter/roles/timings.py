"""What the source leaves open of when z is drawn: a setting that hands on the mean, a loss that has z nowhere."""

from __future__ import annotations

from collections.abc import Hashable, Iterable

from vae_checked.linter.roles.objective import Losses
from vae_checked.linter.roles.phi import asks_for_mode
from vae_checked.linter.roles.samplers import SamplerSite
from vae_checked.linter.roles.validations import source_of
from vae_checked.linter.symbols.expression import Expr, strip, walk

# A network, or a call that is not read and may be one.
_DECODING = ("layer", "opaque", "call")
_Maker = tuple[Hashable, int | None]


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
    of_kls, of_samples = losses.read_once(_makers)
    own = _maker(site.location)
    kls = [place for place, other in enumerate(of_kls) if _are_alike(other, own)]
    samples = [place for place, other in enumerate(of_samples) if _are_alike(other, own)]
    return losses.read_once(_LeftOut).by(tuple(kls), tuple(samples))


class _LeftOut:
    """For the KLs and the samplers of heads that are made alike, whether all that has these KLs leaves the draws out.

    Which nodes have which of them in them is read once for all.
    """

    def __init__(self, losses: Losses) -> None:
        self._losses = losses
        marked = {
            node.uid: node
            for node in (
                *(kl.term for kl in losses.kls),
                *(site.z for site in losses.samples),
                *(strip(kl.location) for kl in losses.kls),
            )
        }
        self._bits = {uid: 1 << place for place, uid in enumerate(marked)}
        self._holding = losses.graph.standing_in(marked.values())
        self._known: dict[tuple[tuple[int, ...], tuple[int, ...]], bool] = {}

    def by(self, kls: tuple[int, ...], samples: tuple[int, ...]) -> bool:
        """Whether all that has one of some KLs in it, both given by their places, has none of some samples."""
        key = kls, samples
        if key not in self._known:
            self._known[key] = self._read(kls, samples)
        return self._known[key]

    def _read(self, kls: tuple[int, ...], samples: tuple[int, ...]) -> bool:
        losses, holding = self._losses, self._holding
        terms = self._any_of(losses.kls[place].term.uid for place in kls)
        values = [value for value in losses.graph.values if holding[value.uid] & terms]
        drawn = self._any_of(losses.samples[place].z.uid for place in samples)
        if not values or any(holding[value.uid] & drawn for value in values):
            return False
        means = {strip(losses.kls[place].location).uid for place in kls}
        made = self._any_of(means)
        return any(
            node.op in _DECODING and node.uid not in means and holding[node.uid] & made for node in walk(*values)
        )

    def _any_of(self, uids: Iterable[int]) -> int:
        return sum({self._bits[uid] for uid in uids})


def _makers(losses: Losses) -> tuple[list[_Maker], list[_Maker]]:
    """What makes the means of the KLs, and of the samplers."""
    return [_maker(kl.location) for kl in losses.kls], [_maker(site.location) for site in losses.samples]


def _maker(mean: Expr) -> _Maker:
    """The layer that makes a mean, and the node that it is written as."""
    site = strip(mean).site
    return source_of(mean), None if site is None else id(site.node)


def _are_alike(one: _Maker, other: _Maker) -> bool:
    """Whether the same layer makes two means, or the same line by a network that is not read."""
    return one[0] == other[0] or (one[1] is not None and one[1] == other[1])
