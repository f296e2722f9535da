"""Objects that lie about their class, raise when looked at, or hold themselves: a broken contract, no crash."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from jaxtyping import Float
from torch import Tensor

from vae_checked import checked
from vae_checked.errors import ContractError


def summed(value: Any) -> Any:
    return value.sum(1)


@checked
def of_tensor(x: Float[Tensor, "B L"]) -> Float[Tensor, " B"]:
    return summed(x)


@checked
def of_optional(x: Float[Tensor, "B L"] | None) -> Float[Tensor, " B"] | None:
    return None if x is None else summed(x)


@checked
def of_array(x: Float[np.ndarray, "B L"]) -> Float[np.ndarray, " B"]:
    return summed(x)


@checked
def of_list(x: list[Float[Tensor, "B L"]]) -> Float[Tensor, " B"]:
    return summed(x[0])


@checked
def of_tuple(x: tuple[Float[Tensor, "B L"], ...]) -> Float[Tensor, " B"]:
    return summed(x[0])


@checked
def of_dict(x: dict[str, Float[Tensor, "B L"]]) -> Float[Tensor, " B"]:
    return summed(next(iter(x.values())))


@checked
def of_sequence(x: Sequence[Float[Tensor, "B L"]]) -> Float[Tensor, " B"]:
    return summed(x[0])


@checked
def of_mapping(x: Mapping[str, Float[Tensor, "B L"]]) -> Float[Tensor, " B"]:
    return summed(next(iter(x.values())))


@checked
def of_iterable(x: Iterable[Float[Tensor, "B L"]]) -> Float[Tensor, " B"]:
    return summed(next(iter(x)))


FUNCTIONS: tuple[Callable[[Any], Any], ...] = (
    of_tensor,
    of_optional,
    of_array,
    of_list,
    of_tuple,
    of_dict,
    of_sequence,
    of_mapping,
    of_iterable,
)


def says_it_is(kind: type) -> Any:
    return type("Liar", (), {"__class__": property(lambda self: kind)})()


def _raise(*_: Any) -> Any:
    raise RuntimeError("do not look")


class Unseen:
    """Raises whatever is asked of it."""

    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError(f"no {name} here")


class Shaped:
    """Has the attributes of a tensor, with anything in them."""

    def __init__(self, shape: Any, dtype: Any) -> None:
        self.shape, self.dtype = shape, dtype


class Listed(list[Any]):
    """Has a length, and nothing behind it."""

    __iter__ = _raise

    def __len__(self) -> int:
        return 3


class Ordered(Sequence[Any]):
    """Raises when it is counted and when it is read."""

    __len__ = __getitem__ = _raise


class Keyed(Mapping[str, Any]):
    """Has a length, and nothing behind it."""

    __iter__ = __getitem__ = _raise

    def __len__(self) -> int:
        return 2


class Shapeless(Tensor):
    """A tensor that does not tell its shape."""

    shape = property(_raise)  # type: ignore[assignment]  # that is the point


def self_holding() -> tuple[list[Any], dict[str, Any]]:
    inner: list[Any] = []
    inner.append(inner)
    keyed: dict[str, Any] = {}
    keyed["a"] = keyed
    return inner, keyed


# Nothing of this fits any of the functions.
ODD: dict[str, Any] = {
    "an object that says it is a tensor": says_it_is(Tensor),
    "an object that says it is a list": says_it_is(list),
    "an object that says it is a dict": says_it_is(dict),
    "an object without a class": type("Unclear", (), {"__class__": property(_raise)})(),
    "an object that raises": Unseen(),
    "a list of one that says it is a tensor": [says_it_is(Tensor)],
    "a list of one that raises": [Unseen()],
    "a shape that is a number": Shaped(5, "x"),
    "a shape that is a tuple": Shaped((2, 3), torch.float32),
    "a list that raises": Listed([torch.zeros(2, 3)]),
    "a sequence that raises": Ordered(),
    "a mapping that raises": Keyed(),
    "a tensor without a shape": torch.zeros(2, 3).as_subclass(Shapeless),
    "a number of torch": torch.tensor(1.0),
    "a number of numpy": np.float32(1.0),
    "an array without axes": np.zeros(()),
    "an array of objects": np.array([None]),
    "a masked array of whole numbers": np.ma.zeros((2, 3), int),
    "a list of numbers of torch": [torch.tensor(1.0)],
    "a list of arrays": [np.zeros((2, 3))],
    "a dict of arrays": {"a": np.zeros((2, 3))},
    "a list that holds itself": self_holding()[0],
    "a dict that holds itself": self_holding()[1],
    "the class of tensors": Tensor,
    "text": "ab",
    "bytes": b"ab",
}


@pytest.mark.parametrize("name", ODD)
def test_what_is_odd_breaks_the_contract_and_nothing_else(name: str) -> None:
    for function in FUNCTIONS:
        for _ in range(2):  # the second call meets what the first one has left
            with pytest.raises(ContractError) as caught:
                function(ODD[name])
            assert str(caught.value).startswith(function.__name__)


@pytest.mark.parametrize("name", ODD)
def test_an_odd_result_breaks_the_contract_as_well(name: str) -> None:
    @checked
    def given(x: Float[Tensor, "B L"]) -> Float[Tensor, " B"]:
        return ODD[name]

    with pytest.raises(ContractError, match=r"given\(\)"):
        given(torch.zeros(2, 3))


def test_what_a_part_raised_is_told() -> None:
    with pytest.raises(ContractError, match=r"len\(\) of a 0-d tensor"):
        of_iterable(torch.tensor(1.0))


def test_an_array_is_described_by_its_shape_and_gets_no_remedy_of_torch() -> None:
    with pytest.raises(ContractError) as caught:
        of_array(np.zeros((2, 3, 4), np.float32))
    assert "3 axes (2, 3, 4), the contract says 2: B L" in str(caught.value)
    assert "got: float32 (2, 3, 4)" in str(caught.value)
    with pytest.raises(ContractError, match="dtype is int64, the contract says floating point\n"):
        of_array(np.zeros((2, 3), np.int64))


def test_an_error_of_the_function_is_its_own() -> None:
    @checked
    def broken(x: Float[Tensor, "B L"]) -> Float[Tensor, " B"]:
        raise AttributeError("mine")

    for _ in range(2):
        with pytest.raises(AttributeError, match="mine"):
            broken(torch.zeros(2, 3))


OPTIMIZED = """
import torch
from jaxtyping import Float
from torch import Tensor
from vae_checked import checked
from vae_checked.errors import ContractError

@checked
def halved(x: Float[Tensor, "B L"], n: int = 2) -> Float[Tensor, "B L//2"]:
    return x[:, : x.shape[1] // n]

@checked
def shifted(x: Float[Tensor, "B T+1"], y: Float[Tensor, "B T"]) -> Float[Tensor, "B T"]:
    return x[:, 1:] + y

@checked
class Stage(torch.nn.Module):
    def forward(self, xs: tuple[Float[Tensor, "B L"], ...]) -> Float[Tensor, "B L"]:
        return xs[0]

def said(call):
    try:
        call()
    except ContractError as error:
        return str(error).splitlines()[0]
    return "kept"

assert False, "asserts are off"
two = torch.zeros(2, 6)
for call in (
    lambda: halved(two),
    lambda: halved(two),
    lambda: halved(torch.zeros(6)),
    lambda: halved(two, "2"),
    lambda: halved(two, 3),
    lambda: shifted(torch.zeros(2, 6), torch.zeros(2, 5)),
    lambda: shifted(torch.zeros(2, 6), torch.zeros(2, 6)),
    lambda: Stage()((two, two)),
    lambda: Stage()((two, torch.zeros(3, 6))),
):
    print(said(call))
"""


def test_contracts_hold_where_python_leaves_assertions_out() -> None:
    text = textwrap.dedent(OPTIMIZED)
    # What -O leaves out -OO does too, and docstrings.
    done = subprocess.run([sys.executable, "-OO", "-c", text], capture_output=True, text=True, check=False)
    told = [
        "kept",
        "kept",
        "halved(x): 1 axis (6,), the contract says 2: B L",
        "halved(n): is the str '2', the contract says int",
        "halved() result: axis 1 is 2, the contract says L//2 = 3",
        "kept",
    ]
    assert done.returncode == 0, done.stderr[-2000:]
    lines = done.stdout.splitlines()
    assert lines[:6] == told
    assert lines[6].startswith("shifted(x): axis 1")
    assert lines[7] == "kept"
    assert lines[8].startswith("Stage.forward(xs[1]): axis 0 (B) is 3, xs[0] has B = 2")


@pytest.mark.parametrize("wrong", range(5))
@pytest.mark.parametrize("hint", [Iterable, Collection])
def test_every_element_of_a_sequence_is_looked_at_whatever_it_is_called(hint: Any, wrong: int) -> None:
    @checked
    def of_many(x: hint[Float[Tensor, "B L"]]) -> Float[Tensor, " B"]:  # type: ignore[valid-type]  # the test's choice
        return summed(next(iter(x)))

    x = [torch.zeros(2, 3) for _ in range(5)]
    assert of_many(x).shape == (2,)
    x[wrong] = torch.zeros(2, 4)
    with pytest.raises(ContractError, match=r"of_many\(\)"):
        of_many(x)


@pytest.mark.parametrize("kind", [list, Sequence, Iterable])
def test_a_list_that_raises_breaks_a_contract_whichever_element_is_drawn(kind: Any) -> None:
    @checked
    def of_many(x: kind[Float[Tensor, "B L"]]) -> Float[Tensor, " B"]:  # type: ignore[valid-type]  # the test's choice
        return summed(next(iter(x)))

    for _ in range(20):  # beartype draws one of three elements, two of which are not there
        with pytest.raises(ContractError, match=r"of_many\(\)"):
            of_many(Listed([torch.zeros(2, 3)]))


def test_an_iterator_is_left_to_the_function() -> None:
    @checked
    def of_all(x: Iterable[Float[Tensor, "B L"]]) -> Float[Tensor, " B"]:
        return torch.stack([summed(each) for each in x]).sum(0)

    assert of_all(torch.full((2, 3), float(n)) for n in range(4)).tolist() == [18.0, 18.0]
