"""Layers that are there to be copied: `nn.TransformerEncoder(layer, 6)` has six of its own, and trains no `layer`."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import torch
from torch import Tensor, nn

_COPIES_ITS_LAYER = (nn.TransformerEncoder, nn.TransformerDecoder)


def of_templates(model: nn.Module, untrained: Collection[str]) -> set[str]:
    """Which of these parameters belong to modules of which the model trains a copy.

    A copy is of the same class and has parameters of the same names and shapes, with the same numbers in them where it
    was not started anew, or stands where torch makes copies of the layer that it is given.
    """
    lacking = set(untrained)
    modules = {path: module for path, module in model.named_modules() if path and any(True for _ in module.children())}
    trainable = {path: _trainable(module) for path, module in modules.items()}
    copiers = [path for path, module in model.named_modules() if isinstance(module, _COPIES_ITS_LAYER)]
    found: set[str] = set()
    for path, module in modules.items():
        own = {f"{path}.{name}" for name in trainable[path]}
        if not own or not own <= lacking:
            continue
        for other, copy in modules.items():
            theirs = trainable[other]
            if type(copy) is not type(module) or not lacking.isdisjoint(f"{other}.{name}" for name in theirs):
                continue
            made_there = any(other.startswith(f"{copier}.layers.") for copier in copiers)
            if _alike(trainable[path], theirs) and (made_there or _equal(trainable[path], theirs)):
                found |= own
                break
    return found


def _trainable(module: nn.Module) -> dict[str, Tensor]:
    return {name: parameter for name, parameter in module.named_parameters() if parameter.requires_grad}


def _alike(own: Mapping[str, Tensor], theirs: Mapping[str, Tensor]) -> bool:
    return own.keys() == theirs.keys() and all(own[name].shape == theirs[name].shape for name in own)


def _equal(own: Mapping[str, Tensor], theirs: Mapping[str, Tensor]) -> bool:
    """Whether all numbers are the same, and some were drawn: what all start with says nothing of a copy."""
    if not all(torch.equal(own[name], theirs[name]) for name in own):
        return False
    return any(bool((parameter != parameter.flatten()[:1]).any()) for parameter in own.values())
