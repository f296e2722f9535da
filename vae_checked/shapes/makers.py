"""Which call made a tensor, where the very tensor that it gave, or a part cut out of that, is seen again."""

from __future__ import annotations

import weakref

from torch import Tensor

_INPUT = "input"


class Makers:
    """The calls of one pass by the tensors that they gave; a tensor that two calls gave is that of the first."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[weakref.ref[Tensor], str]] = {}

    def made(self, tensor: Tensor, key: str) -> None:
        """Note that the call `key` gave `tensor`."""
        if self._of(tensor) is None:
            self._known[id(tensor)] = weakref.ref(tensor), key

    def given(self, name: str, tensor: Tensor) -> None:
        """Note that `tensor` is the model's own input of that name."""
        self.made(tensor, f"{_INPUT} {name}")

    def source(self, tensor: Tensor) -> str:
        """`fc_mu`, `fc part 2` of what is a slice, `input x`; empty where no call gave it."""
        whole = self._of(tensor)
        if whole is not None:
            return whole
        base = tensor._base
        owner = None if base is None else self._of(base)
        part = None if base is None or owner is None else _part(tensor, base)
        return "" if part is None else f"{owner} part {part}"

    def _of(self, tensor: Tensor) -> str | None:
        found = self._known.get(id(tensor))
        # A tensor that is gone may have left its place in memory to another.
        return found[1] if found is not None and found[0]() is tensor else None


def _part(view: Tensor, base: Tensor) -> int | None:
    """Which of the equal parts of `base` along one axis the view is, from 1; None where it is no such part."""
    if view.dim() != base.dim() or view.stride() != base.stride():
        return None
    cut = [axis for axis, (a, b) in enumerate(zip(view.shape, base.shape, strict=True)) if a != b]
    offset = view.storage_offset() - base.storage_offset()
    if len(cut) != 1 or not view.shape[cut[0]] or offset % (view.shape[cut[0]] * view.stride(cut[0])):
        return None
    return offset // (view.shape[cut[0]] * view.stride(cut[0])) + 1
