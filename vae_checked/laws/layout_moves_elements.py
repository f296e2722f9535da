"""Changing the layout moves elements; relabelling the axes scrambles the image."""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor

from vae_checked.laws.law import Law
from vae_checked.laws.stages import Stages
from vae_checked.laws.trial import InapplicableError, Trial, Violation


def holds(trial: Trial) -> Violation | None:
    """A view and a permutation agree where C = 1, or H = W = 1."""
    if len(trial.sizes.event) != 3:
        raise InapplicableError("the samples are no images")
    channels, height, width = trial.sizes.event
    x_nhwc = trial.cast(trial.normal(trial.sizes.batch, height, width, channels))
    x = trial.tensor_of("to_nchw", x_nhwc)
    b, c, h, w = (trial.pick(size) for size in (trial.sizes.batch, channels, height, width))
    expected = (trial.sizes.batch, channels, height, width)
    if tuple(x.shape) != expected:
        return trial.violation("the shape of to_nchw(x_nhwc)", got=tuple(x.shape), expected=expected)
    return trial.differs(f"to_nchw(x_nhwc)[{b}, {c}, {h}, {w}]", x[b, c, h, w], x_nhwc[b, h, w, c], tolerance=0.0)


def mutant(stages: Stages) -> Stages:
    """A reshape, which relabels the axes and moves no element."""

    def relabels(x_nhwc: Tensor) -> Tensor:
        batch, height, width, channels = x_nhwc.shape
        return x_nhwc.reshape(batch, channels, height, width)

    return replace(stages, to_nchw=relabels)


LAW = Law(
    name="layout-moves-elements",
    statement="to_nchw(x)[b, c, h, w] = x[b, h, w, c], which a view does not do",
    source="torch.permute moves elements, Tensor.view does not",
    needs=("to_nchw",),
    broken_by=("VAE101",),
    holds=holds,
    mutant=mutant,
)
