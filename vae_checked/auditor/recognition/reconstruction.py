"""What the reconstruction term of a loss was measured to be."""

from __future__ import annotations

from dataclasses import dataclass

from vae_checked.facts import Likelihood, Origin


@dataclass(frozen=True, slots=True)
class ReconMeasured:
    """`kind` None where no likelihood fits, with the reason in `why`; `weight` that of one element of its sum.

    `copies` is the number of reconstructions per input; the weight is that of all of them. `is_bound`: the loss weighs
    them against each other, as a bound of several samples does.
    """

    kind: Likelihood | None
    weight: float | None
    swapped: bool
    origin: Origin
    why: str = ""
    copies: int = 1
    is_bound: bool = False
