"""What kinds of layers and objects a list holds."""

from __future__ import annotations

from collections.abc import Hashable

from vae_checked.linter.interpreter import derived_containers
from vae_checked.linter.symbols.values import Instance, Layer, Value
from vae_checked.linter.symbols.values import Sequence as Layers


def holds_kinds(value: Value) -> bool:
    """Whether a value is a list of layers or objects that are not all of one kind: none stands for the others."""
    held = derived_containers.held(value) if isinstance(value, Instance) else value
    inner = list(held.items.values()) if isinstance(held, Layers) else held
    if not isinstance(inner, (list, tuple)) or not inner or not is_module(inner[0]):
        return False
    return any(_kind(each) != _kind(inner[0]) for each in inner[1:])


def _kind(module: Value) -> Hashable:
    """What tells a layer from one of another kind, as what it is made of tells a sequence."""
    if isinstance(module, Layers):
        return tuple(map(_kind, module.items.values()))
    return module.kind if isinstance(module, Layer) else id(module.cls) if isinstance(module, Instance) else None


def is_module(item: Value) -> bool:
    """Whether what a loop goes through is a layer or an object, or one with its name or number."""
    return isinstance(item, (Layer, Layers, Instance)) or (isinstance(item, tuple) and any(map(is_module, item)))
