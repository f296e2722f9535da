"""Trainings of a KL with an error that is not read: what another function compares is not what is minimised."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from vae_checked.facts import Fact, Facts
from vae_checked.finding import Place
from vae_checked.linter.roles.divergences import Divergence
from vae_checked.linter.roles.objective import Losses
from vae_checked.linter.roles.reconstructions import Reconstruction
from vae_checked.record import replace

# What is open of the model that is trained so, whatever a validation compares.
_OPEN = ("recon.kind", "recon.reduced", "recon.sign", "recon.swapped")
_Key = tuple[str, Place | None]


class UnreadTrainings:
    """Over all evaluations, where a KL is trained with an error that is not read, and where that error is read."""

    def __init__(self) -> None:
        # By the subject and the place of a KL: how the error is written, and what it would be read of.
        self._unread: dict[_Key, tuple[frozenset[int], Fact[str]]] = {}
        self._read: dict[Place | None, set[int]] = {}

    def note(self, facts: Facts, kl: Divergence | None, recon: Reconstruction | None, losses: Losses) -> None:
        """Take note of the error that stands with a KL in an evaluation."""
        if kl is None or recon is None or facts.kl.form is None:
            return
        subject, place = _key(facts)
        if recon.kind is not None:
            self._read.setdefault(place, set()).update(_sources(kl, recon, losses))
        elif facts.recon.unread is not None and losses.is_differentiated(kl):
            self._unread[subject, place] = _sources(kl, recon, losses), facts.recon.unread

    def left_open(self, found: Iterable[Facts]) -> Iterator[Facts]:
        """The facts, with the error of such a training open whatever else is compared, unless it is read elsewhere."""
        for item in found:
            subject, place = _key(item)
            unread = self._unread.get((subject, place))
            if unread is None or unread[0] & self._read.get(place, set()):
                yield item
            else:
                reason = f"{unread[1].value} is minimised with the KL, and is not read"
                yield replace(item, elsewhere={**dict.fromkeys(_OPEN, reason), **item.elsewhere})


def _key(facts: Facts) -> _Key:
    return facts.subject, None if facts.kl.form is None else facts.kl.form.origin.place


def _sources(kl: Divergence, recon: Reconstruction, losses: Losses) -> frozenset[int]:
    """What tells that an error is that of a training: where it is written, and the functions that minimise it."""
    written = () if recon.term.site is None else (id(recon.term.site.node),)
    roots = losses.roots_with(kl.term) if losses.are_differentiated(kl, recon) else ()
    steps = (id(root.function.node) for root in roots if root.kind == "backward" and root.function is not None)
    return frozenset((*written, *steps))
