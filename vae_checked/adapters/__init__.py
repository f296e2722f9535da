"""From an existing model to a `Subject`: one file per convention, and this register of them all.

An adapter declares what its convention says; what a tensor is, is measured.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn

from vae_checked.adapters import (
    dataclass_objects,
    distributions,
    latent_dist,
    mappings,
    pythae,
    pytorch_vae,
    tuples,
)
from vae_checked.adapters.stages import LOSSES, METHODS, FoundStage, function_beside, left_alone, stages_of
from vae_checked.adapters.subject import Adapter, Call, Child, Inputs, Part, Stage, Subject, collected
from vae_checked.errors import UsageError
from vae_checked.mathematics.names import Role, role_of
from vae_checked.signatures import signature_of

__all__ = [
    "ADAPTERS",
    "LOSSES",
    "METHODS",
    "Adapter",
    "Call",
    "Child",
    "FoundStage",
    "Inputs",
    "Part",
    "Role",
    "Stage",
    "Subject",
    "adapt",
    "children_of",
    "function_beside",
    "left_alone",
    "parts_of",
    "role_of",
    "stages_of",
]

# The narrow conventions come before the wide ones; the first that reads an output has it.
ADAPTERS: tuple[Adapter, ...] = (
    pythae.ADAPTER,
    latent_dist.ADAPTER,
    pytorch_vae.ADAPTER,
    distributions.ADAPTER,
    mappings.ADAPTER,
    tuples.ADAPTER,
    dataclass_objects.ADAPTER,
)


def adapt(model: nn.Module, adapter: str | None = None, method: str | None = None) -> Subject:
    """`model` with the convention that knows how to run it, or the one named; UsageError when there is no such one.

    `method` is the name of the method to run in the place of forward; a dotted name is that of a part's.
    """
    adapters = ADAPTERS
    if adapter is not None:
        first = [each for each in ADAPTERS if each.name == adapter]
        if not first:
            names = ", ".join(each.name for each in ADAPTERS)
            raise UsageError(f"no adapter {adapter!r}: choose from {names}")
        adapters = (*first, *(each for each in ADAPTERS if each.name != adapter))
    if method is not None and method != "forward":
        return Subject(model, Call(_by(model, method), f"the method {method} is run"), adapters, method=method)
    for each in adapters:
        call = each.calls(model)
        if call is not None:
            return Subject(model, call, adapters, each.input_of(model))
    return Subject(model, Call(_plain, ""), adapters)


def children_of(output: Any) -> tuple[Child, ...]:
    """The entries of an output, as the first convention that reads it has them; () where none does."""
    return next((children for each in ADAPTERS if (children := each.children(output)) is not None), ())


def parts_of(value: Any) -> tuple[Part, ...]:
    """Every tensor in an output, or in an argument, each object once."""
    return collected(value, ADAPTERS)


def _plain(model: nn.Module, inputs: Inputs) -> Any:
    return model(*inputs.args, **_named(model, model.forward, inputs))


def _named(model: nn.Module, function: Callable[..., Any], inputs: Inputs) -> Mapping[str, Any]:
    """The arguments that are handed over by name: the inputs', and the device where one is asked for."""
    named: dict[str, Any] = {**(inputs.kwargs or {})}
    try:
        parameters = signature_of(function).parameters
    except (TypeError, ValueError):
        return named
    asked = parameters.get("device")
    if asked is None or asked.default is not asked.empty or "device" in named:
        return named
    if list(parameters).index("device") >= len(inputs.args):
        named["device"] = next((each.device for each in model.parameters()), torch.device("cpu"))
    return named


def _by(model: nn.Module, method: str) -> Callable[[nn.Module, Inputs], Any]:
    """How a model is run by a method of its own, or by that of a part; UsageError when it has none of that name."""

    def found(model: nn.Module) -> Any:
        return functools.reduce(getattr, method.split("."), model)

    try:
        known = callable(found(model))
    except AttributeError:
        known = False
    if not known:
        raise UsageError(f"forward {method!r} is no method of {type(model).__name__}")
    return lambda model, inputs: found(model)(*inputs.args, **_named(model, found(model), inputs))
