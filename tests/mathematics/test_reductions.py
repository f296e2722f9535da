"""Chains of reductions, read axis by axis, beside what torch computes: the weight that an element has in the total."""

from __future__ import annotations

import math

import pytest
import torch
from drawn import drawn
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from vae_checked.facts import Reduced, Reduction
from vae_checked.mathematics.chain_signs import sign_of
from vae_checked.mathematics.effective_beta import weight_of
from vae_checked.mathematics.reductions import (
    ChainStep,
    Extent,
    Negate,
    Number,
    Reduce,
    Reshape,
    Size,
    Squeeze,
    Stack,
    Through,
    Weight,
    balancing,
    read,
    repeated,
)
from vae_checked.mathematics.reductions import (
    Tensor as Factor,
)

SUM, MEAN, KEPT, MIXED = Reduction.SUM, Reduction.MEAN, Reduction.KEPT, Reduction.MIXED
SIZES = (3, 5, 7)
ALL = Extent.ALL


def weights(chain: tuple[ChainStep, ...]) -> Tensor:
    """d total / d element, from running the chain on a tensor of sizes B 5 7."""
    term = torch.ones(SIZES, dtype=torch.float64, requires_grad=True)
    value = term * 1.0
    for step in reversed(chain):
        if isinstance(step, Reduce):
            first = {ALL: 0, Extent.SAMPLE: 1}.get(step.axes) if isinstance(step.axes, Extent) else None
            axes = step.axes if first is None else tuple(range(first, value.dim()))
            assert isinstance(axes, tuple)
            value = value.sum(axes) if step.kind is SUM else value.mean(axes)
        elif isinstance(step, Size):
            size = SIZES[0] if step.axis == 0 else math.prod(SIZES)
            value = value / size if step.divides else value * size
        elif isinstance(step, Negate):
            value = -value
    (gradient,) = torch.autograd.grad(value.sum(), term)
    return gradient


def predicted(reduced: Reduced) -> float:
    divisions = reduced.over_batch if reduced.batch is KEPT else reduced.batch_divisions
    assert divisions is not None
    means = math.prod(SIZES[1:]) if reduced.event is MEAN else 1
    return 1.0 / (SIZES[0] ** divisions * means)


@st.composite
def chains(draw: st.DrawFn) -> tuple[ChainStep, ...]:
    """Sums and means until no axis is left, with divisions by the batch size anywhere."""
    steps: list[ChainStep] = []
    left = 3
    while left:
        if draw(st.booleans()):
            steps.append(draw(st.sampled_from([Size(0, divides=True), Size(0), Negate()])))
        kind = draw(st.sampled_from([SUM, MEAN]))
        axes = tuple(sorted(draw(st.sets(st.integers(0, left - 1), min_size=1))))
        whole = draw(st.booleans()) and len(axes) == left
        written = ALL if whole else tuple(a - left if draw(st.booleans()) else a for a in axes)
        of_samples = (
            draw(st.booleans())
            and left > 1
            and axes == tuple(range(1, left))
            and not any(isinstance(step, Reduce) for step in steps)
        )
        steps.append(Reduce(kind, Extent.SAMPLE if of_samples else written))
        left -= len(axes)
    return tuple(reversed(steps))


@drawn(300)
@given(chains())
def test_a_chain_gives_each_element_the_weight_that_is_read(chain: tuple[ChainStep, ...]) -> None:
    reduced = read(chain, rank=3)
    assert reduced is not None
    found = weights(chain)
    assert torch.allclose(found, found.flatten()[0])
    sign = sign_of(chain)
    assert sign is not None
    if reduced.event is MIXED:
        assert not math.isclose(abs(float(found.flatten()[0])) * predicted(reduced) ** -1, 1.0)
    else:
        assert float(found.flatten()[0]) == pytest.approx(sign * predicted(reduced))


READ = {
    "summed, divided by the batch size": ((Size(0, divides=True), Reduce(SUM, ALL)), Reduced(MEAN, SUM)),
    "divided by the batch size, then summed": ((Reduce(SUM, ALL), Size(0, divides=True)), Reduced(MEAN, SUM)),
    "averaged, divided by the batch size": (
        (Size(0, divides=True), Reduce(MEAN, (0,)), Reduce(SUM, (1, 2))),
        Reduced(MEAN, SUM, over_batch=1),
    ),
    "averaged, times the batch size": ((Size(0), Reduce(MEAN, ALL)), Reduced(MEAN, MEAN, over_batch=-1)),
    "per sample, divided by the batch size": (
        (Size(0, divides=True), Reduce(SUM, (1, 2))),
        Reduced(KEPT, SUM, over_batch=1),
    ),
    "a name": ((Weight("w"), Reduce(SUM, ALL)), Reduced(SUM, SUM, explicit=True, weights=("w",))),
    "a named number": (
        (Number(3.0, "BETA", named=True), Reduce(SUM, ALL)),
        Reduced(SUM, SUM, explicit=True, constant=True, weights=("BETA",)),
    ),
    "a named one": (
        (Number(1.0, "BETA", named=True), Reduce(SUM, ALL)),
        Reduced(SUM, SUM, explicit=True, constant=True, weights=("BETA",)),
    ),
    "a number of its own": (
        (Number(0.03, "0.03"), Reduce(SUM, ALL)),
        Reduced(SUM, SUM, explicit=True, constant=True, weights=("0.03",)),
    ),
    "the half of a formula": ((Number(0.5, "0.5"), Reduce(SUM, ALL)), Reduced(SUM, SUM)),
    "a number that may be the batch size": (
        (Number(1 / 48, "48", divides=True), Reduce(SUM, ALL)),
        Reduced(SUM, SUM, explicit=True, weights=("48",)),
    ),
    "a number beside the batch size": (
        (Number(1 / 784, "784", divides=True), Size(0, divides=True), Reduce(SUM, ALL)),
        Reduced(MEAN, SUM, explicit=True, constant=True, weights=("784",)),
    ),
    "another axis": (
        (Size(1, "x.shape[1]", divides=True), Reduce(SUM, ALL)),
        Reduced(SUM, SUM, explicit=True, constant=True, weights=("x.shape[1]",)),
    ),
    "reshaped first": ((Reduce(SUM, (1,)), Reshape(2)), Reduced(KEPT, SUM)),
    "a sum of some axes": ((Reduce(MEAN, ALL), Reduce(SUM, (1,))), Reduced(MEAN, MIXED)),
    "a weighed sum of some axes": (
        (Weight("w"), Reduce(MEAN, ALL), Reduce(SUM, (1,))),
        Reduced(MEAN, MIXED, explicit=True, weights=("w",)),
    ),
    "a total for every element of a sum": (
        (Reduce(SUM, ALL), Factor(whole=False, positive=True), Reduce(SUM, ALL)),
        Reduced(SUM, MIXED),
    ),
    "clamped": ((Reduce(SUM, ALL), Through("clamp")), Reduced(SUM, SUM)),
    "around a capacity": (
        (Weight("gamma"), Through("abs"), Reduce(MEAN, (0,)), Reduce(SUM, (1, 2))),
        Reduced(MEAN, SUM, explicit=True, weights=("gamma",)),
    ),
    "above a capacity": ((Through("relu"), Reduce(SUM, ALL)), Reduced(SUM, SUM)),
}
UNREAD = {
    "axes that are not known": (Reduce(SUM, Extent.UNKNOWN),),
    "another shape after a sum": (Reduce(SUM, ALL), Reshape(2), Reduce(SUM, (1,))),
    "a shape that is not known": (Reduce(SUM, ALL), Reshape(None)),
    "a factor an element": (Reduce(SUM, ALL), Factor(whole=False, positive=True)),
    "an operation across elements": (Reduce(SUM, ALL), Through("softmax")),
    "a slope that depends on the value": (Through("square"), Reduce(SUM, ALL)),
}


@pytest.mark.parametrize(("chain", "expected"), READ.values(), ids=READ)
def test_what_a_chain_amounts_to(chain: tuple[ChainStep, ...], expected: Reduced) -> None:
    assert read(chain, rank=3) == expected


@pytest.mark.parametrize("chain", UNREAD.values(), ids=UNREAD)
def test_what_is_not_understood_is_unknown(chain: tuple[ChainStep, ...]) -> None:
    assert read(chain, rank=3) is None


@pytest.mark.parametrize(("merges", "event"), [(True, MIXED), (False, None)])
def test_axes_that_a_view_makes_may_be_those_of_samples(merges: bool, event: Reduction | None) -> None:
    chain = (Reduce(MEAN, ALL), Reduce(SUM, (2,)), Reshape(3, merges))
    assert read(chain, rank=4) == Reduced(MEAN, event)
    assert read((Reduce(SUM, ALL), Reshape(3, merges)), rank=4) == Reduced(SUM, SUM)


@pytest.mark.parametrize(("steps", "event"), [((), MIXED), ((1,), None), ((2,), MIXED)])
def test_a_mean_over_steps_alone_says_nothing_of_a_sample(steps: tuple[int, ...], event: Reduction | None) -> None:
    assert read((Reduce(MEAN, ALL), Reduce(SUM, (2,))), rank=3, steps=steps) == Reduced(MEAN, event)


def test_an_axis_of_length_one_is_neither_summed_nor_averaged() -> None:
    chain = (Reduce(SUM, (1,)), Reduce(MEAN, (1,)))
    assert read(chain, rank=3) == Reduced(KEPT, MIXED)
    assert read(chain, rank=3, single=(1,)) == Reduced(KEPT, SUM)


@pytest.mark.parametrize(
    ("chain", "event"),
    [
        ((Squeeze((1,)), Reduce(SUM, (2,))), SUM),
        ((Squeeze((-1,)), Reduce(MEAN, (2,))), MEAN),
        ((Reduce(SUM, (1,)), Squeeze((1,))), SUM),
        ((Reduce(SUM, (2,)),), MIXED),
        # The batch is none of them, and an axis that is not there leaves all.
        ((Squeeze((0,)), Reduce(SUM, (2,))), MIXED),
        ((Squeeze((5,)), Reduce(SUM, (2,))), MIXED),
        # One axis beside the batch is left: whether it is of length 1 is not written.
        ((Squeeze(None), Reduce(SUM, (2,))), None),
        ((Squeeze(None),), KEPT),
    ],
)
def test_axes_that_are_squeezed_out_are_not_left(chain: tuple[ChainStep, ...], event: Reduction | None) -> None:
    found = read(chain, rank=3)
    assert found is not None
    assert (found.batch, found.event) == (KEPT, event)


def test_an_axis_of_length_one_is_where_it_was_below_the_shape() -> None:
    assert read((Reduce(SUM, (2,)), Reshape(3, merges=True, kept=2)), rank=4, single=(1,)) == Reduced(KEPT, SUM)
    assert read((Reduce(SUM, (2,)), Reshape(3, merges=True, kept=1)), rank=4, single=(1,)) == Reduced(KEPT, MIXED)


def test_axes_of_a_view_that_are_left_may_be_those_of_copies() -> None:
    assert read((Reduce(SUM, (2,)), Reshape(3)), rank=4) == Reduced(KEPT, None)
    assert read((Reduce(SUM, (1, 2)), Reshape(3)), rank=4) == Reduced(KEPT, SUM)


def test_the_total_of_the_batch_is_charged_to_each_sample() -> None:
    scalar, rows = Reduced(SUM, SUM), Reduced(KEPT, SUM)
    for kind, expected in ((SUM, True), (MEAN, False)):
        assert repeated((Reduce(kind, ALL),), scalar, rows) is expected
        assert repeated((Reduce(kind, ALL),), rows, scalar) is False


def test_what_scales_both_terms_makes_up_for_no_mean() -> None:
    shared = (Size(0, divides=True), Number(0.3, "0.3"), Reduce(SUM, ALL))
    assert balancing(shared, Reduced(SUM, SUM), Reduced(SUM, SUM)) == shared
    assert balancing(shared, Reduced(SUM, SUM), Reduced(MEAN, SUM)) == (Reduce(SUM, ALL),)


SIGNS: dict[str, tuple[tuple[ChainStep, ...], int | None]] = {
    "two minuses": ((Negate(), Number(-0.5)), 1),
    "a weight with a minus": ((Weight("w", negative=True),), -1),
    "a margin": ((Through("relu"), Negate()), None),
    "a minus outside of a margin": ((Negate(), Through("relu")), -1),
    "no weight": ((Number(0.0),), None),
    "an unknown factor": ((Factor(whole=True, positive=False),), None),
    "a positive factor": ((Negate(), Factor(whole=True, positive=True)), -1),
    "an operation that may turn": ((Through("cos"),), None),
    "some elements": ((Negate(), Through("index"), Negate(), Reduce(SUM, ALL)), 1),
    "some elements, of each of several": ((Stack(), Through("index"), Negate()), -1),
    "one of several": ((Through("index"), Stack(), Negate()), None),
    "a part of what was put together": ((Through("part"), Through("cat"), Negate()), None),
    "some elements below a margin": ((Through("relu"), Through("index"), Negate()), None),
}


@pytest.mark.parametrize(("chain", "sign"), SIGNS.values(), ids=SIGNS)
def test_the_sign_of_a_chain(chain: tuple[ChainStep, ...], sign: int | None) -> None:
    assert sign_of(chain) == sign


def test_the_weight_of_a_chain_is_what_has_no_name() -> None:
    assert weight_of((Number(0.5), Number(-4.0), Size(0, divides=True))) == (2.0, True)
    assert weight_of((Number(0.5), Size(0, divides=True))) == (0.5, False)
    assert weight_of((Number(3.0, "BETA", named=True), Weight("w"))) == (1.0, True)
    assert weight_of((Number(0.5), Weight("rise", turn=True, most=1.0))) == (0.5, False)
    assert weight_of((Number(0.5), Weight("rise", turn=True, most=0.1))) == (0.5, True)


UNKNOWN_RANK = {
    "one axis, which may be all of a sample": ((Reduce(MEAN, (0,)), Reduce(SUM, (1,))), None),
    "the last axis, then the rest in the same way": ((Reduce(SUM, ALL), Reduce(SUM, (-1,))), SUM),
    "the last axis, then the rest in another": ((Reduce(MEAN, ALL), Reduce(SUM, (-1,))), None),
    "the axes of a picture": ((Reduce(MEAN, ALL), Reduce(SUM, (1, 2, 3))), SUM),
    "all at once": ((Reduce(MEAN, ALL),), MEAN),
}


@pytest.mark.parametrize(("chain", "event"), UNKNOWN_RANK.values(), ids=UNKNOWN_RANK)
def test_axes_of_a_term_of_unknown_rank(chain: tuple[ChainStep, ...], event: Reduction | None) -> None:
    reduced = read(chain, rank=None, flat=False)
    assert reduced is not None
    assert reduced.event is event


def test_latents_of_unknown_rank_are_a_vector() -> None:
    assert read((Reduce(MEAN, ALL), Reduce(SUM, (1,))), rank=None) == Reduced(MEAN, SUM)
