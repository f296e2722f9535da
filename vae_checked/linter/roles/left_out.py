"""KLs that stand in a loss, of which what is differentiated is another sum: `loss = error + kl`, `error.backward()`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from vae_checked.facts import KL, Fact, Facts, Origin
from vae_checked.finding import Place
from vae_checked.linter.roles import kl as kls
from vae_checked.linter.roles.divergences import Divergence
from vae_checked.linter.roles.objective import Losses, handed_on
from vae_checked.linter.roles.reconstructions import Reconstruction
from vae_checked.linter.roles.reductions import formula_in
from vae_checked.linter.roles.ungiven_gradients import TELLING
from vae_checked.linter.symbols.expression import origin
from vae_checked.record import replace


class LeftOut:
    """Over all evaluations, the KLs that some loss has, by where they are written, and those that train something.

    A function that returns a loss says nothing of what its caller differentiates.
    """

    def __init__(self) -> None:
        self._trained: set[Place | None] = set()
        # Whether the error of the same loss is differentiated without the KL; and whether something else may take that.
        self._shown: dict[Place | None, bool] = {}
        self._seen: dict[Place | None, tuple[str, Origin]] = {}
        self._taken: set[Place | None] = set()
        self._is_cut = False

    def note(self, losses: Losses) -> None:
        """Take note of the KLs of an evaluation that differentiates something."""
        self._is_cut |= bool(losses.evaluation.observations.cuts)
        trained = losses.read_once(handed_on) if losses.kls else []
        for kl in losses.kls if trained else ():
            where = origin(formula_in(kl.term))
            place = where.place
            self._seen.setdefault(place, (losses.evaluation.subject, where))
            if any(losses.graph.holds(value, kl.term.uid) for value in trained):
                self._trained.add(place)
            elif any(losses.graph.holds(total, kl.term.uid) for total in losses.totals):
                alone = _differentiated_alone(kl, losses)
                self._shown[place] = self._shown.get(place, False) or bool(alone)
                if _may_be_trained(kl, alone, losses):
                    self._taken.add(place)

    def facts(self) -> Iterator[Facts]:
        """The KLs of which it is sure that nothing is trained by them, where else they are read or not."""
        for place, (subject, where) in self._seen.items():
            if self._is_sure(place):
                yield Facts(subject, kl=KL(in_loss=Fact[bool | None](False, where)))

    def told(self, found: Iterable[Facts], *, is_whole: bool) -> list[Facts]:
        """The facts, with each KL that is differentiated nowhere left open, or in no loss where that is sure.

        Where not all evaluations were made another one may differentiate it.
        """
        self._is_cut |= not is_whole
        return [self._told(item) for item in found]

    def _told(self, item: Facts) -> Facts:
        place = None if item.kl.form is None else item.kl.form.origin.place
        if item.kl.form is None or place in self._trained or place not in self._shown:
            return item
        in_loss = Fact[bool | None](False, item.kl.form.origin) if self._is_sure(place) else None
        return replace(item, kl=replace(item.kl, in_loss=in_loss))

    def _is_sure(self, place: Place | None) -> bool:
        known = not self._is_cut and place not in self._taken and place not in self._trained
        return known and self._shown.get(place, False)


def _differentiated_alone(kl: Divergence, losses: Losses) -> list[Reconstruction]:
    """The errors of what is decoded that a loss adds a KL to, and that are differentiated without it."""
    graph = losses.graph
    with_kl = [total for total in losses.totals if graph.holds(total, kl.term.uid)]
    return [
        recon
        for recon in losses.recons
        if losses.holds_one(recon, kl.location.uid)
        and any(graph.holds(end, recon.term.uid) for end in losses.backward)
        and any(graph.holds(total, recon.term.uid) for total in with_kl)
    ]


def _may_be_trained(kl: Divergence, alone: list[Reconstruction], losses: Losses) -> bool:
    """Whether something that is not read takes a KL, or there are signs of another loss that has it."""
    unread = losses.graph.having("opaque", "call")
    takers = (node for node in unread if str(node.get("name")).rpartition(".")[2] not in TELLING)
    return (
        any(losses.flow.reaches([arg], kl.term.uid) for node in takers for arg in node.args)
        or kls.is_added_elsewhere(kl, losses)
        or any(kls.is_of_an_autoencoder(kl, recon, losses) for recon in alone)
    )
