"""Pythae's models: a dictionary with `data` goes in, a `ModelOutput` with the loss comes out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from vae_checked.adapters.subject import Adapter, Call, Child, Inputs
from vae_checked.mathematics.names import role_of


def _calls(model: nn.Module) -> Call | None:
    if not any(kind.__module__.partition(".")[0] == "pythae" for kind in type(model).__mro__):
        return None
    return Call(_run, 'a model of pythae: it is called with {"data": x} and returns its loss')


def _run(model: nn.Module, inputs: Inputs) -> Any:
    if len(inputs.args) == 1 and not isinstance(inputs.args[0], Mapping):
        return model({"data": inputs.args[0]}, **dict(inputs.kwargs or {}))
    return model(*inputs.args, **dict(inputs.kwargs or {}))


def _reads(output: Any) -> tuple[Child, ...] | None:
    if type(output).__name__ != "ModelOutput" or not isinstance(output, Mapping):
        return None
    return tuple(Child(f".{key}", value, role_of(str(key))) for key, value in output.items())


def _input_of(model: nn.Module) -> str | None:
    sizes = getattr(getattr(model, "model_config", None), "input_dim", None)
    return " ".join(["B", *map(str, sizes)]) if sizes else None


ADAPTER = Adapter("pythae", "pythae's models and their ModelOutput", _calls, _reads, _input_of)
