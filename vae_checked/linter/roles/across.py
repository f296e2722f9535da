"""What is noted of each evaluation, because the model that it belongs to may stand in another one."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from vae_checked.facts import Fact, Facts, Interval
from vae_checked.linter.roles.decoded_draws import DecodedDraws
from vae_checked.linter.roles.divergences import Divergence
from vae_checked.linter.roles.drawn_again import DrawnAgain
from vae_checked.linter.roles.left_out import LeftOut
from vae_checked.linter.roles.objective import Losses
from vae_checked.linter.roles.optimizers import Optimizers
from vae_checked.linter.roles.other_samples import OtherSamples
from vae_checked.linter.roles.prior import PriorDraws
from vae_checked.linter.roles.readings import Readings
from vae_checked.linter.roles.reconstructions import Reconstruction
from vae_checked.linter.roles.repeated_terms import RepeatedTerms
from vae_checked.linter.roles.samplers import SamplerSite
from vae_checked.linter.roles.scales import InputScales, TargetScales
from vae_checked.linter.roles.uncalled_kls import UncalledKls
from vae_checked.linter.roles.unmoved_layers import UnmovedLayers
from vae_checked.linter.roles.unread_trainings import UnreadTrainings
from vae_checked.linter.roles.unused_outputs import UnusedOutputs
from vae_checked.linter.symbols.observations import ProjectObservations


class Across:
    """Draws from the prior, how heads are read, what trains layers and beside which error, and the scales of data."""

    def __init__(self, observed: ProjectObservations) -> None:
        self.again = DrawnAgain()
        self.decoded = DecodedDraws()
        self.left_out = LeftOut()
        self.optimizers = Optimizers(observed)
        self.others = OtherSamples()
        self.prior = PriorDraws()
        self.readings = Readings(observed)
        self.scales = InputScales()
        self.targets = TargetScales()
        self.uncalled = UncalledKls()
        self.unmoved = UnmovedLayers()
        self.unused = UnusedOutputs(observed)
        self.unread_trainings = UnreadTrainings()
        self.repeated = RepeatedTerms()

    def note(
        self,
        facts: Facts,
        site: SamplerSite | None,
        kl: Divergence | None,
        recon: Reconstruction | None,
        losses: Losses,
    ) -> None:
        """Take note of the parts of an evaluation: whether they train, and are read."""
        self.again.note(facts, site, kl, recon, losses)
        self.others.note(site, losses)
        self.unread_trainings.note(facts, kl, recon, losses)
        self.repeated.note(facts, kl, losses)

    def facts(
        self, known: Callable[[Fact[Interval] | None], Fact[Interval] | None], *, is_whole: bool = True
    ) -> Iterator[Facts]:
        """What the evaluations say together; `known` settles intervals that are still awaited.

        What no evaluation does is known where all of them were made, that is where it `is_whole`.
        """
        yield from self.prior.facts()
        yield from self.readings.facts()
        yield from self.scales.facts(known)
        yield from self.targets.facts()
        yield from self.optimizers.facts()
        if is_whole:
            yield from self.unused.facts()
            yield from self.left_out.facts()
