"""Intervals of expressions: what a value can be, from the operations that made it."""

from __future__ import annotations

import math
from collections.abc import Callable

from vae_checked.facts import REAL, SYMMETRIC_UNIT, UNIT, Interval
from vae_checked.linter.symbols.expression import TRANSPARENT, Expr
from vae_checked.linter.symbols.numeric import Program, leaves

_MAX_DEPTH = 60
_Known = dict[int, Interval | None]
_GRID = tuple(step / 8 for step in range(-160, 161))
_MONOTONE: dict[str, Callable[[float], float]] = {
    "exp": lambda x: math.exp(min(x, 700.0)),
    "sigmoid": lambda x: 0.5 * (1.0 + math.tanh(0.5 * x)),
    "tanh": math.tanh,
    "relu": lambda x: max(x, 0.0),
    "softplus": lambda x: math.log1p(math.exp(-abs(x))) + max(x, 0.0),
    "sqrt": lambda x: math.sqrt(max(x, 0.0)),
    "elu": lambda x: x if x > 0 else math.expm1(x),
    "leaky_relu": lambda x: x if x > 0 else 0.01 * x,
    "relu6": lambda x: min(max(x, 0.0), 6.0),
    "hardsigmoid": lambda x: min(max(x / 6.0 + 0.5, 0.0), 1.0),
    "log1p": lambda x: math.log1p(x) if x > -1 else -math.inf,
    "log": lambda x: math.log(x) if x > 0 else -math.inf,
    "expm1": lambda x: math.expm1(min(x, 700.0)),
    "softsign": lambda x: x / (1.0 + abs(x)) if math.isfinite(x) else math.copysign(1.0, x),
    "neg": lambda x: -x,
}
# Layers of which every real value can come out, whatever goes in.
_LINEAR = frozenset(
    "Linear Conv1d Conv2d Conv3d ConvTranspose1d ConvTranspose2d ConvTranspose3d BatchNorm1d BatchNorm2d BatchNorm3d "
    "LayerNorm GroupNorm InstanceNorm1d InstanceNorm2d InstanceNorm3d Bilinear LazyLinear LazyConv2d".split()
)
_KEEPING = frozenset(
    "MaxPool1d MaxPool2d MaxPool3d AvgPool1d AvgPool2d AvgPool3d AdaptiveAvgPool2d AdaptiveMaxPool2d Upsample "
    "UpsamplingNearest2d UpsamplingBilinear2d PixelShuffle".split()
)
_FIXED = {
    "softmax": UNIT, "sigmoid": UNIT, "tanh": SYMMETRIC_UNIT, "silu": Interval(-0.2785, math.inf),
    "gelu": Interval(-0.17, math.inf), "mish": Interval(-0.309, math.inf), "selu": Interval(-1.7581, math.inf),
    "abs": Interval(0.0, math.inf), "logsigmoid": Interval(-math.inf, 0.0),
    "erf": SYMMETRIC_UNIT,
}  # fmt: skip


def interval_of(expr: Expr) -> Interval | None:
    """The interval in which the elements of `expr` lie; None when it is not known."""
    return _of(expr, {}, 0)


def _of(expr: Expr, known: _Known, depth: int) -> Interval | None:
    """As `interval_of`, each node once: a value that is used twice at every step has no more ways than nodes."""
    if expr.uid in known:
        return known[expr.uid]
    found = None if depth > _MAX_DEPTH else _read(expr, known, depth)
    known[expr.uid] = found
    return found


def _read(expr: Expr, known: _Known, depth: int) -> Interval | None:
    op = expr.op
    if op == "const":
        return Interval(expr.value, expr.value)
    if op in ("data", "batch"):
        ends = expr.get("interval")
        return Interval(*ends) if isinstance(ends, tuple) else None
    if op in TRANSPARENT or op in ("item", "part", "index", "move", "mean"):
        return _of(expr.args[0], known, depth + 1) if expr.args else None
    if op == "layer":
        return _of_layer(expr, known, depth)
    if op in ("cat", "stack"):
        return _hull([_of(arg, known, depth + 1) for arg in expr.args])
    if op == "where":
        return _hull([_of(arg, known, depth + 1) for arg in expr.args[1:]])
    if op == "opaque" and str(expr.get("name")).startswith(("compare:", "torch.bernoulli")):
        return UNIT
    if op == "phi":
        # Which of the two it is, is not known: only what holds for both is.
        one, other = (_of(arg, known, depth + 1) for arg in expr.args[1:])
        return one if one == other else None
    if op == "clamp":
        return _clamped(expr, _of(expr.args[0], known, depth + 1))
    if op in ("add", "sub", "mul", "div"):
        coarse = _arithmetic(op, [_of(arg, known, depth + 1) for arg in expr.args])
        return (_sampled(expr, known, depth) if op in ("mul", "div") else None) or coarse
    inner = _of(expr.args[0], known, depth + 1) if expr.args else None
    if op in _MONOTONE and inner is not None:
        return _monotone(op, inner)
    if op == "square" or (op == "pow" and expr.args[1].op == "const"):
        return _powered(inner, 2.0 if op == "square" else expr.args[1].value)
    if op in _FIXED:
        return _FIXED[op]
    if op in ("relu", "sqrt"):
        return Interval(0.0, math.inf)
    if op in ("exp", "softplus"):
        return Interval(0.0, math.inf, True)
    if op == "elu":
        return Interval(-1.0, math.inf, True)
    return None


def _sampled(expr: Expr, known: _Known, depth: int) -> Interval | None:
    """The interval of a product or quotient of functions of one unbounded value, as `x * erf(x)`; None for any other.

    Interval arithmetic takes the factors for independent; here the whole is evaluated over a grid.
    """
    left, right = (leaves(arg, most=1) for arg in expr.args)
    if len(left) != 1 or len(right) != 1 or left[0].uid != right[0].uid:
        return None
    if _of(left[0], known, depth + 1) != REAL:
        return None
    program, variable = Program(expr, (left[0].uid,)), left[0].uid
    values = [program({variable: x}) for x in _GRID]
    if not all(map(math.isfinite, values)):
        return None
    low, high = min(values), max(values)
    # The grid may miss an extremum by a little, and what still grows at its end goes on.
    margin = 0.01 * min(high - low, 1.0)
    ends = (values[0], values[-1])
    bottom = _end(low, -margin, low in ends)
    top = _end(high, margin, high in ends)
    return Interval(bottom, top)


def _end(extreme: float, margin: float, outermost: bool) -> float:
    if outermost:
        # What is small there is a limit: exp(x) / (1 + exp(x)).
        return math.copysign(math.inf, margin) if abs(extreme) > 1.0 else round(extreme, 6)
    return extreme if abs(extreme) < 1e-12 else extreme + margin


def _monotone(op: str, inner: Interval) -> Interval | None:
    function = _MONOTONE[op]
    ends = []
    for end in (inner.low, inner.high):
        if math.isinf(end):
            if op in ("tanh", "softsign"):
                ends.append(math.copysign(1.0, end))
                continue
            if op in ("sigmoid", "hardsigmoid"):
                ends.append(1.0 if end > 0 else 0.0)
                continue
            if op in ("exp", "softplus", "relu", "sqrt", "relu6"):
                ends.append((6.0 if op == "relu6" else math.inf) if end > 0 else 0.0)
                continue
            if op in ("elu", "expm1"):
                ends.append(math.inf if end > 0 else -1.0)
                continue
            ends.append(function(end) if op == "neg" else end)
            continue
        try:
            ends.append(function(end))
        except (ValueError, OverflowError):
            return None
    low, high = min(ends), max(ends)
    return Interval(low, high)


def _powered(inner: Interval | None, exponent: float) -> Interval | None:
    """The interval of a power: of what is not negative from end to end, of any number where the exponent is even."""
    even = exponent > 0 and exponent % 2 == 0
    if inner is None or exponent <= 0 or (inner.low < 0.0 and not even):
        return Interval(0.0, math.inf) if even else None
    if inner.low < 0.0:
        reach = max(-inner.low, abs(inner.high))
        inner = Interval(0.0 if inner.high >= 0.0 else -inner.high, reach)
    try:
        return Interval(inner.low**exponent, inner.high**exponent, inner.low_open, inner.high_open)
    except OverflowError:
        return Interval(inner.low, math.inf) if exponent >= 1.0 else None


def _of_layer(expr: Expr, known: _Known, depth: int) -> Interval | None:
    kind = str(expr.get("kind"))
    if kind in _LINEAR:
        return REAL
    inner = _of(expr.args[0], known, depth + 1) if expr.args else None
    if kind in _KEEPING:
        return inner
    if kind.startswith(("Dropout", "AlphaDropout")) and inner is not None:
        # Training drops to 0 and scales up; in evaluation it is the identity. Sign and unboundedness stay.
        low = 0.0 if inner.low >= 0 else inner.low
        high = 0.0 if inner.high <= 0 else inner.high
        return Interval(min(low, 0.0), max(high, 0.0))
    return None


def _hull(parts: list[Interval | None]) -> Interval | None:
    known = [part for part in parts if part is not None]
    if not known or len(known) < len(parts):
        return None
    total = known[0]
    for part in known[1:]:
        total = total.hull(part)
    return total


def _clamped(expr: Expr, inner: Interval | None) -> Interval:
    low, high = expr.get("low"), expr.get("high")
    bottom = low if isinstance(low, (int, float)) else -math.inf
    top = high if isinstance(high, (int, float)) else math.inf
    if inner is None:
        return Interval(bottom, top)
    return Interval(max(min(inner.low, top), bottom), min(max(inner.high, bottom), top))


def _product(x: float, y: float) -> float:
    return 0.0 if x == 0.0 or y == 0.0 else x * y


def _arithmetic(op: str, parts: list[Interval | None]) -> Interval | None:
    left, right = parts
    if left is None or right is None:
        return None
    if op == "add":
        return _safe(left.low + right.low, left.high + right.high)
    if op == "sub":
        return _safe(left.low - right.high, left.high - right.low)
    if op == "div":
        if right.low <= 0.0 <= right.high:
            return None
        right = Interval(1.0 / right.high, 1.0 / right.low)
    corners = [_product(x, y) for x in (left.low, left.high) for y in (right.low, right.high)]
    return _safe(min(corners), max(corners))


def _safe(low: float, high: float) -> Interval | None:
    return None if math.isnan(low) or math.isnan(high) else Interval(low, high)
