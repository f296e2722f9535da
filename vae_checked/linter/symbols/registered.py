"""The layers that a module of torch registers: those whose parameters `parameters()` hands out."""

from __future__ import annotations

from collections.abc import Iterator

from vae_checked.linter.symbols.values import Instance, Layer, Sequence, Value

# Layers without parameters of their own.
_BARE = ("Dropout", "ReLU", "Pool", "Flatten", "Upsample", "Sigmoid", "Tanh", "Softplus", "Identity", "Loss", "Softmax")


def with_parameters(value: Value) -> Iterator[Layer]:
    """The layers with parameters of their own in a module; a plain list registers none."""
    seen: set[int] = set()
    stack = [value]
    while stack:
        item = stack.pop()
        if id(item) in seen:
            continue
        seen.add(id(item))
        if isinstance(item, Layer) and not any(word in item.kind for word in _BARE):
            yield item
        if isinstance(item, Sequence):
            stack.extend(item.items.values())
        elif isinstance(item, Instance):
            stack.extend(item.attributes.values())


def serials(value: Value) -> frozenset[int]:
    """The numbers of these layers."""
    return frozenset(layer.serial for layer in with_parameters(value))
