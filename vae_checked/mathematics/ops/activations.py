"""Activations: functions that were made for networks, as `softplus` and `leaky_relu`."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from vae_checked.facts import Interval
from vae_checked.mathematics.interval_arithmetic import hull, intersection, times
from vae_checked.mathematics.ops.operation import (
    INPUT,
    Argument,
    IntervalRule,
    Kind,
    Names,
    Operation,
    Parameter,
    Setting,
    curve,
    rule,
)

_POSITIVE, _NEGATIVE = Interval(0.0, math.inf), Interval(-math.inf, 0.0)
_SELU = (1.6732632423543772, 1.0507009873554805)


def activation(
    name: str,
    value: Callable[..., float],
    interval: IntervalRule,
    modules: str,
    *,
    functional: str | None = None,
    torch: str = "",
    tensor: str = "",
    aten: str | None = None,
    elsewhere: str = "",
    arguments: tuple[Argument, ...] = (INPUT,),
    parameters: tuple[Parameter, ...] = (),
    increasing: bool = False,
    squashing: bool = False,
    special_case_of: tuple[str, tuple[Setting, ...]] | None = None,
) -> Operation:
    """An activation that torch.nn.functional and aten know by one name."""
    return Operation(
        name,
        Kind.ACTIVATION,
        Names(
            tuple(torch.split()),
            tuple(tensor.split()),
            tuple((name if functional is None else functional).split()),
            tuple(modules.split()),
            tuple((name if aten is None else aten).split()),
            tuple(elsewhere.split()),
        ),
        value,
        interval,
        arguments,
        parameters,
        special_case_of=special_case_of,
        increasing=increasing,
        squashing=squashing,
        closes=True,
    )


def _sigmoid(x: float) -> float:
    if x >= 0.0:
        return 1.0 / (1.0 + math.exp(-x))
    small = math.exp(x)
    return small / (1.0 + small)


def _log_of_one_and_exp(x: float) -> float:
    return math.log1p(math.exp(-abs(x))) + max(x, 0.0)


def _softplus(x: float, beta: float, threshold: float) -> float:
    return x if beta * x > threshold else _log_of_one_and_exp(beta * x) / beta


def _softplus_jump(beta: float, threshold: float) -> Sequence[tuple[float, float, float]]:
    """Where the curve is left for the straight line: by a leap, unless the threshold is high."""
    line, bent = threshold / beta, _log_of_one_and_exp(threshold) / beta
    return ((line, bent, line) if beta > 0 else (line, line, bent),)


def _elu(x: float, alpha: float, scale: float, input_scale: float) -> float:
    return scale * (x if x > 0 else alpha * math.expm1(input_scale * x))


def _celu(x: float, alpha: float) -> float:
    return x if x > 0 else alpha * math.expm1(x / alpha)


def _selu(x: float) -> float:
    return _elu(x, *_SELU, 1.0)


def _silu(x: float) -> float:
    return x * _sigmoid(x)


def _gelu(x: float, approximate: Setting) -> float:
    if approximate == "tanh":
        return 0.5 * x * (1.0 + math.tanh(math.sqrt(2.0 / math.pi) * (x + 0.044715 * x * x * x)))
    return 0.5 * x * (1.0 + math.erf(x / math.sqrt(2.0)))


def _mish(x: float) -> float:
    return x * math.tanh(_log_of_one_and_exp(x))


def _relu(x: float) -> float:
    return max(x, 0.0)


def _relu6(x: float) -> float:
    return min(max(x, 0.0), 6.0)


def _hardsigmoid(x: float) -> float:
    return min(max(x / 6.0 + 0.5, 0.0), 1.0)


def _hardswish(x: float) -> float:
    return x * _hardsigmoid(x)


def _hardtanh(x: float, low: float, high: float) -> float:
    return min(max(x, low), high)


def _leaky_relu(x: float, slope: float) -> float:
    return x if x > 0 else slope * x if slope else 0.0


def _prelu_interval(x: Interval, weight: Interval) -> Interval | None:
    above, below = intersection(x, _POSITIVE), intersection(x, _NEGATIVE)
    parts = ([above] if above is not None else []) + ([times(below, weight)] if below is not None else [])
    return hull(parts)


def _rrelu(x: float, lower: float, upper: float) -> float:
    return _leaky_relu(x, 0.5 * (lower + upper))


def _rrelu_interval(x: Interval, lower: Setting, upper: Setting) -> Interval | None:
    if not isinstance(lower, (int, float)) or not isinstance(upper, (int, float)):
        return None
    return _prelu_interval(x, Interval(min(lower, upper), max(lower, upper)))


def _softsign(x: float) -> float:
    return x / (1.0 + abs(x)) if math.isfinite(x) else math.copysign(1.0, x)


def _hardshrink(x: float, lambd: float) -> float:
    return 0.0 if -lambd <= x <= lambd else x


def _softshrink(x: float, lambd: float) -> float:
    return x - lambd if x > lambd else x + lambd if x < -lambd else 0.0


def _threshold(x: float, threshold: float, value: float) -> float:
    return x if x > threshold else value


def _threshold_jump(threshold: float, value: float) -> Sequence[tuple[float, float, float]]:
    return ((threshold, value, threshold),)


_LAMBDA = (Parameter("lambd", 0.5),)
# A curve that turns where its parameters make it turn has its turn named for all of them: one too many does no harm.
ACTIVATIONS = (
    activation(
        "sigmoid",
        _sigmoid,
        curve(_sigmoid),
        "Sigmoid",
        functional="sigmoid",
        torch="sigmoid",
        tensor="sigmoid",
        elsewhere="expit",
        increasing=True,
        squashing=True,
    ),
    activation(
        "tanh", math.tanh, curve(math.tanh), "Tanh", torch="tanh", tensor="tanh", increasing=True, squashing=True
    ),
    activation(
        "logsigmoid",
        lambda x: -_log_of_one_and_exp(-x),
        curve(lambda x: -_log_of_one_and_exp(-x)),
        "LogSigmoid",
        aten="log_sigmoid log_sigmoid_forward",
        elsewhere="log_sigmoid",
        increasing=True,
    ),
    activation("relu", _relu, curve(_relu, saturates=True), "ReLU", torch="relu", tensor="relu", increasing=True),
    activation(
        "relu6",
        _relu6,
        curve(_relu6, saturates=True),
        "ReLU6",
        increasing=True,
        special_case_of=("hardtanh", (0.0, 6.0)),
    ),
    activation(
        "leaky_relu",
        _leaky_relu,
        curve(_leaky_relu, turns=(0.0,), saturates=True),
        "LeakyReLU",
        parameters=(Parameter("negative_slope", 0.01),),
    ),
    activation(
        "prelu",
        _leaky_relu,
        rule(_prelu_interval),
        "PReLU",
        torch="prelu",
        tensor="prelu",
        aten="prelu _prelu_kernel",
        arguments=(INPUT, Argument("weight", ("init",))),
    ),
    activation(
        "rrelu",
        _rrelu,
        rule(_rrelu_interval),
        "RReLU",
        torch="rrelu",
        aten="rrelu rrelu_with_noise rrelu_with_noise_functional",
        parameters=(Parameter("lower", 1.0 / 8.0), Parameter("upper", 1.0 / 3.0)),
    ),
    activation(
        "elu",
        _elu,
        curve(_elu, turns=(0.0,)),
        "ELU",
        parameters=(Parameter("alpha", 1.0), Parameter("scale", 1.0), Parameter("input_scale", 1.0)),
    ),
    activation("celu", _celu, curve(_celu, turns=(0.0,)), "CELU", torch="celu", parameters=(Parameter("alpha", 1.0),)),
    activation(
        "selu", _selu, curve(_selu), "SELU", torch="selu", increasing=True, special_case_of=("elu", (*_SELU, 1.0))
    ),
    activation(
        "gelu",
        _gelu,
        curve(_gelu, limits=(0.0, math.inf), turns=(-0.7517915246935645, -0.7524614220710162)),
        "GELU",
        parameters=(Parameter("approximate", "none"),),
    ),
    activation(
        "silu",
        _silu,
        curve(_silu, limits=(0.0, math.inf), turns=(-1.2784645427610738,)),
        "SiLU",
        elsewhere="swish",
    ),
    activation("mish", _mish, curve(_mish, limits=(0.0, math.inf), turns=(-1.1924312145154952,)), "Mish"),
    activation(
        "softplus",
        _softplus,
        curve(_softplus, jumps=_softplus_jump),
        "Softplus",
        parameters=(Parameter("beta", 1.0), Parameter("threshold", 20.0)),
    ),
    activation("softsign", _softsign, curve(_softsign), "Softsign", aten="", increasing=True, squashing=True),
    activation(
        "tanhshrink",
        lambda x: x - math.tanh(x),
        curve(lambda x: x - math.tanh(x)),
        "Tanhshrink",
        aten="",
        increasing=True,
    ),
    activation(
        "hardtanh",
        _hardtanh,
        curve(_hardtanh, saturates=True),
        "Hardtanh",
        increasing=True,
        squashing=True,
        parameters=(Parameter("min_val", -1.0, ("min_value",)), Parameter("max_val", 1.0, ("max_value",))),
    ),
    activation(
        "hardsigmoid",
        _hardsigmoid,
        curve(_hardsigmoid, saturates=True),
        "Hardsigmoid",
        elsewhere="hard_sigmoid",
        increasing=True,
        squashing=True,
    ),
    activation(
        "hardswish",
        _hardswish,
        curve(_hardswish, limits=(0.0, math.inf), turns=(-1.5,), saturates=True),
        "Hardswish",
        elsewhere="hard_swish",
    ),
    activation(
        "hardshrink",
        _hardshrink,
        curve(_hardshrink),
        "Hardshrink",
        torch="hardshrink",
        tensor="hardshrink",
        parameters=_LAMBDA,
        increasing=True,
    ),
    activation("softshrink", _softshrink, curve(_softshrink), "Softshrink", parameters=_LAMBDA, increasing=True),
    activation(
        "threshold",
        _threshold,
        curve(_threshold, jumps=_threshold_jump, saturates=True),
        "Threshold",
        torch="threshold",
        parameters=(Parameter("threshold", 0.0), Parameter("value", 0.0)),
    ),
)
