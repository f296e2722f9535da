"""Disturbances of torch: settings, modes that are entered and left standing, functions that are replaced."""

from __future__ import annotations

import sys
from typing import Any

import torch
import torch.nn.functional as F
from newer_torch import TELLS_SAVED_TENSOR_HOOKS
from torch import nn
from torch.optim import optimizer
from torch.overrides import TorchFunctionMode, _get_current_function_mode_stack
from torch.utils._python_dispatch import TorchDispatchMode, _get_current_dispatch_mode_stack, _pop_mode

from disturbances import Disturbance


class Dispatch(TorchDispatchMode):
    """Does nothing."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return func(*args, **(kwargs or {}))


class Function(TorchFunctionMode):
    """Does nothing."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return func(*args, **(kwargs or {}))


KEPT: list[Any] = []


def _enter(make: Any) -> Any:
    """Enter a context of this kind and leave it standing."""

    def act(_: Any) -> None:
        context = make()
        context.__enter__()
        KEPT.append(context)

    return act


def attribute(holder: Any, name: str, value: Any) -> Disturbance:
    return Disturbance(lambda m: setattr(holder, name, value), lambda m: getattr(holder, name))


def replaced(holder: Any, name: str) -> Disturbance:
    """A function that is replaced by another that does the same."""

    def act(_: Any) -> None:
        original = getattr(holder, name)

        def other(*args: Any, **kwargs: Any) -> Any:
            return original(*args, **kwargs)

        setattr(holder, name, other)

    return Disturbance(act, lambda m: getattr(holder, name))


def _nesting() -> int:
    torch.autocast_increment_nesting()
    return int(torch.autocast_decrement_nesting())


def _autocast() -> tuple[Any, ...]:
    return (
        torch.is_autocast_enabled("cpu"),
        torch.get_autocast_dtype("cpu"),
        torch.is_autocast_cache_enabled(),
        _nesting(),
    )


def _modes() -> tuple[Any, ...]:
    return (_get_current_dispatch_mode_stack(), _get_current_function_mode_stack())


def _global_hooks() -> list[int]:
    held = vars(nn.modules.module).items()
    return [len(value) for name, value in held if name.startswith("_global") and isinstance(value, dict)]


module_hooks = nn.modules.module


def _stance() -> str:
    compiler = sys.modules.get("torch._dynamo.eval_frame")
    return "default" if compiler is None else compiler._stance.stance


TORCH: dict[str, Disturbance] = {
    "the default dtype": Disturbance(
        lambda m: torch.set_default_dtype(torch.float64), lambda m: torch.get_default_dtype()
    ),
    "the default device": Disturbance(
        lambda m: torch.set_default_device("cpu"),
        lambda m: (_modes(), getattr(torch._GLOBAL_DEVICE_CONTEXT, "device_context", None), torch.get_default_device()),
    ),
    "a device that is left standing": Disturbance(_enter(lambda: torch.device("cpu")), lambda m: _modes()),
    "the number of threads": Disturbance(lambda m: torch.set_num_threads(3), lambda m: torch.get_num_threads()),
    "tf32 of products": attribute(torch.backends.cuda.matmul, "allow_tf32", True),
    "tf32 of convolutions": attribute(torch.backends.cudnn, "allow_tf32", False),
    "half precision sums": attribute(torch.backends.cuda.matmul, "allow_fp16_reduced_precision_reduction", False),
    "the precision of products": Disturbance(
        lambda m: torch.set_float32_matmul_precision("medium"), lambda m: torch.get_float32_matmul_precision()
    ),
    "the choice of algorithms": attribute(torch.backends.cudnn, "benchmark", True),
    "oneDNN": attribute(torch.backends.mkldnn, "enabled", False),
    "flash attention": Disturbance(
        lambda m: torch.backends.cuda.enable_flash_sdp(False), lambda m: torch.backends.cuda.flash_sdp_enabled()
    ),
    "autocast that is left standing": Disturbance(
        _enter(lambda: torch.autocast("cpu", dtype=torch.bfloat16)), lambda m: _autocast()
    ),
    "the dtype of autocast": Disturbance(
        lambda m: torch.set_autocast_dtype("cpu", torch.float16), lambda m: _autocast()
    ),
    "gradients switched off": Disturbance(
        lambda m: torch._C._set_grad_enabled(False), lambda m: torch.is_grad_enabled()
    ),
    "no_grad that is left standing": Disturbance(_enter(torch.no_grad), lambda m: torch.is_grad_enabled()),
    "inference mode that is left standing": Disturbance(
        _enter(torch.inference_mode), lambda m: (torch.is_inference_mode_enabled(), torch.is_grad_enabled())
    ),
    "the search for anomalies": Disturbance(
        lambda m: torch.autograd.set_detect_anomaly(True), lambda m: torch.is_anomaly_enabled()
    ),
    "deterministic algorithms": Disturbance(
        lambda m: torch.use_deterministic_algorithms(True, warn_only=True),
        lambda m: torch.are_deterministic_algorithms_enabled(),
    ),
    "memory that is not filled": attribute(torch.utils.deterministic, "fill_uninitialized_memory", False),
    "a hook on every forward": Disturbance(
        lambda m: module_hooks.register_module_forward_hook(lambda *_: None), lambda m: _global_hooks()
    ),
    "a hook before every forward": Disturbance(
        lambda m: module_hooks.register_module_forward_pre_hook(lambda *_: None), lambda m: _global_hooks()
    ),
    "a hook on every backward": Disturbance(
        lambda m: module_hooks.register_module_full_backward_hook(lambda *_: None),
        lambda m: (_global_hooks(), module_hooks._global_is_full_backward_hook),
    ),
    "a hook on every parameter": Disturbance(
        lambda m: module_hooks.register_module_parameter_registration_hook(lambda *_: None),
        lambda m: _global_hooks(),
    ),
    "a hook on every optimizer": Disturbance(
        lambda m: optimizer.register_optimizer_step_post_hook(lambda *_: None),
        lambda m: len(optimizer._global_optimizer_post_hooks),
    ),
    "a dispatch mode that is left standing": Disturbance(_enter(Dispatch), lambda m: _modes()),
    "a function mode that is left standing": Disturbance(_enter(Function), lambda m: _modes()),
    "hooks on saved tensors that are left standing": Disturbance(
        _enter(lambda: torch.autograd.graph.saved_tensors_hooks(lambda t: t, lambda t: t)),
        lambda m: torch._C._autograd._top_saved_tensors_default_hooks(True),
    ),
    "the backward in several threads": Disturbance(
        lambda m: torch._C._set_multithreading_enabled(False), lambda m: torch.autograd.is_multithreading_enabled()
    ),
    "numbers that are shown": Disturbance(
        lambda m: torch.set_printoptions(precision=2), lambda m: torch._tensor_str.PRINT_OPTS.precision
    ),
    "checks of distributions": Disturbance(
        # torch.compile switches them off for the whole process.
        lambda m: torch.distributions.Distribution.set_default_validate_args(
            not torch.distributions.Distribution._validate_args
        ),
        lambda m: torch.distributions.Distribution._validate_args,
    ),
    "warnings that are always given": Disturbance(
        lambda m: torch.set_warn_always(True), lambda m: torch.is_warn_always_enabled()
    ),
    "numbers near 0": Disturbance(
        lambda m: torch.set_flush_denormal(True), lambda m: float(torch.tensor(1e-310, dtype=torch.float64) * 1.0)
    ),
    "randn_like": replaced(torch, "randn_like"),
    "mse_loss": replaced(F, "mse_loss"),
    "a method of tensors": replaced(torch.Tensor, "exp"),
    "the forward of a layer": replaced(nn.Linear, "forward"),
    "the sample of a distribution": replaced(torch.distributions.Normal, "rsample"),
    "an initialisation": replaced(nn.init, "xavier_uniform_"),
    "a function of linear algebra": replaced(torch.linalg, "norm"),
    "the stream of random numbers": Disturbance(
        lambda m: torch.manual_seed(77), lambda m: torch.get_rng_state().tolist()
    ),
}
if hasattr(torch.compiler, "set_stance"):
    TORCH["the stance of torch.compile"] = Disturbance(
        lambda m: torch.compiler.set_stance("force_eager"), lambda m: _stance()
    )
if not TELLS_SAVED_TENSOR_HOOKS:
    del TORCH["hooks on saved tensors that are left standing"]


# What a run alone can do: there is a mode to be taken off.
IN_A_RUN: dict[str, Disturbance] = {
    "a dispatch mode that is taken off": Disturbance(lambda m: KEPT.append(_pop_mode()), lambda m: _modes()),
}
