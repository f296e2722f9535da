"""Every operation's record against torch itself: its names, its value on numbers, its interval, its parameters."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vae_checked.facts import REAL, Interval
from vae_checked.mathematics.ops import OPERATIONS, Kind, Operation, Setting

# The values that parameters are tried with, beside their defaults.
TRIED: dict[str, tuple[tuple[Setting, ...], ...]] = {
    "leaky_relu": ((0.3,), (-0.2,), (0.0,)),
    "elu": ((8.0, 1.0, 1.0), (0.4, 1.0, 1.0)),
    "celu": ((8.0,), (0.4,)),
    "gelu": (("tanh",),),
    "softplus": ((5.0, 20.0), (0.3, 2.0), (2.0, -5.0), (1.5, 0.0)),
    "hardtanh": ((-3.0, 0.7), (0.0, 6.0)),
    "hardshrink": ((1.7,),),
    "softshrink": ((1.7,),),
    "threshold": ((0.1, 20.0), (-1.2, -7.0), (2.0, 0.5)),
    "rrelu": ((0.2, 0.2),),
    "round": ((2,),),
    "logit": ((0.1,),),
    "nan_to_num": ((0.5, 1.5, -1.5),),
    "clamp": ((-0.7, None), (None, 1.3), (-0.7, 1.3)),
}
CASES = [
    (operation, settings)
    for operation in OPERATIONS.values()
    if operation.value is not None and operation.kind is not Kind.CHOICE
    for settings in (operation.defaults, *TRIED.get(operation.name, ()))
]
IDS = [f"{operation.name}{list(settings) if settings else ''}" for operation, settings in CASES]


def torch_function(operation: Operation) -> Callable[..., Tensor]:
    for home, names in ((F, operation.names.functional), (torch, operation.names.torch)):
        if names:
            return getattr(home, names[0])
    return getattr(torch.special, operation.name)


def in_torch(operation: Operation, settings: Sequence[Setting], *given: Tensor) -> Tensor:
    """What torch makes of tensors, in double precision."""
    keywords = {
        _keyword(operation, parameter.name): value
        for parameter, value in zip(operation.node_parameters, settings, strict=True)
        if parameter.name not in ("scale", "input_scale")
    }
    if operation.name == "clamp" and settings == (None, None):
        return given[0]
    return torch_function(operation)(*given, **keywords)


def _keyword(operation: Operation, name: str) -> str:
    return {"low": "min", "high": "max"}.get(name, name) if operation.name == "clamp" else name


def numbers(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311  points to probe, no secret


def points(seed: int, count: int = 400) -> list[float]:
    """Numbers of every size and sign, a few of them round."""
    draw = numbers(seed)
    found = [draw.choice((0.7, 3.0, 12.0, 40.0)) * draw.uniform(-1, 1) for _ in range(count)]
    return [0.0, 1.0, -1.0, 0.5, *found]


def value(operation: Operation, point: Sequence[float], settings: Sequence[Setting]) -> float:
    try:
        return operation.value(*point, *settings)
    except (ValueError, ZeroDivisionError, OverflowError):
        return math.nan


@pytest.mark.parametrize(("operation", "settings"), CASES, ids=IDS)
def test_the_value_on_numbers_is_that_of_torch(operation: Operation, settings: tuple[Setting, ...]) -> None:
    columns = [points(seed) for seed in range(3, 3 + len(operation.arguments_of_a_node))]
    tensors = [torch.tensor(column, dtype=torch.float64) for column in columns]
    if operation.name == "prelu":
        columns[1] = [0.3] * len(columns[0])
        tensors[1] = torch.tensor([0.3], dtype=torch.float64)
    made = in_torch(operation, settings, *tensors).tolist()
    compared = 0
    for point, expected in zip(zip(*columns, strict=True), made, strict=True):
        found = value(operation, point, settings)
        if math.isfinite(expected):
            # 0 / 0 and log 0 are told apart by nobody: torch gives 0 * log 0 = 0 and the like where a limit exists.
            assert found == pytest.approx(expected, rel=1e-9, abs=1e-9), point
            compared += 1
        else:
            assert not math.isfinite(found), point
    assert compared > 50


INTERVALS = (
    Interval(-2.3, -0.4), Interval(-1.7, 2.9), Interval(0.3, 0.9), Interval(1.2, 5.1), Interval(-math.inf, 1.4),
    Interval(-0.6, math.inf), Interval(0.0, 1.0, True, True), Interval(-7.5, 7.9), Interval(0.0, math.inf, True),
)  # fmt: skip


def samples(interval: Interval, seed: int, count: int = 1200) -> list[float]:
    """Numbers of an interval: spread, crowded at its ends, and the ends themselves where they are reached."""
    draw = numbers(seed)
    low, high = max(interval.low, -600.0), min(interval.high, 600.0)
    found = [low + (high - low) * draw.random() for _ in range(count)]
    found += [low + (high - low) * (1.0 - draw.random() ** 6) for _ in range(count // 4)]
    found += [low + (high - low) * draw.random() ** 6 for _ in range(count // 4)]
    # Where the domains of functions end.
    found += [edge + draw.choice((-1, 1)) * draw.random() ** 6 for edge in (-1.0, 0.0, 1.0) for _ in range(count // 8)]
    ends = [end for end, open_ in ((low, interval.low_open), (high, interval.high_open)) if not open_]
    return [x for x in found if low < x < high] + ends


@pytest.mark.parametrize(("operation", "settings"), CASES, ids=IDS)
def test_no_value_of_torch_leaves_the_interval(operation: Operation, settings: tuple[Setting, ...]) -> None:
    count = len(operation.arguments_of_a_node)
    draw = numbers(7)
    checked = 0
    for first in INTERVALS:
        given = [first, *(draw.choice(INTERVALS) for _ in range(count - 1))]
        if operation.name == "prelu":
            given[1] = Interval(0.25, 0.25)
        found = operation.interval(given, settings)
        columns = [samples(interval, seed) for seed, interval in enumerate(given)]
        least = min(map(len, columns))
        tensors = [
            torch.tensor(draw.sample(column, least) if index else column[:least], dtype=torch.float64)
            for index, column in enumerate(columns)
        ]
        if operation.name == "prelu":
            tensors[1] = torch.tensor([0.25], dtype=torch.float64)
        made = in_torch(operation, settings, *tensors)
        made = made[made.isfinite()]
        if found is None or not made.numel():
            continue
        checked += 1
        slack = 1e-9 * max(1.0, float(made.abs().max()))
        assert found.low - slack <= float(made.min()), (given, found)
        assert float(made.max()) <= found.high + slack, (given, found)
        if not (count == 1 and operation.name not in LOOSE):
            continue
        # One that is monotone, or has its turns named, is met by values near both ends.
        for end, reached in ((found.low, float(made.min())), (found.high, float(made.max()))):
            if math.isfinite(end):
                assert abs(end - reached) < 0.05 * max(1.0, abs(end)), (given, found, reached)
    assert checked >= 1


# Their intervals hold, and need not be the smallest: a saw, a wave that dies away, steps, a slope that is drawn.
LOOSE = frozenset(("frac", "sinc", "sign", "floor", "ceil", "trunc", "rrelu"))


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_every_name_is_one_that_torch_has(operation: Operation) -> None:
    names = operation.names
    homes = (
        (torch, names.torch),
        (Tensor, names.tensor),
        (F, names.functional),
        (nn, names.modules),
        (torch.ops.aten, names.aten),
    )
    missing = [name for home, listed in homes for name in listed if not hasattr(home, name)]
    assert missing == []
    assert any(listed for _, listed in homes) is (operation.name not in OWN)


# Nodes that observers make themselves, which no call of torch is named after.
OWN = frozenset(("item", "written", "weights", "phi"))


def test_no_name_stands_for_two_operations() -> None:
    for kind in ("modules", "aten"):
        owners: dict[str, list[str]] = {}
        for operation in OPERATIONS.values():
            for name in getattr(operation.names, kind):
                owners.setdefault(name, []).append(operation.name)
        assert {name: found for name, found in owners.items() if len(found) > 1} == {}
    called: dict[str, list[str]] = {}
    for operation in OPERATIONS.values():
        for name in operation.names.functions:
            called.setdefault(name, []).append(operation.name)
    assert {name: found for name, found in called.items() if len(found) > 1} == {}


@pytest.mark.parametrize(
    ("operation", "settings"),
    [(operation, settings) for operation, settings in CASES if operation.increasing],
    ids=[name for name, (operation, _) in zip(IDS, CASES, strict=True) if operation.increasing],
)
def test_what_is_called_increasing_is(operation: Operation, settings: tuple[Setting, ...]) -> None:
    lines = [sorted(points(seed)) for seed in range(5, 5 + len(operation.arguments_of_a_node))]
    values = [value(operation, point, settings) for point in zip(*lines, strict=True)]
    known = [each for each in values if math.isfinite(each)]
    assert len(known) > 20
    assert all(left <= right + 1e-12 for left, right in pairwise(known))


@pytest.mark.parametrize("name", [name for name, operation in OPERATIONS.items() if operation.squashing])
def test_what_is_called_squashing_is_bounded_and_symmetric(name: str) -> None:
    operation = OPERATIONS[name]
    found = operation.interval((REAL,), operation.defaults)
    assert found.bounded
    assert value(operation, (0.0,), operation.defaults) == pytest.approx(0.5 * (found.low + found.high))


def test_what_is_not_known_can_be_anything_and_is_never_the_whole_line() -> None:
    for operation in OPERATIONS.values():
        if operation.kind in (Kind.ARITHMETIC, Kind.FUNCTION, Kind.ACTIVATION) and operation.interval is not None:
            unknown = [None] * len(operation.arguments_of_a_node)
            assert operation.interval(unknown, operation.defaults) != REAL, operation.name
    assert OPERATIONS["sigmoid"].interval((None,), ()) == Interval(0.0, 1.0, True, True)
    assert OPERATIONS["leaky_relu"].interval((None,), (0.01,)) is None
    assert OPERATIONS["add"].interval((None, Interval(0.0, 1.0)), ()) is None


CALLS: dict[str, tuple[dict[str, Setting], ...]] = {
    "div": ({}, {"rounding_mode": "floor"}, {"rounding_mode": "trunc"}),
    "clamp_min": ({"min": -0.6},),
    "clamp_max": ({"max": 0.8},),
}


@pytest.mark.parametrize("name", [name for name, operation in OPERATIONS.items() if operation.rewritten is not None])
@pytest.mark.parametrize("with_optional", [True, False])
def test_a_call_amounts_to_what_it_is_rewritten_to(name: str, with_optional: bool) -> None:
    operation = OPERATIONS[name]
    arguments = operation.arguments if with_optional else operation.arguments_of_a_node
    x, factor = [row for row in points(11) if row > 0.01], 0.37
    columns = [x, *([each * 1.7 + shift for each in x] for shift in range(1, len(operation.arguments_of_a_node)))]
    tensors = [torch.tensor(column, dtype=torch.float64) for column in columns]
    optional = {argument.name: factor for argument in arguments if argument.optional}
    for settings in CALLS.get(name, ({},)):
        known = {parameter.name: parameter.default for parameter in operation.parameters} | settings

        def build(op: str, *operands: Tensor, **given: Setting) -> Tensor:
            made = OPERATIONS[op]
            if made.value is None:
                return operands[0].softmax(0)
            rows = zip(*(operand.expand(len(x)).tolist() for operand in operands), strict=True)
            return torch.tensor([value(made, row, made.settings(given.get)) for row in rows], dtype=torch.float64)

        def number(constant: float) -> Tensor:
            return torch.tensor(constant, dtype=torch.float64)

        given = [*tensors, *map(number, optional.values())]
        found = operation.rewritten(build, number, given, known)
        keywords = {"dim": 0} if operation.value is None and operation.kind is Kind.NORMALISED else {}
        expected = getattr(torch, name)(*tensors, **optional, **settings, **keywords)
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)
