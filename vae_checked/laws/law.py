"""What one law is, and what is reported when it is broken."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from vae_checked.laws.stages import Sizes, Stages, unknown
from vae_checked.laws.trial import InapplicableError, Trial, Violation


@dataclass(frozen=True, slots=True, kw_only=True)
class Law:
    """Something that holds for every correct VAE.

    `needs` names the fields of `Stages` without which it cannot be put, `any_of` those of which one is enough. `holds`
    is the law on one trial: None, or how it is broken. `mutant` makes stages that break it out of stages that keep it.
    `broken_by` names the codes of the catalogue's mistakes that break it first of all; `unlinked` says why, where there
    are none. `own_batch` is whether it draws thousands of samples at a batch size of its own, whatever that of the
    trial is: one put then says as much as many.
    """

    name: str
    statement: str
    source: str
    holds: Callable[[Trial], Violation | None]
    mutant: Callable[[Stages], Stages]
    needs: tuple[str, ...] = ()
    any_of: tuple[str, ...] = ()
    broken_by: tuple[str, ...] = ()
    unlinked: str = ""
    own_batch: bool = False

    @property
    def suspects(self) -> str:
        """The mistakes that break it, for whoever reads that it is broken; empty where there are none.

        `mistakes that break it: VAE201, VAE301; more: vae-checked explain VAE201`
        """
        if not self.broken_by:
            return ""
        return f"mistakes that break it: {', '.join(self.broken_by)}; more: vae-checked explain {self.broken_by[0]}"

    def inapplicable(self, stages: Stages) -> str | None:
        """Why the law cannot be tested on `stages`; None when it can."""
        if any(getattr(stages, name) is None for name in self.needs):
            return unknown(stages, self.needs)
        if self.any_of and all(getattr(stages, name) is None for name in self.any_of):
            return unknown(stages, self.any_of)
        return None

    def check(self, stages: Stages, sizes: Sizes, seed: int) -> Violation | None:
        """Put the law to `stages` at `sizes`; everything random follows from `seed`, and torch's own state is kept.

        Raises `InapplicableError`, with the reason, where the law cannot be put, and ModelError when a stage fails.
        """
        reason = self.inapplicable(stages)
        if reason is not None:
            raise InapplicableError(reason)
        with Trial(self.name, stages, sizes, seed) as trial:
            return self.holds(trial)
