"""Moving the channels to the front and back changes nothing."""

from __future__ import annotations

from dataclasses import replace

from vae_checked.laws.law import Law
from vae_checked.laws.stages import Stages, given
from vae_checked.laws.trial import InapplicableError, Trial, Violation


def holds(trial: Trial) -> Violation | None:
    """Move the channels to the front and back again, and compare element by element."""
    if len(trial.sizes.event) != 3:
        raise InapplicableError("the samples are no images")
    channels, height, width = trial.sizes.event
    x_nhwc = trial.cast(trial.normal(trial.sizes.batch, height, width, channels))
    back = trial.tensor_of("to_nhwc", trial.tensor_of("to_nchw", x_nhwc))
    return trial.differs("to_nhwc(to_nchw(x_nhwc))", back, x_nhwc, tolerance=0.0)


def mutant(stages: Stages) -> Stages:
    """Channels that come back in the opposite order."""
    to_nhwc = given(stages.to_nhwc)
    return replace(stages, to_nhwc=lambda x: to_nhwc(x).flip(-1))  # RGB and BGR


LAW = Law(
    name="layout-round-trip",
    statement="NHWC to NCHW to NHWC is the identity",
    source="a permutation of axes and its inverse",
    needs=("to_nchw", "to_nhwc"),
    unlinked="channels in another order, RGB for BGR, are no mistake of the catalogue",
    holds=holds,
    mutant=mutant,
)
