"""The interval that a value can take, read from the operations that made it."""

from __future__ import annotations

import math
from collections.abc import Callable

from vae_checked.auditor.recognition.graph import Graph, is_layout
from vae_checked.auditor.recording.origins import names_in
from vae_checked.auditor.recording.tape import Ref, Step, Tape
from vae_checked.facts import REAL, Interval

_UNBOUNDED = names_in(
    "addmm mm bmm convolution linear baddbmm matmul native_batch_norm native_layer_norm native_group_norm "
    "_native_batch_norm_legit _native_batch_norm_legit_no_training cudnn_batch_norm mkldnn_rnn_layer "
    "mkldnn_convolution _convolution addmv embedding"
)
# What these give lies between the smallest and the largest of what they are given.
_BETWEEN = names_in(
    "mean amax amin _adaptive_avg_pool2d _adaptive_avg_pool3d "
    "max_pool2d_with_indices max_pool3d_with_indices upsample_nearest1d upsample_nearest2d upsample_nearest3d "
    "_upsample_nearest_exact2d upsample_linear1d upsample_bilinear2d upsample_trilinear3d reflection_pad1d "
    "reflection_pad2d reflection_pad3d replication_pad1d replication_pad2d replication_pad3d repeat_interleave"
)
_DEPTH = 40


def _sigmoid(v: float) -> float:
    return 1.0 / (1.0 + math.exp(-v)) if v > -700 else 0.0


def _exp(v: float) -> float:
    return math.exp(v) if v < 700 else math.inf


def _softplus(v: float) -> float:
    return v if v > 30 else math.log1p(math.exp(v))


def _log(v: float) -> float:
    return math.log(v) if v > 0 else -math.inf


_INCREASING: dict[str, Callable[[float], float]] = {
    "sigmoid": _sigmoid,
    "tanh": math.tanh,
    "exp": _exp,
    "expm1": lambda v: _exp(v) - 1.0,
    "relu": lambda v: max(v, 0.0),
    "relu6": lambda v: min(max(v, 0.0), 6.0),
    "softplus": _softplus,
    "hardsigmoid": lambda v: min(max(v / 6.0 + 0.5, 0.0), 1.0),
    "elu": lambda v: v if v > 0 else math.expm1(v),
    "selu": lambda v: 1.0507 * (v if v > 0 else 1.67326 * math.expm1(v)),
    "log": _log,
    "log1p": lambda v: _log(1.0 + v),
    "sqrt": lambda v: math.sqrt(max(v, 0.0)),
    "atan": math.atan,
    "erf": math.erf,
}
ACTIVATIONS = names_in(
    "sigmoid tanh relu relu6 softplus hardsigmoid hardtanh leaky_relu elu selu exp gelu silu softsign "
    "clamp atan _softmax"
)
_OPEN = frozenset({"sigmoid", "tanh", "exp", "softplus", "expm1", "elu", "selu", "atan", "erf"})


def interval_of(tape: Tape, graph: Graph, number: int, data: Interval | None = None) -> Interval | None:
    """What the value can be, for whatever inputs and weights; None where an operation is not known.

    `data` is the interval of the inputs.
    """
    try:
        return _interval_of(tape, graph, number, data, 0)
    except ValueError:  # a NaN among the constants, or infinity less infinity
        return None


def _interval_of(tape: Tape, graph: Graph, number: int, data: Interval | None, depth: int) -> Interval | None:
    value = tape.values[number]
    if value.step is None:
        if value.sources & Tape.INPUT:
            return data
        if value.sources:
            return REAL
        flat = value.data
        if not flat.is_floating_point() or not flat.numel() or flat.isnan().any():
            return None
        return Interval(float(flat.min()), float(flat.max()))
    if depth > _DEPTH:
        return None
    step = tape.steps[value.step]
    if step.draw is not None:
        return None
    name = step.name.rstrip("_") if step.name not in ("_softmax", "_to_copy") else step.name

    def inner(position: int) -> Interval | None:
        argument = step.args[position] if position < len(step.args) else None
        if isinstance(argument, Ref):
            return _interval_of(tape, graph, argument.number, data, depth + 1)
        if isinstance(argument, (int, float)) and not isinstance(argument, bool):
            return Interval(float(argument), float(argument))
        return None

    if name in _UNBOUNDED:
        return REAL
    if (is_layout(step) or name in _BETWEEN) and step.inputs:
        return inner(0)
    if name == "cat":
        return _union([_interval_of(tape, graph, each, data, depth + 1) for each in step.inputs])
    if name in _INCREASING:
        return _through(_INCREASING[name], inner(0), name in _OPEN)
    return _arithmetic(name, step, inner)


def _through(f: Callable[[float], float], interval: Interval | None, opens: bool) -> Interval | None:
    if interval is None:
        return None
    try:
        low, high = f(interval.low), f(interval.high)
    except (OverflowError, ValueError):
        return None
    return Interval(
        low,
        high,
        interval.low_open or (opens and math.isinf(interval.low)),
        interval.high_open or (opens and math.isinf(interval.high)),
    )


def _arithmetic(name: str, step: Step, inner: Callable[[int], Interval | None]) -> Interval | None:
    if name in ("hardtanh", "clamp", "clamp_min", "clamp_max"):
        return _clamped(name, step, inner(0))
    if name in ("pow", "square") and (name == "square" or step.args[1] == 2):
        return _through(lambda v: v * v, _magnitude(inner(0)), False)
    if name == "leaky_relu":
        slope = step.args[1] if len(step.args) > 1 else 0.01
        return _through(lambda v: v if v > 0 else slope * v, inner(0), False) if slope > 0 else None
    if name == "abs":
        return _magnitude(inner(0))
    if name == "_softmax":
        return Interval(0.0, 1.0)
    if name == "neg":
        return _scaled(inner(0), -1.0)
    if name in ("add", "sub", "rsub"):
        left, right = inner(0), inner(1)
        alpha = step.kwargs.get("alpha", step.args[2] if len(step.args) > 2 else 1)
        if not isinstance(alpha, (int, float)):
            return None
        if name == "rsub":
            left, right = right, _scaled(left, -float(alpha))
        else:
            right = _scaled(right, float(alpha) if name == "add" else -float(alpha))
        return None if left is None or right is None else _plus(left, right)
    if name in ("mul", "div"):
        left, right = inner(0), inner(1)
        if right is not None and right.width == 0 and math.isfinite(right.low) and (name == "mul" or right.low):
            return _scaled(left, right.low if name == "mul" else 1.0 / right.low)
        if name == "mul" and left is not None and left.width == 0 and math.isfinite(left.low):
            return _scaled(right, left.low)
        return _product(left, right) if name == "mul" else None
    if name in ("gelu", "silu", "mish", "hardswish"):
        below = {"gelu": -0.17, "silu": -0.2785, "mish": -0.3088, "hardswish": -0.375}[name]
        whole = inner(0)
        return None if whole is None else Interval(below, math.inf) if math.isinf(whole.high) else None
    return None


def _union(parts: list[Interval | None]) -> Interval | None:
    known = [part for part in parts if part is not None]
    if not known or len(known) < len(parts):
        return None
    low, high = min(part.low for part in known), max(part.high for part in known)
    return Interval(
        low,
        high,
        all(part.low_open for part in known if part.low == low),
        all(part.high_open for part in known if part.high == high),
    )


def _clamped(name: str, step: Step, interval: Interval | None) -> Interval | None:
    if interval is None:
        return None
    bounds: list[float | None] = [None, None]
    given = list(step.args[1:3])
    if name == "hardtanh":
        bounds = [-1.0, 1.0]
    if name == "clamp_max":
        given = [None, *given[:1]]
    for place, key in enumerate(
        ("min_val" if name == "hardtanh" else "min", "max_val" if name == "hardtanh" else "max")
    ):
        value = given[place] if place < len(given) and given[place] is not None else step.kwargs.get(key, bounds[place])
        if value is not None and not isinstance(value, (int, float)):
            return None
        bounds[place] = None if value is None else float(value)
    low = interval.low if bounds[0] is None else max(interval.low, bounds[0])
    high = interval.high if bounds[1] is None else min(interval.high, bounds[1])
    return Interval(low, high) if low <= high else None


def _scaled(interval: Interval | None, factor: float) -> Interval | None:
    if interval is None:
        return None
    if factor == 0:
        return Interval(0.0, 0.0)
    low, high = interval.low * factor, interval.high * factor
    if factor > 0:
        return Interval(low, high, interval.low_open, interval.high_open)
    return Interval(high, low, interval.high_open, interval.low_open)


def _plus(a: Interval, b: Interval) -> Interval:
    return Interval(a.low + b.low, a.high + b.high, a.low_open or b.low_open, a.high_open or b.high_open)


def _magnitude(interval: Interval | None) -> Interval | None:
    if interval is None:
        return None
    low = 0.0 if interval.low <= 0 <= interval.high else min(abs(interval.low), abs(interval.high))
    return Interval(low, max(abs(interval.low), abs(interval.high)))


def _product(a: Interval | None, b: Interval | None) -> Interval | None:
    if a is None or b is None:
        return None
    ends = [0.0 if 0.0 in (p, q) else p * q for p in (a.low, a.high) for q in (b.low, b.high)]
    return Interval(min(ends), max(ends))
