"""An existing model with its stages named: how it is called, and what each part of its output is."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from torch import Tensor, nn

from vae_checked.mathematics.names import Role
from vae_checked.signatures import signature_of


class Stage(StrEnum):
    """What a method or a part of a model does."""

    ENCODE = "encode"
    REPARAMETERIZE = "reparameterize"
    DECODE = "decode"
    LOSS = "loss"
    FORWARD = "forward"


@dataclass(frozen=True, slots=True)
class Child:
    """One entry of an output: how it is written behind the output (`[1]`, `.mu`), and the role its name declares."""

    label: str
    value: Any
    role: Role | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """One tensor of an output: `path` as in `output[1]`, the role that the convention declares, and the convention."""

    path: str
    tensor: Tensor
    role: Role | None
    convention: str


@dataclass(frozen=True, slots=True)
class Inputs:
    """What the model is called with: positional tensors, named ones, or one mapping handed over whole."""

    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] | None = None

    def tensors(self) -> list[tuple[str, Tensor]]:
        """Every tensor with its name; the data come first."""
        found: list[tuple[str, Tensor]] = []
        for position, value in enumerate(self.args):
            name = "x" if position == 0 else f"input {position + 1}"
            if isinstance(value, Tensor):
                found.append((name, value))
            elif isinstance(value, Mapping):
                found += [(str(key), each) for key, each in value.items() if isinstance(each, Tensor)]
        found += [(key, value) for key, value in (self.kwargs or {}).items() if isinstance(value, Tensor)]
        return found


@dataclass(frozen=True, slots=True)
class Call:
    """How a convention runs a model: `run` takes the model and its inputs, `reason` says why so."""

    run: Callable[[nn.Module, Inputs], Any]
    reason: str


@dataclass(frozen=True, slots=True)
class Adapter:
    """One convention.

    `calls` says how a model of this convention is run, None when it is none of its models. `reads` takes an output, or
    an entry of one, apart; None when it has another form. `input_of` is the specification of the input that a model of
    this convention declares, None when it declares none.
    """

    name: str
    summary: str
    calls: Callable[[nn.Module], Call | None]
    reads: Callable[[Any], tuple[Child, ...] | None]
    input_of: Callable[[nn.Module], str | None] = lambda _: None

    def children(self, output: Any) -> tuple[Child, ...] | None:
        """What `reads` gives; None as well for an object whose attributes raise when they are read."""
        try:
            return self.reads(output)
        except Exception:  # an output is any object, and reading it may raise anything
            return None


@dataclass(frozen=True, slots=True)
class Subject:
    """A model, how it is run, why it is run so, and the input that its convention declares.

    `method` is the method that is run, `takes` the names of what that takes by place.
    """

    model: nn.Module
    call: Call
    adapters: tuple[Adapter, ...]
    declared_input: str | None = None
    method: str = "forward"

    @property
    def takes(self) -> tuple[str, ...]:
        """The names that the method has for its arguments by place."""
        try:
            function = functools.reduce(getattr, self.method.split("."), self.model)
            parameters = signature_of(function).parameters.values()
        except (TypeError, ValueError, AttributeError):
            return ()
        return tuple(p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD))

    def run(self, inputs: Inputs) -> Any:
        """The model's raw output."""
        return self.call.run(self.model, inputs)

    def parts(self, output: Any) -> tuple[Part, ...]:
        """Every tensor of `output`, each object once, in the order of the output."""
        return collected(output, self.adapters)


def collected(output: Any, adapters: Sequence[Adapter]) -> tuple[Part, ...]:
    """Every tensor of `output`, each object once, in the order of the output."""
    found: list[Part] = []
    _collect(output, "output", None, "tensor", adapters, found, set())
    return tuple(found)


def _collect(
    node: Any,
    path: str,
    role: Role | None,
    convention: str,
    adapters: Sequence[Adapter],
    found: list[Part],
    seen: set[int],
) -> None:
    if isinstance(node, Tensor):
        if not any(part.tensor is node for part in found):
            found.append(Part(path, node, role, convention))
        return
    if node is None or id(node) in seen:
        return
    seen.add(id(node))
    for adapter in adapters:
        children = adapter.children(node)
        if children is not None:
            for child in children:
                _collect(child.value, path + child.label, child.role or role, adapter.name, adapters, found, seen)
            return
