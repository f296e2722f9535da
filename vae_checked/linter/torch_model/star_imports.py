"""What `from torch.nn import *` and its like bring: which package a name comes from."""

from __future__ import annotations

import math
from collections.abc import Sequence

from vae_checked.linter.torch_model import distributions, losses, noise, transforms
from vae_checked.linter.torch_model.functions import HANDLERS

_OF_DISTRIBUTIONS = distributions.FAMILIES | {"Distribution", "kl_divergence"}
# What torch itself has beside functions of tensors.
_OF_TORCH = frozenset("nn optim Tensor FloatTensor LongTensor autograd cuda device distributions".split())
_OF_FASTAI = ("fastai.vision.all", "fastai.basics", "fastai.tabular.all", "fastai.text.all")
_NAMES = {
    "torch.distributions": _OF_DISTRIBUTIONS,
    "torch.optim": frozenset("Adam AdamW SGD RMSprop Adagrad Adamax NAdam RAdam Adadelta lr_scheduler".split()),
    "torch.utils.data": frozenset("DataLoader Dataset TensorDataset Subset ConcatDataset Sampler random_split".split()),
    "torchvision.transforms": transforms.TRANSFORMS,
    "torch.nn.functional": frozenset(losses.FUNCTIONS) | HANDLERS.keys(),
    "torch": _OF_TORCH | HANDLERS.keys() | noise.FUNCTIONS,
    "math": frozenset(dir(math)),
    **{package: frozenset(("Learner",)) for package in _OF_FASTAI},
}
_CLASSES = frozenset[str]().union(*_NAMES.values())


def is_known(package: str) -> bool:
    """Whether it is known what a star import from a package brings."""
    return package == "torch.nn" or package in _NAMES


def home(name: str, packages: Sequence[str]) -> str | None:
    """The last of some packages, all of whose names are imported, that has a name; None where none of them has."""
    return next((package for package in reversed(packages) if _has(package, name)), None)


def _has(package: str, name: str) -> bool:
    if package == "torch.nn":
        # Its classes are many; of any other package the names are listed apart.
        return name in ("functional", "init") or (name[:1].isupper() and name not in _CLASSES)
    return name in _NAMES[package]
