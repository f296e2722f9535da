"""A tensor as it was: its memory, its content to the bit, its gradient, its hooks."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

_BITS = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}
_PLAIN: tuple[type, ...] = (Tensor, nn.Parameter, getattr(nn, "Buffer", nn.Parameter))
_HOOKS = ("_backward_hooks", "_post_accumulate_grad_hooks")


class KeptTensor:
    """One tensor; without `copied` its content is only watched, by its version."""

    def __init__(self, place: str, tensor: Tensor, *, copied: bool) -> None:
        self.place = place
        self._tensor = tensor
        self._data = tensor.data if copied and type(tensor) in _PLAIN else None
        self._content = tensor.detach().clone() if copied else None
        self._version = None if tensor.is_inference() else tensor._version
        self._requires_grad = tensor.requires_grad
        self._grad = tensor.grad if tensor.is_leaf else None
        self._hooks = [(name, hooks, dict(hooks or {})) for name in _HOOKS for hooks in [getattr(tensor, name, None)]]

    def put_back(self) -> str | None:
        """Write back what is otherwise, without raising the version of what is as it was."""
        tensor, reason = self._tensor, None
        with torch.no_grad():
            if self._data is not None:
                if not _same_memory(tensor, self._data):
                    tensor.data = self._data
                _hold_enough(self._data)
            if self._content is not None:
                # A fused batch norm writes its running statistics without raising their version, and recorded graphs
                # hold them: they are compared by content and written back without raising it either.
                if tensor.layout is not torch.strided:
                    tensor.copy_(self._content)
                elif not _same_bits(tensor, self._content):
                    target, content = _once(tensor, tensor.data), _once(tensor, self._content)
                    target.copy_(content)
            elif self._version is not None and tensor._version != self._version:
                size = tensor.numel() * tensor.element_size() / 2**20
                reason = f"{self.place} was written to, and its {size:.0f} MB are more than is copied"
            if not tensor.is_leaf:
                return reason
            if tensor.requires_grad != self._requires_grad:
                tensor.requires_grad_(self._requires_grad)
            if tensor.grad is not self._grad:
                tensor.grad = self._grad
        for name, hooks, held in self._hooks:
            if getattr(tensor, name, None) is not hooks:
                setattr(tensor, name, hooks)
            if hooks is not None and hooks != held:
                hooks.clear()
                hooks.update(held)
        return reason


def has_content(tensor: Tensor) -> bool:
    """Whether there are numbers that can be copied."""
    return not (
        tensor.is_meta or isinstance(tensor, (nn.parameter.UninitializedParameter, nn.parameter.UninitializedBuffer))
    )


def size_of(tensor: Tensor) -> int:
    """The bytes that a copy takes."""
    return tensor.numel() * tensor.element_size()


def _same_memory(tensor: Tensor, data: Tensor) -> bool:
    if tensor.dtype != data.dtype or tensor.layout != data.layout or tensor.shape != data.shape:
        return False
    if tensor.layout is not torch.strided:
        return True
    return (
        tensor.stride() == data.stride()
        and tensor.storage_offset() == data.storage_offset()
        and tensor.untyped_storage()._cdata == data.untyped_storage()._cdata
    )


def _hold_enough(data: Tensor) -> None:
    """Give the storage its size again where it was shrunk."""
    if data.layout is not torch.strided or not data.numel():
        return
    last = data.storage_offset() + sum((size - 1) * step for size, step in zip(data.shape, data.stride(), strict=True))
    storage, needed = data.untyped_storage(), (int(last) + 1) * data.element_size()
    if storage.nbytes() < needed:
        storage.resize_(needed)


def _once(like: Tensor, tensor: Tensor) -> Tensor:
    """Each element once, where an axis of `like` repeats it."""
    for axis, (size, step) in enumerate(zip(like.shape, like.stride(), strict=True)):
        if step == 0 and size > 1:
            tensor = tensor.narrow(axis, 0, 1)
    return tensor


def _same_bits(a: Tensor, b: Tensor) -> bool:
    if a.is_quantized or a.shape != b.shape or a.dtype != b.dtype:
        return False
    return torch.equal(_bits(a), _bits(b))


def _bits(tensor: Tensor) -> Tensor:
    """The content as integers, among which NaN equals itself; complex numbers as pairs."""
    flat: Any = tensor.detach().resolve_conj().resolve_neg().contiguous().reshape(-1)
    if flat.is_complex():
        flat = torch.view_as_real(flat)
    return flat.view(_BITS[flat.element_size()])  # type: ignore[no-any-return]  # torch's view by dtype is a tensor
