"""What is no breach: results that follow the data, an attribute, a flag, or a law that no contract knows."""

from __future__ import annotations

import enum
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_sequence

from vae_checked.wrapping import wrap, wrap_report


class Runs(nn.Module):
    """A stage of any function."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.function, self.width = function, 5
        self.linear, self.recurrent = nn.Linear(4, 4), nn.GRU(4, 3)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.function(self, *args, **kwargs)


class Part(enum.Enum):
    ALL = 1
    FIRST = 2


class Evasive:
    """Answers every question about itself with itself, or with an error."""

    @property
    def mean(self) -> Tensor:
        raise RuntimeError

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self


def nested(lengths: Sequence[int], layout: torch.layout) -> Tensor:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # they are a prototype
        return torch.nested.nested_tensor([torch.rand(length, 4) for length in lengths], layout=layout)


X = torch.rand(6, 4)
SAME, COUNTS = (3, 3, 3, 3), (3, 3, 3, 3, 4, 2)
# name: (what the stage does, the arguments of its calls, how many of these have no sizes to check)
CASES: dict[str, tuple[Callable[..., Any], list[tuple[Any, ...]], int]] = {
    "a mask": (lambda m, x, mask: x[mask], [(X, torch.arange(6) < n) for n in COUNTS], 0),
    "an array": (lambda m, x, rows: x[rows], [(X, np.arange(n)) for n in COUNTS], 0),
    "a slice": (lambda m, x, rows: x[rows], [(X, slice(n)) for n in COUNTS], 0),
    "a list": (lambda m, x, rows: x[rows], [(X, list(range(n))) for n in COUNTS], 0),
    "a number": (lambda m, x, n: x[:n], [(X, n) for n in COUNTS], 0),
    "lengths": (lambda m, x, n: x[:, : int(n.max())], [(X, torch.tensor([1, n])) for n in COUNTS], 0),
    "distinct values": (lambda m, x: x.unique(), [(torch.full((6, 3), 1.0),)] * 4 + [(torch.rand(6, 3),)], 0),
    "a flag": (lambda m, x, part: x if part is Part.ALL else x[:, :1], [(X, Part.ALL)] * 4 + [(X, Part.FIRST)], 0),
    "one more than the batch": (lambda m, x: torch.cat([x, x[:1]]), [(X[:n],) for n in (4, 4, 4, 3, 6)], 0),
    "half of the batch": (lambda m, x: x[: len(x) // 2], [(X[:n],) for n in (3, 3, 3, 2, 4, 6)], 0),
    "half of the batch, more at first": (lambda m, x: x[: -(-len(x) // 2)], [(X[:n],) for n in (1, 1, 1, 4, 6)], 0),
    "pairs": (lambda m, x: torch.pdist(x), [(X[:n],) for n in (4, 4, 4, 3, 6)], 0),
    "a similarity": (lambda m, x: x @ x.T, [(X[:n],) for n in (4, 4, 4, 3, 6, 1)], 0),
    "complex numbers": (lambda m, x: torch.fft.fft(x), [(X[:n],) for n in SAME], 0),
    "a sparse matrix": (lambda m, x: x @ X, [(torch.eye(6).to_sparse(),)] * 4, 0),
    "packed sequences": (
        lambda m, x: m.recurrent(x),
        [(pack_sequence([X[:n], X[:2]], enforce_sorted=False),) for n in (3, 3, 3, 5, 1)],
        0,
    ),
    "jagged tensors": (lambda m, x: m.linear(x), [(nested((3, n), torch.jagged),) for n in COUNTS], 6),
    "nested tensors": (lambda m, x: m.linear(x), [(nested((3, n), torch.strided),) for n in COUNTS], 6),
    "an evasive object": (lambda m, x: Evasive(), [(X,)] * 4, 0),
    "no axis": (lambda m, x: 2 * x, [(torch.tensor(3.0),)] * 4, 4),
    "nothing": (lambda m: torch.zeros(3), [()] * 4, 4),
    "a generator": (lambda m, x: (row for row in x), [(X,)] * 4, 0),
}


@pytest.mark.parametrize("name", CASES)
def test_a_result_that_no_contract_can_know_breaks_none(name: str) -> None:
    function, calls, unreadable = CASES[name]
    model = wrap(Runs(function))
    for args in calls:
        model(*args)
    (stage,) = wrap_report(model).stages
    assert (stage.checked, stage.skipped) == ({0: len(calls) - unreadable}, {0: unreadable})
    assert stage.breaches == {}


def test_an_attribute_may_change_what_a_known_call_returns() -> None:
    model = wrap(Runs(lambda m, x: x[:, : m.width]))
    for width in (3, 3, 3, 3, 2, 1):
        model.width = width
        assert model(X).shape == (6, width)
    assert wrap_report(model).breaches == {}
    assert "result: float32[B _]" in str(wrap_report(model))
