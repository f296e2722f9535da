"""What a training makes of its gradients: whether they are erased before the next ones, and whether parameters move.

Parameters are followed by a few of their numbers, at the moments at which a backward pass reaches them: that tells in
which order a loop erases, adds and uses its gradients, wherever in the loop the monitor's own call stands.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle, unserializable_hook

MOST_PARAMETERS = 64
_NUMBERS = 64
_MOST_PASSES = 16


@dataclass(frozen=True, slots=True)
class _Pass:
    """One parameter when a backward pass reaches it: its numbers, those that come, and those that are there."""

    value: Tensor
    gradient: Tensor
    before: Tensor | None


@dataclass(frozen=True, slots=True)
class Followed:
    """What a few passes in a row showed of one parameter.

    `value` are its numbers at the last of them. `reached`: a gradient other than 0 came in each. `moved`: it was
    updated between two of them. `kept`: each found an earlier gradient there; `erased`: none did.
    """

    value: Tensor
    reached: bool
    moved: bool
    kept: bool
    erased: bool


class Updates:
    """Hooks on some of a model's parameters, evenly chosen, until `remove()`; nothing in them changes a training."""

    def __init__(self, model: nn.Module) -> None:
        trained = [
            (name, each)
            for name, each in model.named_parameters()
            if each.requires_grad and type(each) is nn.Parameter and each.layout is torch.strided and each.numel()
        ]
        every = max(1, -(-len(trained) // MOST_PARAMETERS))
        self._passes: dict[str, deque[_Pass]] = {name: deque(maxlen=_MOST_PASSES) for name, _ in trained[::every]}
        self._handles: list[RemovableHandle] = [
            each.register_hook(_hook(each, self._passes[name]))  # type: ignore[no-untyped-call]  # torch leaves it untyped
            for name, each in trained[::every]
        ]

    def remove(self) -> None:
        """Take the hooks off."""
        for handle in self._handles:
            handle.remove()
        self._handles = []

    def seen(self) -> Mapping[str, Followed]:
        """What the passes since the last call showed, by the parameters' names; of one pass alone, nothing."""
        found = {name: _followed(list(passes)) for name, passes in self._passes.items() if len(passes) > 1}
        for passes in self._passes.values():
            while len(passes) > 1:  # the next step goes on from the last pass
                passes.popleft()
        return found


def _hook(parameter: nn.Parameter, passes: deque[_Pass]) -> object:
    def reached(gradient: Tensor) -> None:
        before = parameter.grad
        passes.append(
            _Pass(_some(parameter), _some(gradient), None if before is None or before.is_sparse else _some(before))
        )

    without: Callable[[object], object] = unserializable_hook
    return without(reached)  # a checkpoint is written without it


def _followed(passes: list[_Pass]) -> Followed:
    there = [each.before is not None and bool(each.before.count_nonzero()) for each in passes]
    return Followed(
        passes[-1].value,
        all(bool(each.gradient.count_nonzero()) for each in passes),
        any(not torch.equal(a.value, b.value) for a, b in pairwise(passes)),
        all(there),
        not any(there),
    )


def _some(tensor: Tensor) -> Tensor:
    """A few numbers of a tensor, evenly chosen, as they lie in memory."""
    tensor = tensor.detach()
    if tensor.layout is not torch.strided:
        return torch.ones(1)  # rows of an embedding that were used: they are there, and more is not asked
    steps = tensor.stride()
    axes = sorted(range(tensor.dim()), key=lambda axis: -steps[axis])
    flat = tensor.permute(axes).reshape(-1)
    # An odd distance: an even one would meet the same columns of a matrix again and again.
    return flat[:: (flat.numel() // _NUMBERS) | 1][:_NUMBERS].clone()


# ----------------------------------------------------------------------------------------------- over some looks


@dataclass(frozen=True, slots=True)
class Trained:
    """What looks in a row showed: of the parameters that gradients reach, whether they keep gradients, and which rest.

    `resting` are those that did not move from the first look to the last; `erased` where no gradient was left over
    for the next pass.
    """

    followed: int
    kept: int
    resting: tuple[str, ...]
    erased: bool


def trained_over(looks: list[Mapping[str, Followed]]) -> Trained | None:
    """What these looks in a row showed of the parameters that are in all of them; None where there are none."""
    names = [name for name in looks[0] if all(name in look and look[name].reached for look in looks)]
    if not names:
        return None
    resting = [
        name
        for name in names
        if not any(look[name].moved for look in looks)
        and all(torch.equal(a[name].value, b[name].value) for a, b in pairwise(looks))
    ]
    kept = [name for name in names if all(look[name].kept and look[name].moved for look in looks)]
    erased = all(look[name].erased for look in looks for name in resting)
    return Trained(len(names), len(kept), tuple(resting), erased)
