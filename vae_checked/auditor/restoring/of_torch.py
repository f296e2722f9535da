"""Settings of torch, the modes that stand in it, its hooks on all modules, and its streams of random numbers."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import torch
from torch import nn, overrides
from torch.backends import ContextProp
from torch.optim import optimizer
from torch.utils import _device, _python_dispatch

from vae_checked.auditor.restoring.kept import Kept, Setting, settings_kept
from vae_checked.auditor.restoring.tables import KeptDict

_DEVICES = ("cpu", "cuda", "xpu", "mps")
_MATMUL = (
    "allow_tf32",
    "allow_fp16_reduced_precision_reduction",
    "allow_bf16_reduced_precision_reduction",
    "allow_fp16_accumulation",
)
_ATTENTION = ("flash_sdp", "mem_efficient_sdp", "math_sdp", "cudnn_sdp")
_MOST_LEFT_STANDING = 100
_STANDING: list[Any] = []


def modes() -> list[Kept]:
    """The modes that operations of torch go through now."""
    return settings_kept(_modes())


def settings() -> list[Kept]:
    """The settings of torch but for its streams; the modes first, since setting anything may go through them."""
    found = ((place, vars(module).get(name)) for place, module, name in _hooks())
    hooks: list[Kept] = [KeptDict(place, value) for place, value in found if isinstance(value, dict)]
    return [*modes(), *settings_kept(_settings()), *hooks]


def streams() -> list[Kept]:
    """The streams of random numbers of every device that is in use."""
    found = [Setting("the random numbers of torch", torch.get_rng_state, torch.set_rng_state, _as_list)]
    if torch.cuda.is_available() and torch.cuda._initialized:
        found.append(
            Setting("the random numbers of CUDA", torch.cuda.get_rng_state_all, torch.cuda.set_rng_state_all, _as_lists)
        )
    if torch.backends.mps.is_available():
        found.append(Setting("the random numbers of MPS", torch.mps.get_rng_state, torch.mps.set_rng_state, _as_list))
    return settings_kept(found)


def _as_list(state: torch.Tensor) -> bytes:
    return state.cpu().numpy().tobytes() if _HAS_NUMPY else bytes(state.tolist())


def _as_lists(states: list[torch.Tensor]) -> list[bytes]:
    return [_as_list(state) for state in states]


def _numpy() -> bool:
    try:
        torch.empty(0).numpy()
    except RuntimeError:
        return False
    return True


_HAS_NUMPY = _numpy()


@functools.cache
def _hooks() -> tuple[tuple[str, ModuleType, str], ...]:
    """Where the hooks on all modules and optimizers are: a place for the reader, the module, and their name in it."""
    holders = (("torch.nn's", nn.modules.module), ("torch.optim's", optimizer))
    return tuple(
        (f"{owner} {name}", module, name)
        for owner, module in holders
        for name in vars(module)
        if name.startswith("_global_")
    )


@functools.cache
def _settings() -> tuple[Setting, ...]:
    # They are read at every run that is recorded, a dozen times in an audit, and are the same each time.
    return tuple(_found_settings())


def _found_settings() -> Iterator[Setting]:
    # Inference mode decides on the mode of gradients, which comes after it.
    yield Setting("inference mode", torch.is_inference_mode_enabled, _set_inference)
    yield Setting("the mode of gradients", torch.is_grad_enabled, torch._C._set_grad_enabled)
    yield Setting("the level of forward gradients", _forward_level, _set_forward_level)
    yield Setting("the threads of backward", torch.autograd.is_multithreading_enabled, _set_backward_threads)
    yield Setting("the hooks on saved tensors", _saved_tensor_hooks, _set_saved_tensor_hooks)
    yield Setting(
        "the search for anomalies",
        lambda: (torch.is_anomaly_enabled(), torch.is_anomaly_check_nan_enabled()),
        lambda held: torch.autograd.set_detect_anomaly(*held),
    )
    yield Setting("the default dtype", torch.get_default_dtype, torch.set_default_dtype)
    yield Setting("the number of threads", torch.get_num_threads, torch.set_num_threads)
    yield Setting("deterministic algorithms", _deterministic, _set_deterministic)
    yield Setting("warnings that are always given", torch.is_warn_always_enabled, torch.set_warn_always)
    yield Setting("numbers near 0", _flushes, torch.set_flush_denormal)
    yield Setting("printed tensors", lambda: dict(vars(torch._tensor_str.PRINT_OPTS)), _set_printed)
    yield _attribute("the hooks on backward", nn.modules.module, "_global_is_full_backward_hook")
    yield _attribute("checks of distributions", torch.distributions.Distribution, "_validate_args")
    yield _attribute("filled memory", torch.utils.deterministic, "fill_uninitialized_memory")
    yield Setting("the stance of torch.compile", _stance, _set_stance)
    yield Setting(
        "how tensors are shared",
        torch.multiprocessing.get_sharing_strategy,
        torch.multiprocessing.set_sharing_strategy,
    )
    for device in _DEVICES:
        if torch.amp.is_autocast_available(device):
            yield _autocast(device)
    yield Setting("the cache of autocast", torch.is_autocast_cache_enabled, torch.set_autocast_cache_enabled)
    yield Setting("the depth of autocast", _autocast_depth, _set_autocast_depth)
    yield Setting("the precision of products", torch.get_float32_matmul_precision, torch.set_float32_matmul_precision)
    for kind in _ATTENTION:
        yield Setting(
            f"torch.backends.cuda, {kind}",
            getattr(torch.backends.cuda, f"{kind}_enabled"),
            getattr(torch.backends.cuda, f"enable_{kind}"),
        )
    for place, holder, name in _backends():
        yield _attribute(place, holder, name)


def _attribute(place: str, holder: Any, name: str) -> Setting:
    return Setting(place, lambda: getattr(holder, name), lambda value: setattr(holder, name, value))


@functools.cache
def _backends() -> tuple[tuple[str, Any, str], ...]:
    """Every property of torch.backends, the older ways of setting a precision before the newer ones.

    Torch refuses to read the older where the newer were used, and accepts both when they are set in this order.
    """
    found: list[tuple[str, Any, str]] = [("torch.backends.cuda.matmul", torch.backends.cuda.matmul, n) for n in _MATMUL]
    found.append(("torch.backends.cuda.matmul", torch.backends.cuda.matmul, "fp32_precision"))
    modules = [torch.backends, *(v for v in vars(torch.backends).values() if isinstance(v, ModuleType))]
    for module in modules:
        for kind in type(module).__mro__:
            for name, value in vars(kind).items():
                if isinstance(value, ContextProp):
                    found.append((module.__name__, module, name))
                elif type(value).__module__ == "torch.backends" and hasattr(value, "fp32_precision"):
                    found.append((f"{module.__name__}.{name}", value, "fp32_precision"))
    ordered = sorted(found, key=lambda each: each[2] == "fp32_precision")
    return tuple((f"{place}.{name}", holder, name) for place, holder, name in ordered)


# ------------------------------------------------------------------------------------------------------- modes


def _stand(held: list[Any], now: list[Any], pop: Callable[[Any], object], push: Callable[[Any], object]) -> None:
    """Take modes off down to those that stood before, and put those on again that were taken off."""
    same = 0
    while same < min(len(held), len(now)) and held[same] is now[same]:
        same += 1
    for mode in reversed(now[same:]):
        pop(mode)
    for mode in held[same:]:
        push(mode)


def _stand_in_dispatch(held: list[Any]) -> None:
    now = _python_dispatch._get_current_dispatch_mode_stack()
    pop: Callable[[Any], object] = _python_dispatch._pop_mode
    _stand(held, now, lambda mode: pop(getattr(mode, "_mode_key", None)), _python_dispatch._push_mode)


def _stand_in_functions(held: list[Any]) -> None:
    pop: Callable[[], object] = overrides._pop_mode
    _stand(held, _function_modes(), lambda _: pop(), overrides._push_mode)


@functools.cache
def _modes() -> tuple[Setting, ...]:
    dispatched = _python_dispatch._get_current_dispatch_mode_stack
    return (
        Setting("the dispatch modes of torch", dispatched, _stand_in_dispatch),
        Setting("the function modes of torch", _function_modes, _stand_in_functions),
        Setting("the device of torch", lambda: _device.CURRENT_DEVICE, _set_current_device),
        Setting("the default device of torch", _default_device, _set_default_device),
    )


def _function_modes() -> list[Any]:
    read: Callable[[], list[Any]] = overrides._get_current_function_mode_stack
    return read()


def _set_current_device(device: Any) -> None:
    _device.CURRENT_DEVICE = device


def _default_device() -> Any:
    return getattr(torch._GLOBAL_DEVICE_CONTEXT, "device_context", None)


def _set_default_device(context: Any) -> None:
    if context is not None:
        torch._GLOBAL_DEVICE_CONTEXT.device_context = context
    elif _default_device() is not None:
        del torch._GLOBAL_DEVICE_CONTEXT.device_context  # get_default_device() of torch 2.6 fails where it is None


# ------------------------------------------------------------------------------------- what has no plain setter


def _set_inference(held: bool) -> None:
    """Enter what undoes it, for good: who entered the mode alone could leave it."""
    guard = torch._C._InferenceMode(held)
    guard.__enter__()  # type: ignore[no-untyped-call]  # torch leaves it untyped
    _STANDING.append(guard)


def _forward_level() -> int:
    return int(torch.autograd.forward_ad._current_level)


def _set_forward_level(held: int) -> None:
    while _forward_level() > held:
        leave: Callable[..., None] = torch.autograd.forward_ad.exit_dual_level
        leave(level=_forward_level())


def _set_backward_threads(held: bool) -> None:
    torch._C._set_multithreading_enabled(held)


def _saved_tensor_hooks() -> Any:
    """What stands on top; None as well where an older torch, such as 2.6, does not tell."""
    top: Callable[[bool], Any] | None = getattr(torch._C._autograd, "_top_saved_tensors_default_hooks", None)
    return None if top is None else top(True)


def _set_saved_tensor_hooks(held: Any) -> None:
    for _ in range(_MOST_LEFT_STANDING):
        top = _saved_tensor_hooks()
        if top is None or top == held:
            break
        torch._C._autograd._pop_saved_tensors_default_hooks()
    if held is not None and _saved_tensor_hooks() != held:
        torch._C._autograd._push_saved_tensors_default_hooks(*held)


def _stance() -> Any:
    """None where nothing has been compiled yet, or torch has no stances."""
    return getattr(sys.modules.get("torch._dynamo.eval_frame"), "_stance", None)


def _set_stance(held: Any) -> None:
    compiler: Any = sys.modules["torch._dynamo.eval_frame"]
    compiler._stance = type(compiler._stance)() if held is None else held


def _deterministic() -> tuple[bool, bool]:
    return torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()


def _set_deterministic(held: tuple[bool, bool]) -> None:
    torch.use_deterministic_algorithms(held[0], warn_only=held[1])  # imports the compiler: where it differs alone


def _flushes() -> bool:
    """Whether numbers too small to be normal become 0, here and now."""
    smallest = 2.2250738585072014e-308
    return smallest * _half() == 0.0


def _half() -> float:
    return 0.5  # a call, so that nobody multiplies ahead


def _set_printed(held: dict[str, Any]) -> None:
    vars(torch._tensor_str.PRINT_OPTS).update(held)


def _autocast(device: str) -> Setting:
    def put(held: tuple[bool, torch.dtype]) -> None:
        torch.set_autocast_enabled(device, held[0])
        torch.set_autocast_dtype(device, held[1])

    return Setting(
        f"autocast on {device}", lambda: (torch.is_autocast_enabled(device), torch.get_autocast_dtype(device)), put
    )


def _autocast_depth() -> int:
    torch.autocast_increment_nesting()
    return int(torch.autocast_decrement_nesting())


def _set_autocast_depth(held: int) -> None:
    while _autocast_depth() > held:
        torch.autocast_decrement_nesting()
    while _autocast_depth() < held:
        torch.autocast_increment_nesting()
    torch.clear_autocast_cache()
