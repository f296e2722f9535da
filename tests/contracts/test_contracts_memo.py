"""The memo never changes a verdict: random calls, judged with memory and by plain jaxtyping with beartype."""

from __future__ import annotations

import enum
import weakref
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Annotated, Any, Literal, Protocol, TypeVar, runtime_checkable

import pytest
import torch
from beartype import beartype
from beartype.vale import Is
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from jaxtyping import Float64, TypeCheckError, jaxtyped

from vae_checked.contracts import Float, Shaped, Tensor, UInt8, checked, plan
from vae_checked.contracts.decorator import contract_of
from vae_checked.contracts.fingerprint import Binder, make_binder
from vae_checked.contracts.memo import MOST_SIGNATURES, Bounded
from vae_checked.errors import ContractError

DTYPES = (torch.float32, torch.float64, torch.uint8)


class Box:
    """What the functions below return next, and an attribute that axes read."""

    def __init__(self) -> None:
        self.result: Any = None
        self.n = 2


class Rows(Box):
    def stage(self, x: Float[Tensor, "B L"], y: Float[Tensor, "B L"]) -> Float[Tensor, " B"]:
        return self.result


class Groups(Box):
    def stage(self, x: Shaped[Tensor, "*batch L"], y: Float[Tensor, "#L"]) -> Float[Tensor, "*batch _"]:
        return self.result


class Computed(Box):
    def stage(self, x: Float[Tensor, "B L"], y: int = 2) -> Float[Tensor, "B*{y} L//{self.n}"]:
        return self.result


class Attribute(Box):
    def stage(self, x: Float[Tensor, "B {self.n}"], y: Any = None) -> Float[Tensor, " B"]:
        return self.result


class Options(Box):
    def stage(
        self,
        x: Float64[Tensor, "B L"] | UInt8[Tensor, " B"],
        y: Float[Tensor, "B L"] | None = None,
        *,
        mode: Literal["sum", 2] = 2,
    ) -> Float[Tensor, " L"] | None:
        return self.result


class Pairs(Box):
    def stage(self, x: tuple[Float[Tensor, " B"], Float[Tensor, "B L"]]) -> tuple[Float[Tensor, " L"], int | None]:
        return self.result


class Collecting(Box):
    def stage(self, x: Float[Tensor, "B L"], *rest, y: Float[Tensor, " B"] | None = None, **options) -> Tensor:
        return self.result


SIGNATURES = (Rows, Groups, Computed, Attribute, Options, Pairs, Collecting)


@dataclass(frozen=True)
class Call:
    """One call: what is passed, under which names, what comes back, and the attribute at that time."""

    args: tuple[Any, ...]
    kwargs: tuple[tuple[str, Any], ...]
    result: Any
    n: int


def tensors() -> st.SearchStrategy[Tensor]:
    shapes = st.lists(st.integers(1, 3), min_size=0, max_size=3)
    return st.builds(lambda shape, dtype: torch.zeros(shape, dtype=dtype), shapes, st.sampled_from(DTYPES))


def values() -> st.SearchStrategy[Any]:
    likely = tensors()
    return likely | likely | st.sampled_from([None, 2, True, "sum", 1.5]) | st.tuples(likely, likely)


def right_call(signature: type[Box], B: int, L: int, n: int, dtype: torch.dtype) -> Call:
    """A call that fits the signature."""

    def z(*shape: int) -> Tensor:
        return torch.zeros(shape, dtype=dtype)

    return {
        Rows: Call((z(B, L), z(B, L)), (), z(B), n),
        Groups: Call((z(B, n, L), z(1)), (), z(B, n, 9), n),
        Computed: Call((z(B, L),), (("y", n),), z(B * n, L // n), n),
        Attribute: Call((z(B, n),), (), z(B), n),
        Options: Call((z(B).byte(), z(B, L)), (("mode", "sum"),), z(L), n),
        Pairs: Call(((z(B), z(B, L)),), (), (z(L), None), n),
        Collecting: Call((z(B, L), 5), (("y", z(B)), ("other", 1)), z(7), n),
    }[signature]


SIZES = st.integers(1, 3)


@st.composite
def right_calls(draw: st.DrawFn, signature: type[Box]) -> Call:
    return right_call(signature, draw(SIZES), draw(SIZES), draw(SIZES), draw(st.sampled_from(DTYPES[:2])))


@st.composite
def spoilt(draw: st.DrawFn, call: Call) -> Call:
    """The same call but for one thing."""
    what = draw(st.sampled_from(["argument", "argument", "named", "result", "attribute"]))
    if what == "argument":
        position = draw(st.integers(0, len(call.args) - 1))
        args = (*call.args[:position], _spoil(draw, call.args[position]), *call.args[position + 1 :])
        return replace(call, args=args)
    if what == "named" and call.kwargs:
        (name, value), *others = call.kwargs
        return replace(call, kwargs=((name, _spoil(draw, value)), *others))
    if what == "attribute":
        return replace(call, n=draw(SIZES))
    return replace(call, result=_spoil(draw, call.result))


def _spoil(draw: st.DrawFn, value: Any) -> Any:
    if isinstance(value, tuple):
        return draw(st.sampled_from([value[:1], (*value, None), (value[0], draw(values())), list(value)]))
    if not isinstance(value, Tensor):
        return draw(values())
    longer = (*value.shape[:-1], 4) if value.ndim else (4,)
    changed = [value.unsqueeze(0), value.new_zeros(longer), *(value.to(dtype) for dtype in DTYPES)]
    return draw(st.sampled_from(changed) | values())


def verdict(stage: Callable[..., Any], box: Box, call: Call) -> str:
    box.result, box.n = call.result, call.n
    try:
        stage(box, *call.args, **dict(call.kwargs))
    except (TypeCheckError, ContractError):
        return "refused"
    except TypeError:
        return "no such call"
    return "passed"


@cache
def plainly_checked(signature: type[Box]) -> Callable[..., Any]:
    """The stage under jaxtyping with beartype, which remember no call: made once, as beartype writes code for it."""
    return jaxtyped(signature.stage, typechecker=beartype)


def disagreements(signature: type[Box], sequence: Sequence[Call], said: set[str]) -> list[tuple[Call, str, str]]:
    plain = plainly_checked(signature)
    ours = checked(signature.stage)
    # What remembers no call says the same of one each time.
    expected = {id(call): verdict(plain, signature(), call) for call in {id(call): call for call in sequence}.values()}
    said.update(expected.values())
    found = []
    for call in (*sequence, *sequence):
        got = verdict(ours, signature(), call)
        if got != expected[id(call)]:
            found.append((call, expected[id(call)], got))
    return found


@st.composite
def sequences(draw: st.DrawFn, signature: type[Box]) -> list[Call]:
    """Calls from a pool of few that differ in one thing: nearly all repeat or nearly repeat, as in training."""
    base = draw(right_calls(signature))
    pool = [base, draw(spoilt(base)), draw(spoilt(base)), draw(spoilt(base)), draw(right_calls(signature))]
    return [base, *draw(st.lists(st.sampled_from(pool), min_size=2, max_size=6))]


quick = settings(
    max_examples=50,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.parametrize("signature", SIGNATURES, ids=lambda signature: signature.__name__)
def test_memory_never_changes_a_verdict(signature):
    said = set()

    @quick
    @given(sequences(signature))
    def agree(sequence: list[Call]) -> None:
        assert disagreements(signature, sequence, said) == []

    assert contract_of(checked(signature.stage)).why_not_remembered == ""
    agree()
    assert {"passed", "refused"} <= said


@pytest.mark.parametrize("signature", SIGNATURES, ids=lambda signature: signature.__name__)
def test_right_calls_are_remembered(signature, monkeypatch):
    right = right_call(signature, 2, 3, 2, torch.float64)
    stage = checked(signature.stage)
    assert verdict(stage, signature(), right) == "passed"
    monkeypatch.setattr(contract_of(stage), "_in_full", None)
    monkeypatch.setattr(contract_of(stage), "_result_in_full", None)
    assert verdict(stage, signature(), right) == "passed"


@pytest.mark.parametrize("forgets", [torch.dtype, torch.Size, str])
def test_a_fingerprint_that_forgets_something_is_caught(forgets, monkeypatch):
    signature = Attribute if forgets is str else Rows

    def forgetful(*made: Any) -> Binder:
        whole = make_binder(*made)

        def bind(*args: Any, **kwargs: Any) -> tuple[dict[str, Any], tuple[Any, ...]]:
            arguments, key = whole(*args, **kwargs)
            return arguments, without(key)

        return bind

    def without(key: Any) -> Any:
        if type(key) is tuple:
            return tuple(without(part) for part in key if not isinstance(part, forgets))
        return key

    @settings(quick, max_examples=500)
    @given(sequences(signature))
    def agree(sequence: list[Call]) -> None:
        assert disagreements(signature, sequence, set()) == []

    monkeypatch.setattr(plan, "make_binder", forgetful)
    with pytest.raises(AssertionError):
        agree()


def test_a_memory_that_ignores_the_result_is_caught(monkeypatch):
    @quick
    @given(sequences(Rows))
    def agree(sequence: list[Call]) -> None:
        assert disagreements(Rows, sequence, set()) == []

    monkeypatch.setattr(plan, "make_result_reader", lambda *_: lambda *_: "the same")
    with pytest.raises(AssertionError):
        agree()


# -------------------------------------------------------------------------------------------- what is not sound


class Colour(enum.Enum):
    RED = 1


@runtime_checkable
class HasMean(Protocol):
    mean: Tensor


class Posterior:
    def __init__(self, fields: tuple[str, ...]) -> None:
        for field in fields:
            setattr(self, field, torch.zeros(1))


T = TypeVar("T", bound=Tensor)

NOT_REMEMBERED = {
    "a validator": Annotated[int, Is[lambda n: n > 2]],
    "a protocol": HasMean,
    "a type variable": T,
    "a parameter, which torch tells by an attribute": torch.nn.Parameter,
    "an array of that kind": Float[torch.nn.Parameter, "B L"],
    "any array": Float[Any, "B L"],
    "an axis with a call": Float[Tensor, "B B*eval('2')"],
    "a value in a container": list[Literal[1]],
    "a union of tensor and value": Float[Tensor, "B L"] | Literal["mean"],
    "a set": set[int],
    "a class as a value": type[int],
    "an iterator": Iterator[int],
}

REMEMBERED = {
    "a tensor": Float[Tensor, "B L"],
    "any tensor": Tensor,
    "a module": torch.nn.Module,
    "an optional": Float[Tensor, "B L"] | None,
    "a literal": Literal["sum", "mean"],
    "an enum": Colour,
    "a function": Callable[[Tensor], Tensor],
    "a list": list[Float[Tensor, "B L"]],
    "a dict": dict[str, Float[Tensor, "B L"]],
    "a nested tuple": tuple[int, tuple[Float[Tensor, "B L"], ...]],
    "anything": Any,
    "arithmetic": Float[Tensor, "B max(B,2)*3"],
}


@pytest.mark.parametrize("name", NOT_REMEMBERED)
def test_what_a_fingerprint_cannot_hold_is_checked_every_time(name):
    def stage(x):
        return x

    stage.__annotations__["x"] = NOT_REMEMBERED[name]
    contract = contract_of(checked(stage))
    assert contract.why_not_remembered.startswith("x: ")
    stage.__annotations__ = {"return": NOT_REMEMBERED[name]}
    assert contract_of(checked(stage)).why_not_remembered.startswith("result: ")


@pytest.mark.parametrize("name", REMEMBERED)
def test_what_a_fingerprint_holds_is_remembered(name):
    def stage(x):
        return x

    stage.__annotations__["x"] = REMEMBERED[name]
    assert contract_of(checked(stage)).why_not_remembered == ""


def test_values_decide_where_the_annotation_looks_at_values():
    @checked
    def positive(n: NOT_REMEMBERED["a validator"]) -> int:
        return n

    @checked
    def mean(q: HasMean) -> int:
        return 1

    for _ in range(2):
        assert positive(3) == 3
        assert mean(Posterior(("mean",))) == 1
        with pytest.raises(ContractError, match=r"positive\(n\): is the int 1"):
            positive(1)
        with pytest.raises(ContractError, match=r"mean\(q\): is of type Posterior"):
            mean(Posterior(("mu",)))


def test_odd_containers_are_checked_every_time():
    class Shelf(list):
        pass

    @checked
    def stage(x: list[Float[Tensor, " L"]]) -> None: ...

    right, wrong = torch.zeros(3), torch.zeros(4)
    for _ in range(2):
        stage(Shelf([right, right]))
        stage([right] * 100)
        with pytest.raises(ContractError, match=r"x\[1\]"):
            stage(Shelf([right, wrong]))
        with pytest.raises(ContractError, match=r"x\[99\]"):
            stage([right] * 99 + [wrong])
    assert len(contract_of(stage).seen) == 0


def test_the_result_is_judged_by_the_arguments_as_they_were_passed():
    @checked
    def stage(x: Float[Tensor, "B L"], flip: bool) -> Float[Tensor, " B"]:
        result = x.sum(1)
        if flip:
            x.unsqueeze_(0)
        return result

    for flip in (True, False, True, True):
        assert stage(torch.zeros(2, 3), flip).shape == (2,)
    assert len(contract_of(stage).seen) == 1


def test_the_memory_is_bounded_and_forgets_the_oldest():
    @checked
    def stage(x: Float[Tensor, " L"]) -> Float[Tensor, " L"]:
        return x

    for size in range(MOST_SIGNATURES + 10):
        stage(torch.zeros(size))
    assert len(contract_of(stage).seen) == MOST_SIGNATURES

    kept: Bounded[int] = Bounded(2)
    assert [kept.add(key, value) for key, value in (("a", 1), ("b", 2), ("a", 9), ("c", 3))] == [1, 2, 1, 3]
    assert [kept.get(key) for key in "abc"] == [None, 2, 3]


def test_a_weak_proxy_counts_as_what_it_stands_for():
    @checked
    def stage(module: torch.nn.Linear) -> None: ...

    linear, relu = torch.nn.Linear(2, 3), torch.nn.ReLU()
    for _ in range(2):
        stage(weakref.proxy(linear))
        with pytest.raises(ContractError, match=r"stage\(module\): is of type"):
            stage(weakref.proxy(relu))


def test_a_number_of_another_kind_is_not_taken_for_one_that_passed():
    class Count(int):
        pass

    @checked
    def stage(n: Literal[1, 2]) -> None: ...

    plain = jaxtyped(stage.__wrapped__, typechecker=beartype)
    for value in (Count(1), Count(5), Count(1), Count(5), 1, True, 1.0):
        verdicts = []
        for function in (plain, stage):
            try:
                function(value)
            except TypeError:
                verdicts.append("refused")
            else:
                verdicts.append("passed")
        assert verdicts[0] == verdicts[1]


def test_a_body_that_takes_away_what_an_axis_reads_still_returns():
    class Model:
        width = 3

        @checked
        def stage(self, x: Float[Tensor, "B {self.width}"]) -> Float[Tensor, " B"]:
            type(self).width = None
            return x.sum(1)

    assert Model().stage(torch.zeros(2, 3)).shape == (2,)
    with pytest.raises(ContractError, match=r"axis 1 is 3, the contract says {self.width} = None"):
        Model().stage(torch.zeros(2, 3))


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
def test_nested_tensors_are_judged_as_jaxtyping_does():
    @checked
    def stage(x: Tensor) -> Tensor:
        return x

    nested = torch.nested.nested_tensor([torch.zeros(2, 3), torch.zeros(4, 3)])
    assert stage(nested) is nested
