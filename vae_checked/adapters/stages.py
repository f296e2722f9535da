"""The stages of a VAE among the methods and parts of a model, by the names that the field gives them."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from vae_checked.adapters.subject import Stage

LOSSES = ("loss_function", "loss_fn", "loss", "compute_loss", "get_loss", "vae_loss", "elbo_loss", "criterion")
METHODS: dict[Stage, tuple[str, ...]] = {
    Stage.ENCODE: ("encode",),
    Stage.REPARAMETERIZE: (
        *("reparameterize", "reparametrize", "reparameterise", "reparametrise", "reparam"),
        *("reparameterization", "reparametrization", "reparam_trick", "reparameterization_trick"),
        *("sample", "sampling", "sample_z", "sample_latent"),
    ),
    Stage.DECODE: ("decode",),
    Stage.LOSS: LOSSES,
    Stage.FORWARD: ("forward",),
}
_PARTS: dict[Stage, tuple[str, ...]] = {Stage.ENCODE: ("encoder",), Stage.DECODE: ("decoder",)}


@dataclass(frozen=True, slots=True)
class FoundStage:
    """A stage: `owner.name` runs it, `path` is the owner's dotted name in the model, empty for the model itself."""

    stage: Stage
    owner: nn.Module
    name: str
    path: str = ""

    @property
    def function(self) -> Callable[..., Any]:
        """What the owner's class defines under that name."""
        function: Callable[..., Any] = inspect.getattr_static(type(self.owner), self.name)
        return function


def stages_of(model: nn.Module) -> tuple[FoundStage, ...]:
    """The stages of `model` that its class defines as methods; where it has no such method, its part of that name.

    A part is a module called `encoder` or `decoder`, torch.jit's and lazy ones excepted: their forward is not theirs to
    change, or their class is about to.
    """
    found = []
    for stage, names in METHODS.items():
        methods = [FoundStage(stage, model, name) for name in names if _is_method(model, name)]
        found += methods or [
            FoundStage(stage, part, "forward", name)
            for name in _PARTS.get(stage, ())
            if _is_part(part := model._modules.get(name)) and part is not None
        ]
    return tuple(found)


def left_alone(model: nn.Module) -> tuple[tuple[str, str], ...]:
    """What is called like a stage and is none of `stages_of`: its name, and what it is instead."""
    found = []
    for stage, names in METHODS.items():
        for name in names:
            defined = inspect.getattr_static(type(model), name, None)
            if name in vars(model) and callable(vars(model)[name]):
                found.append((name, "an attribute of the instance"))
            elif isinstance(defined, (staticmethod, classmethod)):
                found.append((name, f"a {type(defined).__name__.removesuffix('method')} method"))
        if any(_is_method(model, name) for name in names):
            continue
        found += [
            (name, "compiled by torch.jit")
            for name in _PARTS.get(stage, ())
            if isinstance(model._modules.get(name), torch.jit.ScriptModule)
        ]
    return tuple(found)


def _is_method(model: nn.Module, name: str) -> bool:
    if name in vars(model):
        return False
    function = inspect.getattr_static(type(model), name, None)
    return inspect.isfunction(function) and function is not nn.Module.forward


def _is_part(part: nn.Module | None) -> bool:
    odd = (torch.jit.ScriptModule, nn.modules.lazy.LazyModuleMixin)
    return part is not None and not isinstance(part, odd) and _is_method(part, "forward")


def function_beside(model: nn.Module, name: str) -> Callable[..., Any] | None:
    """The function of this name in a module that defines the model's class, or one that it derives from."""
    homes = [
        sys.modules.get(kind.__module__) for kind in type(model).__mro__ if kind.__module__ != nn.Module.__module__
    ]
    for home in homes:
        function = getattr(home, name, None)
        if callable(function) and not isinstance(function, type):
            found: Callable[..., Any] = function
            return found
    return None
