"""`from_signature`: what it draws keeps the contract, covers what the annotations allow, and shrinks."""

from __future__ import annotations

import enum
from typing import Literal

import pytest
import torch
from drawn import drawn
from hypothesis import HealthCheck, Phase, find, given, settings
from jaxtyping import Complex, Int8

from vae_checked.contracts import Bool, Float, Int, Num, Shaped, Tensor, UInt8, checked
from vae_checked.errors import ContractError, UsageError
from vae_checked.strategies import from_signature

steady = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)


class Reduction(enum.Enum):
    SUM = 1
    MEAN = 2


class Model:
    latents = 5

    @checked
    def decode(self, z: Float[Tensor, "B {self.latents}"]) -> Float[Tensor, "B L"]:
        return z


@checked
def kl(mu: Float[Tensor, "B L"], logvar: Float[Tensor, "B L"]) -> Float[Tensor, " B"]:
    return (mu + logvar).sum(1)


@checked
def layout(x: UInt8[Tensor, "B H W C=3"], *rest, scale: float = 1.0, **options) -> Float[Tensor, "B 3 H W"]:
    return x.permute(0, 3, 1, 2) * scale


@checked
def pooled(x: Float[Tensor, "B C H W"], low: Float[Tensor, "B C H//2 W//2"]) -> Tensor:
    return low


@checked
def grouped(x: Shaped[Tensor, "*batch L"], y: Num[Tensor, "*batch L"], z: Float[Tensor, "... L"]) -> Tensor:
    return x


@checked
def options(
    x: Float[Tensor, "B L"] | Int[Tensor, " B"],
    eps: Float[Tensor, "B _"] | None = None,
    *,
    mode: Literal["sum", "mean"],
    reduction: Reduction,
    n: int,
    beta: float,
    flag: bool,
) -> Tensor:
    return x


@checked
def containers(
    pair: tuple[Float[Tensor, "B L"], int],
    rows: list[Float[Tensor, " L"]],
    heads: dict[str, Float[Tensor, "B L"]],
    many: tuple[Bool[Tensor, " B"], ...],
) -> Tensor:
    return pair[0]


@checked
def computed(n: int, x: Float[Tensor, "B 2*{n}"], scale: Float[Tensor, "#B"]) -> Float[Tensor, "B {n}+{n}"]:
    return x


FUNCTIONS = (kl, layout, pooled, grouped, options, containers, computed, Model().decode)


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.__name__)
def test_what_is_drawn_keeps_the_contract(function):
    seen = []

    @steady
    @given(from_signature(function))
    def call(arguments):
        seen.append(arguments)
        assert function(**arguments) is not None

    call()
    assert len(seen) >= 40


@drawn(60, suppress=list(HealthCheck))
@given(from_signature(layout, bounds={"B": 2, "H": (4, 6)}))
def test_names_differ_from_each_other_and_from_written_sizes(arguments):
    B, H, W, C = arguments["x"].shape
    assert (B, C) == (2, 3)
    assert 4 <= H <= 6
    assert len({B, H, W, C}) == 4


def drawn_by(strategy):
    drawn = []

    @settings(steady, max_examples=60, phases=[Phase.generate])
    @given(strategy)
    def collect(arguments):
        drawn.append(arguments)

    collect()
    return drawn


def test_every_member_dtype_and_number_of_axes_is_drawn():
    drawn = drawn_by(from_signature(options))
    assert {d["x"].dtype for d in drawn} == {torch.float32, torch.float64, torch.int64}
    assert {d["x"].ndim for d in drawn} == {1, 2}
    assert {d["eps"] is None for d in drawn} == {True, False}
    assert {d["mode"] for d in drawn} == {"sum", "mean"}
    assert {d["reduction"] for d in drawn} == set(Reduction)
    assert {d["x"].ndim for d in drawn_by(from_signature(grouped))} == {1, 2, 3}
    assert {len(d["rows"]) for d in drawn_by(from_signature(containers))} == {1, 2, 3}
    assert {tuple(d["scale"].shape) == (1,) for d in drawn_by(from_signature(computed))} == {True, False}


def test_dtypes_are_those_asked_for_where_they_are_allowed():
    def stage(x: Float[Tensor, " B"], y: Int8[Tensor, " B"], z: Complex[Tensor, " B"], image: UInt8[Tensor, "B L"]): ...

    drawn = drawn_by(from_signature(stage, dtypes=(torch.bfloat16, torch.complex128)))
    assert {tuple(value.dtype for value in d.values()) for d in drawn} == {
        (torch.bfloat16, torch.int8, torch.complex128, torch.uint8)
    }
    assert max(d["image"].max() for d in drawn) > 200


def test_a_failure_shrinks_to_the_smallest_sizes():
    found = find(from_signature(kl), lambda a: True, settings=steady)
    assert found["mu"].shape == found["logvar"].shape == (1, 2)
    found = find(from_signature(pooled), lambda a: a["x"].shape[2] >= 5, settings=steady)
    assert tuple(found["x"].shape) == (1, 2, 5, 3)


def test_sizes_may_agree_on_request():
    found = find(from_signature(kl, distinct=False), lambda a: True, settings=steady)
    assert found["mu"].shape == (1, 1)


def test_strategies_of_ones_own_are_used_and_read_by_axes():
    from hypothesis import strategies as st

    found = find(from_signature(computed, n=st.just(4)), lambda a: True, settings=steady)
    assert (found["n"], found["x"].shape[1]) == (4, 8)


def test_a_contract_that_the_arguments_break_is_seen():
    @checked
    def wrong(x: Float[Tensor, "B L"]) -> Float[Tensor, " B"]:
        return x.sum(0)

    @settings(steady, phases=[Phase.generate, Phase.shrink])
    @given(from_signature(wrong))
    def call(arguments):
        wrong(**arguments)

    with pytest.raises(ContractError, match=r"axis 0 \(B\) is 2, x has B = 1") as caught:
        call()
    assert "B=1, L=2, seed 0" in caught.value.__notes__


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda x, y: x, "no values are known for x of .*lambda.*; pass a strategy, x=..."),
        (Model.decode, "no values are known for self of Model.decode; take it from an instance"),
    ],
)
def test_what_cannot_be_drawn_is_named(function, message):
    with pytest.raises(UsageError, match=message):
        from_signature(function)


def test_bounds_that_leave_no_choice_are_refused():
    with pytest.raises(UsageError, match="no pairwise distinct sizes with B=2, L=\\(2, 2\\)"):
        find(from_signature(kl, bounds={"B": 2, "L": (2, 2)}), lambda a: True, settings=steady)


def test_an_axis_of_names_that_nothing_binds_is_named():
    def stage(x: Float[Tensor, " 2*h"]): ...

    with pytest.raises(UsageError, match=r"the axis 2\*h of Float\[Tensor, '2\*h'\] cannot be worked out"):
        find(from_signature(stage), lambda a: True, settings=steady)
