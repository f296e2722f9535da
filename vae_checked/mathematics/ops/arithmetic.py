"""Operations on two tensors and more, element by element: arithmetic, comparisons of size, choices."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping, Sequence

from vae_checked.facts import Interval
from vae_checked.mathematics.interval_arithmetic import (
    growing,
    hull,
    image,
    larger,
    magnitude,
    minus,
    over,
    plus,
    power,
    smaller,
    times,
)
from vae_checked.mathematics.ops.operation import (
    INPUT,
    OTHER,
    Argument,
    Build,
    IntervalRule,
    Kind,
    Names,
    Operation,
    Parameter,
    Rewriting,
    T,
    always,
    rule,
)

_BOTH = (INPUT, OTHER)
_SCALED = (*_BOTH, Argument("alpha", optional=True))
_PRODUCT = (INPUT, Argument("tensor1"), Argument("tensor2"), Argument("value", optional=True))


def binary(
    name: str,
    value: Callable[..., float],
    interval: IntervalRule,
    *,
    torch: str = "",
    aten: str = "",
    elsewhere: str = "",
    arguments: tuple[Argument, ...] = _BOTH,
    parameters: tuple[Parameter, ...] = (),
    rewritten: Rewriting | None = None,
    increasing: bool = False,
    closes: bool = False,
) -> Operation:
    """An operation that torch, its tensors and aten know by one name."""
    own = (name, *torch.split())
    names = Names(own, own, aten=(*own, *aten.split()), elsewhere=tuple(elsewhere.split()))
    return Operation(
        name,
        Kind.ARITHMETIC,
        names,
        value,
        interval,
        arguments,
        parameters,
        rewritten,
        increasing=increasing,
        closes=closes,
    )


def call(
    name: str,
    rewritten: Rewriting,
    arguments: tuple[Argument, ...] = (INPUT,),
    *,
    torch: str = "",
    tensor: str | None = None,
    functional: str = "",
    aten: str = "",
    elsewhere: str = "",
    parameters: tuple[Parameter, ...] = (),
) -> Operation:
    """What is another way to call other operations."""
    own = tuple(torch.split())
    methods = own if tensor is None else tuple(tensor.split())
    names = Names(own, methods, tuple(functional.split()), (), (*own, *aten.split()), tuple(elsewhere.split()))
    return Operation(name, Kind.ARITHMETIC, names, arguments=arguments, parameters=parameters, rewritten=rewritten)


# ------------------------------------------------------------------------------------- calls that amount to others

Given = Mapping[str, Hashable]
Number = Callable[[float], T]


def _scaled(op: str) -> Rewriting:
    """x op alpha * y, alpha given or not."""

    def rewrite(build: Build[T], number: Number[T], operands: Sequence[T], settings: Given) -> T:
        left, right, *alpha = operands
        return build(op, left, build("mul", alpha[0], right) if alpha else right)

    return rewrite


def _from_other(build: Build[T], number: Number[T], operands: Sequence[T], settings: Given) -> T:
    left, right, *alpha = operands
    return build("sub", right, build("mul", alpha[0], left) if alpha else left)


def _plus_scaled(op: str) -> Rewriting:
    """x + value * (a op b), value given or not."""

    def rewrite(build: Build[T], number: Number[T], operands: Sequence[T], settings: Given) -> T:
        start, left, right, *value = operands
        product = build(op, left, right)
        return build("add", start, build("mul", value[0], product) if value else product)

    return rewrite


def _lerp(build: Build[T], number: Number[T], operands: Sequence[T], settings: Given) -> T:
    start, end, weight = operands
    rest = build("sub", number(1.0), weight)
    return build("add", build("mul", rest, start), build("mul", weight, end))


def _floor_divide(build: Build[T], number: Number[T], operands: Sequence[T], settings: Given) -> T:
    return build("floor", build("div", *operands))


def _divided(build: Build[T], number: Number[T], operands: Sequence[T], settings: Given) -> T:
    quotient = build("div", *operands)
    mode = settings["rounding_mode"]
    return build(mode, quotient) if isinstance(mode, str) else quotient


def _clamp_low(build: Build[T], number: Number[T], operands: Sequence[T], settings: Given) -> T:
    return build("clamp", operands[0], low=settings["min"])


def _clamp_high(build: Build[T], number: Number[T], operands: Sequence[T], settings: Given) -> T:
    return build("clamp", operands[0], high=settings["max"])


def _clamped(x: float, low: float | None, high: float | None) -> float:
    above = x if low is None else max(x, low)
    return above if high is None else min(above, high)


def _clamp_interval(x: Interval, low: float | None, high: float | None) -> Interval | None:
    above = x if low is None else larger(x, Interval(low, low))
    return above if above is None or high is None else smaller(above, Interval(high, high))


# ------------------------------------------------------------------------------------------------ values, intervals


def _raised(x: float, y: float) -> float:
    result = x**y
    return result if isinstance(result, (int, float)) else math.nan


def _log_of_sum(x: float, y: float) -> float:
    greater = max(x, y)
    return greater if math.isinf(greater) else greater + math.log1p(math.exp(min(x, y) - greater))


def _hypot_interval(x: Interval, y: Interval) -> Interval | None:
    return growing(math.hypot, magnitude(x), magnitude(y))


def _remainder_interval(x: Interval, y: Interval) -> Interval | None:
    """The remainder has the sign of the divisor and is smaller."""
    if y.low > 0.0:
        return Interval(0.0, y.high, False, math.isfinite(y.high))
    return Interval(y.low, 0.0, math.isfinite(y.low), False) if y.high < 0.0 else None


def _fmod_interval(x: Interval, y: Interval) -> Interval | None:
    """The remainder has the sign of the number that is divided, and is smaller than it and than the divisor."""
    reach = max(abs(y.low), abs(y.high))
    low, high = max(min(x.low, 0.0), -reach), min(max(x.high, 0.0), reach)
    return Interval(low, high, low == -reach and math.isfinite(low), high == reach and math.isfinite(high))


def _xlogy(x: float, y: float) -> float:
    return x * math.log(y) if x else 0.0


def _xlogy_interval(x: Interval, y: Interval) -> Interval | None:
    logs = image(math.log, y, domain=Interval(0.0, math.inf), limits=(-math.inf, None))
    return None if logs is None else times(x, logs)


def _copysign_interval(x: Interval, y: Interval) -> Interval | None:
    size = magnitude(x)
    return size if y.low > 0.0 else hull((Interval(-size.high, -size.low, size.high_open, size.low_open), size))


_NO_BOUND: tuple[Parameter, ...] = (Parameter("low", None, ("min", "a_min")), Parameter("high", None, ("max", "a_max")))
_CONDITION = Argument("condition")
ARITHMETIC = (
    binary("add", lambda x, y: x + y, rule(plus), arguments=_SCALED, rewritten=_scaled("add")),
    binary("sub", lambda x, y: x - y, rule(minus), torch="subtract", arguments=_SCALED, rewritten=_scaled("sub")),
    binary("mul", lambda x, y: x * y, rule(times), torch="multiply"),
    binary(
        "div",
        lambda x, y: x / y,
        rule(over),
        torch="divide true_divide",
        parameters=(Parameter("rounding_mode"),),
        rewritten=_divided,
    ),
    binary(
        "pow", _raised, rule(power), torch="float_power", elsewhere="power", arguments=(INPUT, Argument("exponent"))
    ),
    binary("maximum", max, rule(larger), torch="fmax", increasing=True),
    binary("minimum", min, rule(smaller), torch="fmin", increasing=True),
    binary("logaddexp", _log_of_sum, rule(lambda x, y: growing(_log_of_sum, x, y)), increasing=True),
    binary("hypot", math.hypot, rule(_hypot_interval)),
    binary("atan2", math.atan2, always(Interval(-math.pi, math.pi)), torch="arctan2"),
    binary("fmod", math.fmod, rule(_fmod_interval)),
    binary("remainder", lambda x, y: x - y * math.floor(x / y), rule(_remainder_interval), elsewhere="mod"),
    binary("xlogy", _xlogy, rule(_xlogy_interval)),
    binary("copysign", math.copysign, rule(_copysign_interval)),
    binary(
        "clamp",
        _clamped,
        rule(_clamp_interval),
        torch="clip",
        arguments=(INPUT,),
        parameters=_NO_BOUND,
        increasing=True,
        closes=True,
    ),
    Operation(
        "where",
        Kind.CHOICE,
        Names(("where",), ("where",), aten=("where",)),
        lambda condition, x, y: x if condition else y,
        lambda given, settings: hull(given[1:]) if len(given) == 3 else None,
        (_CONDITION, INPUT, OTHER),
    ),
    call("floor_divide", _floor_divide, _BOTH, torch="floor_divide"),
    call("rsub", _from_other, _SCALED, torch="rsub", tensor=""),
    call("addcmul", _plus_scaled("mul"), _PRODUCT, torch="addcmul"),
    call("addcdiv", _plus_scaled("div"), _PRODUCT, torch="addcdiv"),
    call("lerp", _lerp, (INPUT, Argument("end"), Argument("weight")), torch="lerp"),
    call("clamp_min", _clamp_low, torch="clamp_min", parameters=(Parameter("min"),)),
    call("clamp_max", _clamp_high, torch="clamp_max", parameters=(Parameter("max"),)),
)
