"""The functions of torch, numpy and Python by their names, so that one which a run replaced is itself again."""

from __future__ import annotations

import builtins
import functools
import math
import random
import sys
import time
from types import ModuleType

import torch
import torch.utils.checkpoint
from torch import nn

from vae_checked.auditor.restoring.kept import Kept
from vae_checked.auditor.restoring.tables import KeptClass, KeptNames

_MODULES: tuple[ModuleType, ...] = (
    builtins,
    math,
    random,
    time,
    torch,
    torch.nn.functional,
    torch.nn.init,
    torch.linalg,
    torch.fft,
    torch.special,
    torch.random,
    torch.autograd,
    torch.autograd.functional,
    torch.distributions,
    torch.distributions.kl,
    torch.utils.checkpoint,
)
_NUMPY = ("numpy", "numpy.random", "numpy.linalg")


def names() -> list[Kept]:
    """The names of these modules, and of torch's layers, distributions and tensors."""
    modules = [*_MODULES, *(sys.modules[name] for name in _NUMPY if name in sys.modules)]
    kept: list[Kept] = [KeptNames(module.__name__, vars(module)) for module in modules]
    kept += [KeptClass(kind.__qualname__, kind) for kind in _classes()]
    return kept


@functools.cache
def _classes() -> tuple[type, ...]:
    found: dict[type, None] = {torch.Tensor: None, nn.Module: None}
    for holder in (nn, torch.distributions):
        found.update((value, None) for value in vars(holder).values() if isinstance(value, type))
    return tuple(found)
