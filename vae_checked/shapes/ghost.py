"""A copy of a model without its data: the same modules and attributes, every tensor of the same shape and no memory.

The user's model is read and never called. Copies are made by `copy.deepcopy` with every tensor answered for, so that
no parameter is ever held twice.
"""

from __future__ import annotations

import contextlib
import copy
import logging
import random
import sys
import warnings
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from vae_checked.contracts.switch import nothing_learned
from vae_checked.errors import ModelError
from vae_checked.shapes.operators import Operators


class How(StrEnum):
    """On what a model is probed: tensors without data, fake tensors that know their device, or small real ones."""

    META = "meta"
    FAKE = "fake"
    REAL = "real"


@contextlib.contextmanager
def _unsaid() -> Iterator[None]:
    """Without torch's tracebacks of what does not run on fake tensors: a size that a model refuses is looked for."""
    logger = logging.getLogger("torch._subclasses.fake_tensor")
    was, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = was


class Ghost:
    """`model` copied for probing in one of the three ways; `module` is the copy, in eval mode unless `training`."""

    def __init__(self, model: nn.Module, how: How, *, training: bool = False) -> None:
        self.how = how
        self._fake: Any = None
        self.operators = Operators()
        self.with_gradients = False
        if how is How.FAKE:
            from torch._subclasses.fake_tensor import FakeTensorMode  # noqa: PLC0415  it costs a second to import

            self._fake = FakeTensorMode(allow_non_fake_inputs=True)
        original = getattr(model, "_orig_mod", model)
        self.dtype, self.device = _kind(original)
        if how is How.META:
            self.device = torch.device("meta")
        self.module = self._copied(original)
        nn.Module.train(self.module, training)  # a model may have a method `train` of its own

    @contextlib.contextmanager
    def entered(self) -> Iterator[None]:
        """In the block the copy can be called; random streams are afterwards as they were."""
        numpy = sys.modules.get("numpy")
        python_state = random.getstate()
        numpy_state = numpy.random.get_state() if numpy else None
        try:
            with contextlib.ExitStack() as stack:
                stack.enter_context(warnings.catch_warnings())
                warnings.simplefilter("ignore")
                stack.enter_context(torch.set_grad_enabled(self.with_gradients))
                stack.enter_context(nothing_learned())
                stack.enter_context(torch.random.fork_rng(devices=[]))
                if self.how is How.META:
                    stack.enter_context(torch.device("meta"))
                    stack.enter_context(self.operators)
                elif self._fake is not None:
                    stack.enter_context(_unsaid())
                    stack.enter_context(self._fake)
                yield
        finally:
            random.setstate(python_state)
            if numpy and numpy_state is not None:
                numpy.random.set_state(numpy_state)

    def need_gradients(self) -> None:
        """From here on gradients can be asked for: by a model whose forward differentiates."""
        self.with_gradients = True
        for parameter in self.module.parameters():
            parameter.requires_grad_(parameter.is_floating_point() or parameter.is_complex())

    def _copied(self, model: nn.Module) -> nn.Module:
        memo: dict[int, Any] = {}
        for module in model.modules():
            for table in (module._parameters, module._buffers):
                for tensor in table.values():
                    if tensor is not None and id(tensor) not in memo:
                        memo[id(tensor)] = self._converted(tensor)
        try:
            with _PlainTensors(self), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                copied: nn.Module = copy.deepcopy(model, memo)
        except Exception:  # an attribute that cannot be copied: a lock, an open file
            copied = _skeleton(model, memo)
        return copied

    def _converted(self, tensor: Tensor) -> Tensor:
        if isinstance(tensor, (nn.parameter.UninitializedParameter, nn.parameter.UninitializedBuffer)):
            raise ModelError("the model has lazy parameters that no input has given a shape yet: run it once first")
        if self.how is How.REAL:
            made = tensor.detach().clone()
        elif self.how is How.META:
            made = torch.empty_strided(tensor.size(), tensor.stride(), dtype=tensor.dtype, device="meta")
        else:
            made = self._fake.from_tensor(tensor.detach())
        return nn.Parameter(made, requires_grad=False) if isinstance(tensor, nn.Parameter) else made


class _PlainTensors(TorchFunctionMode):
    """While it is entered, `copy.deepcopy` of a tensor that is no parameter or buffer makes one without data."""

    def __init__(self, ghost: Ghost) -> None:
        super().__init__()
        self.ghost = ghost

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        if func is not Tensor.__deepcopy__:
            return func(*args, **(kwargs or {}))
        tensor, memo = args
        if id(tensor) not in memo:
            memo[id(tensor)] = self.ghost._converted(tensor)
        return memo[id(tensor)]


def _skeleton(model: nn.Module, memo: Mapping[int, Any]) -> nn.Module:
    """The module tree alone copied; what the attributes hold is shared."""
    made: dict[int, nn.Module] = {}

    def copied(module: nn.Module) -> nn.Module:
        if id(module) in made:
            return made[id(module)]
        new = module.__class__.__new__(module.__class__)
        made[id(module)] = new
        table = {key: copy.copy(value) if isinstance(value, dict) else value for key, value in vars(module).items()}
        for name in ("_parameters", "_buffers"):
            table[name] = {key: memo.get(id(value), value) for key, value in table[name].items()}
        table["_modules"] = {key: None if value is None else copied(value) for key, value in table["_modules"].items()}
        new.__dict__.update(table)
        return new

    return copied(model)


def _kind(model: nn.Module) -> tuple[torch.dtype, torch.device]:
    for tensor in (*model.parameters(), *model.buffers()):
        if tensor.is_floating_point():
            return tensor.dtype, tensor.device
    return torch.get_default_dtype(), torch.device("cpu")
