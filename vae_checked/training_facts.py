"""What training does to the parameters: plain values, as in `facts`."""

from __future__ import annotations

from enum import StrEnum

from vae_checked.fact import Fact
from vae_checked.record import dataclass

LOOP = "training.loop"
"""The path under which `Facts.unobserved` says that a loss was measured apart from the training that it is for."""


class Ungiven(StrEnum):
    """Why the step of an optimizer takes no gradient, of any parameter or of the decoder's."""

    UNDIFFERENTIATED = "nothing is differentiated"
    COMPARED = "the data are compared with themselves"
    ERASED = "it is erased before the step"
    UNTAKEN = "no step is taken"


@dataclass(frozen=True, slots=True)
class Training:
    """What training does to the parameters, by dotted names; `ungiven`: why a step takes no gradient."""

    without_gradient: Fact[tuple[str, ...]] | None = None
    without_optimizer: Fact[tuple[str, ...]] | None = None
    always_on_dropout: Fact[tuple[str, ...]] | None = None
    hidden_nan: Fact[str | None] | None = None
    ungiven: Fact[Ungiven] | None = None
