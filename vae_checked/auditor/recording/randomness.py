"""The random sources of torch and numpy: which there are, and how a draw enters a run."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import torch
from torch import Tensor
from torch._ops import OpOverload

aten = torch.ops.aten


class Family(StrEnum):
    """What a random source draws from."""

    NORMAL = "normal"
    UNIFORM = "uniform"
    EXPONENTIAL = "exponential"
    MASK = "mask"
    OTHER = "other"


_FAMILIES = {
    "randn": Family.NORMAL,
    "randn_like": Family.NORMAL,
    "normal": Family.NORMAL,
    "normal_": Family.NORMAL,
    "normal_functional": Family.NORMAL,
    "rand": Family.UNIFORM,
    "rand_like": Family.UNIFORM,
    "uniform": Family.UNIFORM,
    "uniform_": Family.UNIFORM,
    "bernoulli": Family.MASK,
    "bernoulli_": Family.MASK,
    "exponential": Family.EXPONENTIAL,
    "exponential_": Family.EXPONENTIAL,
    "log_normal": Family.OTHER,
    "log_normal_": Family.OTHER,
    "cauchy": Family.OTHER,
    "cauchy_": Family.OTHER,
    "geometric": Family.OTHER,
    "geometric_": Family.OTHER,
    "random": Family.OTHER,
    "random_": Family.OTHER,
    "randint": Family.OTHER,
    "randint_like": Family.OTHER,
    "randperm": Family.OTHER,
    "multinomial": Family.OTHER,
    "poisson": Family.OTHER,
    "binomial": Family.OTHER,
    "_standard_gamma": Family.OTHER,
    "_sample_dirichlet": Family.OTHER,
}

_DEFAULTS: dict[str, dict[str, float]] = {
    "normal_": {"mean": 0.0, "std": 1.0},
    "normal": {"mean": 0.0, "std": 1.0},
    "normal_functional": {"mean": 0.0, "std": 1.0},
    "uniform_": {"from": 0.0, "to": 1.0},
    "uniform": {"from": 0.0, "to": 1.0},
    "exponential_": {"lambd": 1.0},
    "exponential": {"lambd": 1.0},
}
_PARAMETRIC = frozenset({"multinomial", "poisson", "binomial", "_standard_gamma", "_sample_dirichlet"})

_NUMPY = {
    "randn": Family.NORMAL,
    "normal": Family.NORMAL,
    "standard_normal": Family.NORMAL,
    "rand": Family.UNIFORM,
    "random": Family.UNIFORM,
    "random_sample": Family.UNIFORM,
    "uniform": Family.UNIFORM,
}


def family(func: OpOverload) -> Family | None:
    """The family of a torch operation, or None when it is no random source."""
    return _FAMILIES.get(func.overloadpacket.__name__)


def takes_only_shape(func: OpOverload) -> bool:
    """Whether the operation makes new numbers, and its tensor arguments lend no more than their shape."""
    name = func.overloadpacket.__name__
    if name in _FAMILIES:
        by_tensor = (name == "bernoulli" and func._overloadname == "default") or func._overloadname == "Tensor"
        return name not in _PARAMETRIC and not by_tensor
    return bool(name.endswith("_like") or name.startswith("new_"))


def spelled(func: OpOverload, args: Sequence[object], kwargs: Mapping[str, object]) -> str:
    """The draw as a user would know it: `randn_like`, `normal_(0, 0.5)`."""
    name = str(func.overloadpacket.__name__)
    given = parameters(func, args, kwargs)
    if not given or given == tuple(_DEFAULTS[name].values()):
        return name
    return f"{name}({', '.join(f'{number:g}' for number in given)})"


def parameters(func: OpOverload, args: Sequence[object], kwargs: Mapping[str, object]) -> tuple[float, ...] | None:
    """The numbers that a draw was given: (mean, std), (low, high), (rate,); empty for its defaults, None if unknown."""
    name = func.overloadpacket.__name__
    if name in ("randn", "randn_like", "rand", "rand_like"):
        return ()
    names = _DEFAULTS.get(name)
    if names is None:
        return None
    given = [arg for arg in args if not isinstance(arg, (Tensor, list, tuple, torch.Size))]
    values = []
    for position, (key, default) in enumerate(names.items()):
        value = given[position] if position < len(given) else kwargs.get(key, default)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return None
        values.append(float(value))
    return tuple(values)


def _numpy_parameters(name: str, args: Sequence[object], kwargs: Mapping[str, object]) -> tuple[float, ...] | None:
    names = {"normal": {"loc": 0.0, "scale": 1.0}, "uniform": {"low": 0.0, "high": 1.0}}.get(name)
    if names is None:
        return ()
    values = []
    for position, (key, default) in enumerate(names.items()):
        value = args[position] if position < len(args) else kwargs.get(key, default)
        if not isinstance(value, (int, float)):
            return None
        values.append(float(value))
    return tuple(values)


# The operations of which `decompose` takes some calls apart.
DECOMPOSED = frozenset(("normal", "native_dropout"))


def decompose(
    func: OpOverload,
    args: tuple[object, ...],
    kwargs: dict[str, object],
    run: Callable[..., object],
) -> object | None:
    """Run a draw that has tensor parameters as a pure draw and arithmetic; None for every other operation.

    `normal(mean, std)` becomes `mean + std * randn`, without gradient, as torch has it; fused dropout becomes a mask
    and a product.
    """
    name = func.overloadpacket.__name__
    if name == "normal" and any(isinstance(arg, Tensor) for arg in args):
        checked: Tensor = func(*args, **kwargs)  # torch's own checks of the parameters come first
        mean, std = args[0], args[1] if len(args) > 1 else kwargs.get("std", 1.0)
        drawn = {"dtype": checked.dtype, "device": checked.device}
        if kwargs.get("generator") is not None:
            noise = run(aten.randn.generator, (list(checked.shape),), {"generator": kwargs["generator"], **drawn})
        else:
            noise = run(aten.randn.default, (list(checked.shape),), drawn)
        scaled = run(aten.mul.Tensor, (noise, std), {}, grad=False)
        return run(aten.add.Tensor, (scaled, mean), {}, grad=False)
    if name == "native_dropout" and args[2]:
        x, p = args[:2]
        if not isinstance(x, Tensor) or not isinstance(p, float) or not 0.0 < p < 1.0:
            return None
        mask = run(aten.bernoulli.p, (torch.empty_like(x), 1.0 - p), {})
        out = run(aten.div.Scalar, (run(aten.mul.Tensor, (x, mask), {}), 1.0 - p), {})
        return out, mask.bool() if isinstance(mask, Tensor) else mask
    return None


# ------------------------------------------------------------------------------------------------- numpy


@dataclass(frozen=True, slots=True, eq=False)
class NumpyDraw:
    """An array that numpy drew: the array itself, which the run may change, and a copy of it."""

    family: Family
    source: str
    parameters: tuple[float, ...] | None
    array: Any
    copy: Any


@contextlib.contextmanager
def numpy_draws(drawn: list[NumpyDraw]) -> Iterator[None]:
    """Note every array that the functions of `numpy.random`, and generators made meanwhile, draw."""
    np = sys.modules.get("numpy")
    if np is None:
        yield
        return

    def note(name: str, source: str, out: Any, args: Sequence[object], kwargs: Mapping[str, object]) -> Any:
        if isinstance(out, np.ndarray):
            drawn.append(NumpyDraw(_NUMPY[name], source, _numpy_parameters(name, args, kwargs), out, out.copy()))
        return out

    def function(name: str) -> Callable[..., Any]:
        def noted(*args: Any, **kwargs: Any) -> Any:
            return note(name, f"numpy.random.{name}", originals[name](*args, **kwargs), args, kwargs)

        return noted

    def method(name: str) -> Callable[..., Any]:
        def noted(self: Any, *args: Any, **kwargs: Any) -> Any:
            out = getattr(np.random.Generator, name)(self, *args, **kwargs)
            return note(name, f"numpy.random.Generator.{name}", out, args, kwargs)

        return noted

    methods = ("normal", "standard_normal", "random", "uniform")
    noting = type("Generator", (np.random.Generator,), {name: method(name) for name in methods})

    def default_rng(seed: Any = None) -> Any:
        made = originals["default_rng"](seed)
        return noting(made.bit_generator) if type(made) is np.random.Generator else made

    originals = {name: getattr(np.random, name) for name in (*_NUMPY, "default_rng")}
    try:
        for name in _NUMPY:
            setattr(np.random, name, function(name))
        np.random.default_rng = default_rng
        yield
    finally:
        for name, original in originals.items():
            setattr(np.random, name, original)


def drawn_by_numpy(tensor: Tensor, draws: Sequence[NumpyDraw]) -> NumpyDraw | None:
    """The numpy draw whose numbers `tensor` holds, or None."""
    if not tensor.is_floating_point() or tensor.device.type != "cpu" or not tensor.numel():
        return None
    for draw in draws:
        if draw.array.size != tensor.numel():
            continue
        if tensor.data_ptr() == draw.array.__array_interface__["data"][0]:
            return draw
        copy = torch.from_numpy(draw.copy.reshape(-1)).to(tensor.dtype)
        if torch.equal(tensor.detach().flatten(), copy):
            return draw
    return None
