"""`@checked` against jaxtyping itself: signatures and calls that are drawn are taken and refused alike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jaxtyping
import pytest
import torch
from beartype import beartype
from drawn import drawn
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from vae_checked.contracts import Float, Int, Tensor, checked
from vae_checked.errors import ContractError

LETTERS = "BCH"
OPEN = ("*rest", "...", "*#rest")
AXES = (*LETTERS, *LETTERS, "3", "_", *(f"#{c}" for c in LETTERS), *(f"{c}+1" for c in LETTERS), "2*B", "C=2")
KINDS: dict[str, Any] = {"float": Float, "int": Int}


@dataclass(frozen=True)
class Signature:
    """A kind and axes for each argument, the last for the result; `optional` arguments may be None."""

    of: tuple[tuple[str, str], ...]
    optional: tuple[bool, ...]


@st.composite
def axes(draw: st.DrawFn) -> str:
    found = draw(st.lists(st.sampled_from(AXES), max_size=3))
    if draw(st.integers(0, 3)) == 0:
        found.insert(draw(st.integers(0, len(found))), draw(st.sampled_from(OPEN)))
    return " ".join(found)


@st.composite
def signatures(draw: st.DrawFn) -> Signature:
    count = draw(st.integers(1, 3))
    of = tuple((draw(st.sampled_from(sorted(KINDS))), draw(axes())) for _ in range(count + 1))
    return Signature(of, tuple(draw(st.booleans()) for _ in range(count)))


@st.composite
def shapes(draw: st.DrawFn, spec: str, sizes: dict[str, int], rest: list[int]) -> tuple[int, ...]:
    """A shape that fits, or one that misses by an axis or a size."""
    found: list[int] = []
    for axis in spec.split():
        name = axis.lstrip("#*")
        if axis in ("*rest", "*#rest"):
            found += [1 if axis == "*#rest" and draw(st.booleans()) else size for size in rest]
        elif axis == "...":
            found += draw(st.lists(st.sampled_from((2, 5)), max_size=2))
        elif axis == "_":
            found.append(draw(st.sampled_from((2, 5, 9))))
        elif axis.startswith("#"):
            found.append(draw(st.sampled_from((1, sizes[name]))))
        elif axis.endswith("+1"):
            found.append(sizes[axis[0]] + 1)
        elif axis.startswith("2*"):
            found.append(2 * sizes[axis[2]])
        else:
            found.append(sizes[axis] if axis in sizes else int(axis.rpartition("=")[2]))
    if found and draw(st.integers(0, 3)) == 0:
        found[draw(st.integers(0, len(found) - 1))] = draw(st.sampled_from((1, 2, 3, 4, 7)))
    return (*found, 2) if draw(st.integers(0, 15)) == 0 else tuple(found)


def outcome(call: Callable[[], object]) -> str:
    """What becomes of a call: taken, refused, or neither, as where an expression has a letter that nothing binds."""
    try:
        call()
    except (ContractError, jaxtyping.TypeCheckError):
        return "refused"
    except Exception:  # jaxtyping's own error for a signature that cannot be read
        return "unread"
    return "taken"


def functions(signature: Signature, result: list[torch.Tensor]) -> list[Callable[..., torch.Tensor]]:
    """The same function under both decorators."""

    def annotated(decorate: Callable[[Any], Any]) -> Callable[..., torch.Tensor]:
        names = [f"a{place}" for place in range(len(signature.optional))]
        scope: dict[str, Any] = {"result": result}
        exec(f"def stage({', '.join(names)}): return result[0]", scope)  # noqa: S102  its arguments are drawn
        stage = scope["stage"]
        kinds = [KINDS[kind][Tensor, spec] for kind, spec in signature.of]
        for name, kind, optional in zip(names, kinds, signature.optional, strict=False):
            stage.__annotations__[name] = kind | None if optional else kind
        stage.__annotations__["return"] = kinds[-1]
        return decorate(stage)  # type: ignore[no-any-return]  # a decorator gives back what it decorates

    return [annotated(jaxtyping.jaxtyped(typechecker=beartype)), annotated(checked)]


@drawn(60, suppress=list(HealthCheck))
@given(signatures(), st.data())
def test_drawn_calls_are_taken_and_refused_as_by_jaxtyping(signature: Signature, data: st.DataObject) -> None:
    result: list[torch.Tensor] = [torch.zeros(())]
    theirs, ours = functions(signature, result)
    for _ in range(4):
        sizes = {letter: data.draw(st.sampled_from((2, 4, 5))) for letter in LETTERS}
        rest = data.draw(st.lists(st.sampled_from((2, 3)), max_size=2))
        tensors = []
        for kind, spec in signature.of:
            other = data.draw(st.integers(0, 15)) == 0
            dtype = torch.int64 if (kind == "int") is not other else torch.float32
            tensors.append(torch.zeros(data.draw(shapes(spec, sizes, rest)), dtype=dtype))
        result[0] = tensors.pop()
        given_none = [optional and data.draw(st.booleans()) for optional in signature.optional]
        arguments = [None if none else tensor for none, tensor in zip(given_none, tensors, strict=True)]
        wanted = outcome(lambda: theirs(*arguments))  # noqa: B023  called at once
        if wanted != "unread":
            assert outcome(lambda: ours(*arguments)) == wanted  # noqa: B023  called at once


@pytest.mark.parametrize("refused", [False, True])
def test_the_oracle_itself_takes_and_refuses(refused: bool) -> None:
    signature = Signature((("float", "B C"), ("float", "B")), (False,))
    theirs, ours = functions(signature, [torch.zeros(5 if refused else 4)])
    for function in (theirs, ours):
        assert outcome(lambda: function(torch.zeros(4, 3))) == ("refused" if refused else "taken")  # noqa: B023  at once
