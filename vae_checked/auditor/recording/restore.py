"""Leaves a model, its inputs and the process as they were, to the bit, also after an exception or an interrupt."""

from __future__ import annotations

import copy
import random
from collections import deque
from collections.abc import Callable, Iterable
from types import TracebackType

import torch
from torch import Tensor, nn
from torch.jit import ScriptModule

from vae_checked.contracts.switch import nothing_learned

Generators = list[tuple[torch.Generator, Tensor]]
_CONTAINERS = (list, dict, set, deque)


class Restored:
    """A `with` block after which a model and the process are as they were, to the bit.

    Parameters, buffers, gradients, modes, hooks, attributes, RNG streams and torch's global settings. `again()`
    restores the model in between and leaves the process for the end. `generators` are put back to the states that
    stand beside them. A wrapped model learns nothing in the block.
    """

    def __init__(self, *models: nn.Module) -> None:
        seen: dict[int, nn.Module] = {}
        for model in models:
            for module in model.modules():
                seen[id(module)] = module
        self._modules = list(seen.values())
        self._process: list[Callable[[], None]] = []
        self.generators: Generators = []

    def __enter__(self) -> Restored:
        self._tensors = self._save_tensors()
        self._attributes = [(module, _save_attributes(module)) for module in self._modules]
        # torch.jit keeps the mode of a scripted module where `vars` does not see it.
        self._modes = [(module, module.training) for module in self._modules if isinstance(module, ScriptModule)]
        self._process = _save_process()
        self._unlearning = nothing_learned()
        self._unlearning.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.again()
        finally:
            self._unlearning.__exit__(None, None, None)
            for generator, state in self.generators:
                generator.set_state(state)
            for restore in self._process:
                restore()

    def also(self, generators: Generators) -> None:
        """Restore these generators too, to the states given with them; the first state seen of each counts."""
        known = {id(generator) for generator, _ in self.generators}
        self.generators += [(g, state) for g, state in generators if id(g) not in known]

    def again(self) -> None:
        """Put the model back as it was when the block was entered."""
        for module, attributes in self._attributes:
            _restore_attributes(module, attributes)
        for scripted, training in self._modes:
            scripted.training = training
        with torch.no_grad():
            for tensor, content, grad, grad_content, requires_grad in self._tensors:
                # A fused batch norm writes its running statistics without raising their version, and recorded graphs
                # hold them: they are compared by content and written back without raising it either.
                if not _same_bits(tensor, content):
                    tensor.data.copy_(content)
                if tensor.is_leaf and tensor.requires_grad != requires_grad:
                    tensor.requires_grad_(requires_grad)
                if tensor.is_leaf:
                    tensor.grad = grad
                if grad is not None and grad_content is not None and not _same_bits(grad, grad_content):
                    grad.detach().copy_(grad_content)

    def _save_tensors(self) -> list[tuple[Tensor, Tensor, Tensor | None, Tensor | None, bool]]:
        found: dict[int, Tensor] = {}
        for module in self._modules:
            for table in (module._parameters, module._buffers):
                for tensor in table.values():
                    if tensor is not None and not _uninitialised(tensor):
                        found[id(tensor)] = tensor
        saved = []
        for tensor in found.values():
            grad = tensor.grad if tensor.is_leaf else None
            content = tensor.detach().clone()
            saved.append(
                (
                    tensor,
                    content,
                    grad,
                    None if grad is None else grad.detach().clone(),
                    tensor.requires_grad,
                )
            )
        return saved


def _uninitialised(tensor: Tensor) -> bool:
    return isinstance(tensor, (nn.parameter.UninitializedParameter, nn.parameter.UninitializedBuffer))


def _same_bits(a: Tensor, b: Tensor) -> bool:
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    return torch.equal(_bits(a), _bits(b))


_BITS = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}


def _bits(tensor: Tensor) -> Tensor:
    """The content as integers, among which NaN equals itself; complex numbers as pairs."""
    flat = tensor.detach().contiguous().reshape(-1)
    return torch.view_as_real(flat).view(torch.int32) if flat.is_complex() else flat.view(_BITS[flat.element_size()])


def _save_attributes(module: nn.Module) -> dict[str, tuple[object, object]]:
    """Every attribute with, for a container, a copy of what it holds."""
    saved: dict[str, tuple[object, object]] = {}
    for name, value in vars(module).items():
        holds = copy.copy(value) if isinstance(value, _CONTAINERS) else None
        saved[name] = (value, holds)
    return saved


def _restore_attributes(module: nn.Module, saved: dict[str, tuple[object, object]]) -> None:
    table = vars(module)
    for name in [name for name in table if name not in saved]:
        del table[name]
    for name, (value, holds) in saved.items():
        table[name] = value
        if isinstance(value, (list, deque)) and isinstance(holds, (list, deque)):
            if not _same_entries(enumerate(value), enumerate(holds)):
                value.clear()
                value.extend(holds)
        elif isinstance(value, dict) and isinstance(holds, dict):
            if not _same_entries(value.items(), holds.items()):
                value.clear()
                value.update(holds)
        elif isinstance(value, set) and isinstance(holds, set) and value != holds:
            value.clear()
            value.update(holds)


def _same_entries(left: Iterable[tuple[object, object]], right: Iterable[tuple[object, object]]) -> bool:
    """Whether keys or places are equal and what stands at each is the same object."""
    pairs, others = list(left), list(right)
    return len(pairs) == len(others) and all(a[0] == b[0] and a[1] is b[1] for a, b in zip(pairs, others, strict=True))


def _save_process() -> list[Callable[[], None]]:
    """One function per global setting that puts it back."""
    undo: list[Callable[[], None]] = []
    cpu_state = torch.get_rng_state()
    undo.append(lambda: torch.set_rng_state(cpu_state))
    if torch.cuda.is_available() and torch.cuda._initialized:
        states = torch.cuda.get_rng_state_all()
        undo.append(lambda: torch.cuda.set_rng_state_all(states))
    python_state = random.getstate()
    undo.append(lambda: random.setstate(python_state))
    try:
        import numpy as np  # noqa: PLC0415  torch runs without numpy
    except ImportError:
        pass
    else:
        numpy_state = np.random.get_state()
        undo.append(lambda: np.random.set_state(numpy_state))
    dtype = torch.get_default_dtype()
    undo.append(lambda: torch.set_default_dtype(dtype))
    grad = torch.is_grad_enabled()
    undo.append(lambda: torch._C._set_grad_enabled(grad))
    deterministic = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()

    def restore_deterministic() -> None:
        if (deterministic, warn_only) != (
            torch.are_deterministic_algorithms_enabled(),
            torch.is_deterministic_algorithms_warn_only_enabled(),
        ):
            torch.use_deterministic_algorithms(deterministic, warn_only=warn_only)  # imports the compiler

    undo.append(restore_deterministic)
    anomaly, check_nan = torch.is_anomaly_enabled(), torch.is_anomaly_check_nan_enabled()

    def restore_anomaly() -> None:
        torch.autograd.set_detect_anomaly(anomaly, check_nan)

    undo.append(restore_anomaly)
    backends = {
        (torch.backends.cudnn, "benchmark"): torch.backends.cudnn.benchmark,
        (torch.backends.cudnn, "deterministic"): torch.backends.cudnn.deterministic,
        (torch.backends.cudnn, "enabled"): torch.backends.cudnn.enabled,
    }
    precision = torch.get_float32_matmul_precision()
    undo.append(lambda: torch.set_float32_matmul_precision(precision))

    def restore_backends() -> None:
        for (holder, name), value in backends.items():
            if getattr(holder, name) != value:
                setattr(holder, name, value)

    undo.append(restore_backends)
    return undo
