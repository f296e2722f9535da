"""The interval that a value can reach, read from the operations that made it."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vae_checked.auditor.measure.intervals import interval_of
from vae_checked.auditor.recognition.graph import Graph
from vae_checked.auditor.recording.nodes import Nodes
from vae_checked.auditor.recording.recorder import Recorder
from vae_checked.facts import REAL, UNIT, Interval

layer = nn.Linear(4, 3)
normalise = nn.BatchNorm1d(4)
INF = math.inf

# What each function of a layer's output, unbounded as it is, can reach.
BOUNDED: dict[str, tuple[Callable[[Tensor], Tensor], tuple[float, float]]] = {
    "linear": (lambda h: h, (-INF, INF)),
    "sigmoid": (torch.sigmoid, (0.0, 1.0)),
    "tanh": (torch.tanh, (-1.0, 1.0)),
    "relu": (torch.relu, (0.0, INF)),
    "relu in place": (lambda h: F.relu(h, inplace=True), (0.0, INF)),
    "softplus": (F.softplus, (0.0, INF)),
    "softplus and a floor": (lambda h: F.softplus(h) + 1e-2, (0.01, INF)),
    "exp": (torch.exp, (0.0, INF)),
    "elu": (F.elu, (-1.0, INF)),
    "leaky relu": (F.leaky_relu, (-INF, INF)),
    "relu then sigmoid": (lambda h: h.relu().sigmoid(), (0.5, 1.0)),
    "sigmoid twice": (lambda h: h.sigmoid().sigmoid(), (0.5, 1 / (1 + math.exp(-1)))),
    "tanh to the unit interval": (lambda h: (h.tanh() + 1) / 2, (0.0, 1.0)),
    "sigmoid to pixels": (lambda h: 255 * h.sigmoid(), (0.0, 255.0)),
    "one minus": (lambda h: 1 - h.sigmoid(), (0.0, 1.0)),
    "negated": (lambda h: -h.relu(), (-INF, 0.0)),
    "clamp": (lambda h: h.clamp(-30, 20), (-30.0, 20.0)),
    "clamp from below": (lambda h: h.clamp(min=-6), (-6.0, INF)),
    "hardtanh": (F.hardtanh, (-1.0, 1.0)),
    "relu6": (F.relu6, (0.0, 6.0)),
    "hardsigmoid": (F.hardsigmoid, (0.0, 1.0)),
    "square": (lambda h: h**2, (0.0, INF)),
    "abs": (torch.abs, (0.0, INF)),
    "softmax": (lambda h: h.softmax(1), (0.0, 1.0)),
    "viewed": (lambda h: h.sigmoid().view(-1).unsqueeze(0).permute(1, 0), (0.0, 1.0)),
    "added": (lambda h: h.sigmoid() + h.tanh(), (-1.0, 2.0)),
    "multiplied": (lambda h: h.sigmoid() * h.tanh(), (-0.2071, 1.0)),
    "averaged over a group": (lambda h: h.sigmoid().mul(3).view(-1, 3, 1).mean(1), (0.0, 3.0)),
    "enlarged": (lambda h: F.interpolate(h.relu().unsqueeze(0), scale_factor=2, mode="nearest"), (0.0, INF)),
    "joined": (lambda h: torch.cat([h.sigmoid(), h.tanh()], dim=1), (-1.0, 1.0)),
    "joined with what is not bounded": (lambda h: torch.cat([h.sigmoid(), h], dim=1), (-INF, INF)),
    "a share of a sum": (lambda h: (e := F.softplus(h)) / (e.sum(1, keepdim=True) + 1e-8), (0.0, 1.0)),
    "over the sum of its sizes": (lambda h: F.normalize(h.relu(), p=1, dim=1), (0.0, 1.0)),
    "over its length": (lambda h: F.normalize(h, dim=1), (-1.0, 1.0)),
    "chunked": (lambda h: h.sigmoid().chunk(3, dim=1)[1], (0.0, 1.0)),
}


def interval(function: Callable[[Tensor], Tensor], data: Interval | None = None) -> Interval | None:
    x = torch.randn(5, 4)
    recorder = Recorder([("x", x)], dict(nn.ModuleList([layer, normalise]).named_parameters()))
    with recorder:
        out = function(x)
    number = recorder.find(out)
    assert number is not None
    return interval_of(recorder.tape, Graph(recorder.tape), number, data)


@pytest.mark.parametrize("name", BOUNDED)
def test_the_interval_of_a_function_of_a_layer(name: str) -> None:
    function, (low, high) = BOUNDED[name]
    found = interval(lambda x: function(layer(x)))
    assert found is not None
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-3)


@pytest.mark.parametrize("name", BOUNDED)
def test_no_value_leaves_its_interval_and_wide_layers_near_both_ends(name: str) -> None:
    function, (low, high) = BOUNDED[name]
    torch.manual_seed(3)
    h = 40 * torch.randn(2000, 3)
    reached = function(h.clone())
    assert low - 1e-4 <= float(reached.min())
    assert float(reached.max()) <= high + 1e-6
    if name != "added":  # neither of its parts is near its end where the other is
        for end, value in ((low, float(reached.min())), (high, float(reached.max()))):
            assert abs(end - value) < 0.02 * max(1.0, abs(end)) if math.isfinite(end) else abs(value) > 1.0


def test_an_open_end_is_told_from_one_that_is_reached() -> None:
    sigmoid, clamped = interval(lambda x: layer(x).sigmoid()), interval(lambda x: layer(x).clamp(0, 1))
    assert str(sigmoid) == "(0, 1)"
    assert str(clamped) == "[0, 1]"


def test_normalisation_bounds_nothing() -> None:
    assert interval(normalise) == REAL


def test_the_data_bring_their_own_interval() -> None:
    assert interval(lambda x: 2 * x - 1, UNIT) == Interval(-1.0, 1.0)
    assert interval(lambda x: 2 * x - 1) is None


@pytest.mark.parametrize(
    "whole",
    [
        lambda e: e.sum(),
        lambda e: e.sum(0),
        lambda e: e.sum(1)[:, None],
        lambda e: e.sum(-1).view(-1, 1).expand_as(e),
        lambda e: e.norm(dim=1).unsqueeze(1),
    ],
)
def test_a_sum_that_stands_where_its_parts_do_makes_shares(whole: Callable[[Tensor], Tensor]) -> None:
    found = interval(lambda x: (e := layer(x).exp()) / whole(e))
    assert found is not None
    assert (found.low, found.high) == (0.0, 1.0)


def test_the_sums_of_the_rows_of_a_square_at_its_columns_make_no_share() -> None:
    def shares(x: Tensor) -> Tensor:
        square = layer(x)[:3, :3].exp()
        return square / square.sum(1)

    assert interval(shares) is None


def test_an_operation_that_is_not_known_has_no_interval() -> None:
    assert interval(lambda x: torch.special.bessel_j0(layer(x))) is None
    assert interval(lambda x: layer(x).cumsum(0).sigmoid().cumprod(0) * 2) is None
    assert interval(lambda x: layer(x).sigmoid() / layer(x).tanh()) is None


def test_what_is_not_known_is_not_the_whole_line_afterwards() -> None:
    assert interval(lambda x: F.leaky_relu(layer(x).cumsum(0))) is None
    assert interval(lambda x: layer(x).cumsum(0).sigmoid()) == Interval(0.0, 1.0, True, True)


def test_one_value_used_twice_is_one_value() -> None:
    def quotient(x: Tensor) -> Tensor:
        h = layer(x).exp()
        return h / (1 + h)

    found = interval(quotient)
    assert found is not None
    assert (found.low, found.high) == pytest.approx((0.0, 1.0), abs=1e-3)
    assert interval(lambda x: layer(x).sigmoid() / layer(x + 1).exp()) == Interval(0.0, INF, True)
    other = interval(lambda x: layer(x).sigmoid() / layer(x).exp())
    assert other is not None
    assert (other.low, other.high) == pytest.approx((0.0, 1.0), abs=1e-3)


def test_a_value_added_to_itself_at_every_step_is_followed_once_a_step(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    original = Nodes._read

    def counted(nodes: Nodes, number: int) -> object:
        read.append(number)
        return original(nodes, number)

    monkeypatch.setattr(Nodes, "_read", counted)

    def repeated(x: Tensor) -> Tensor:
        y = layer(x)
        for _ in range(40):
            y = y + 0.1 * torch.tanh(y)
        return y

    assert interval(repeated) == REAL
    assert len(read) == len(set(read)) <= 3 * 40 + 10


def test_what_lies_before_a_layer_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    read = []
    original = Nodes._read
    monkeypatch.setattr(Nodes, "_read", lambda nodes, number: read.append(number) or original(nodes, number))

    def deep(x: Tensor) -> Tensor:
        for _ in range(30):
            x = layer(F.pad(x, (0, 1))[:, :4]).tanh()
        return x

    assert interval(lambda x: deep(x[:, :3])) == Interval(-1.0, 1.0, True, True)
    assert len(read) < 12


def test_what_is_written_into_is_not_taken_for_what_stood_there_before() -> None:
    def filled(x: Tensor) -> Tensor:
        out = torch.zeros(5, 6)
        out[:, :3] = layer(x)
        return out * 2

    assert interval(filled) is None
    assert interval(lambda x: torch.zeros(5, 3).copy_(layer(x).sigmoid())) == Interval(0.0, 1.0, True, True)
    assert interval(lambda x: layer(x).clamp_(-3, 2).mul_(2)) == Interval(-6.0, 4.0)


def test_attention_stays_among_the_values_it_weighs() -> None:
    def attention(x: Tensor) -> Tensor:
        h = layer(x).unsqueeze(0)
        return F.softmax(h @ h.transpose(1, 2), dim=-1) @ h.relu()

    found = interval(attention)
    assert found is not None
    assert found.low == 0.0
    assert interval(lambda x: torch.ones(2, 5).relu() @ layer(x)) == REAL
