"""Functions of one variable that are known from mathematics, as `exp` and `atan`."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping, Sequence

from vae_checked.facts import REAL, SYMMETRIC_UNIT, UNIT, Interval
from vae_checked.mathematics.interval_arithmetic import (
    image,
    intersection,
    inverse,
    magnitude,
    negated,
    power,
    spanned,
)
from vae_checked.mathematics.ops import special
from vae_checked.mathematics.ops.operation import (
    Build,
    IntervalRule,
    Kind,
    Names,
    Operation,
    Parameter,
    Rewriting,
    Setting,
    T,
    curve,
    rule,
)

POSITIVE = Interval(0.0, math.inf)
_ABOVE_MINUS_ONE = Interval(-1.0, math.inf)


def function(
    name: str,
    value: Callable[..., float],
    interval: IntervalRule | None = None,
    *,
    kind: Kind = Kind.FUNCTION,
    torch: str = "",
    elsewhere: str = "",
    parameters: tuple[Parameter, ...] = (),
    rewritten: Rewriting | None = None,
    increasing: bool | None = None,
    squashing: bool = False,
    closes: bool = False,
) -> Operation:
    """A function that torch, its tensors and aten know by one name, and torch by those in `torch` as well.

    Without an `interval` it increases on the whole line.
    """
    own = (name, *torch.split())
    return Operation(
        name,
        kind,
        Names(torch=own, tensor=own, aten=own, elsewhere=tuple(elsewhere.split())),
        value,
        curve(value) if interval is None else interval,
        parameters=parameters,
        rewritten=rewritten,
        increasing=interval is None if increasing is None else increasing,
        squashing=squashing,
        closes=closes,
    )


def _exp2(x: float) -> float:
    return math.pow(2.0, x)


def _logit(x: float, eps: Setting) -> float:
    if isinstance(eps, (int, float)):
        x = min(max(x, eps), 1.0 - eps)
    return math.log(x / (1.0 - x))


def _logit_interval(given: Interval, eps: Setting) -> Interval | None:
    if isinstance(eps, (int, float)):
        return image(lambda x: _logit(x, eps), given, saturates=True)
    return image(lambda x: _logit(x, None), given, domain=UNIT, limits=(-math.inf, math.inf))


def _round(x: float, decimals: Setting) -> float:
    return round(x, int(decimals) if isinstance(decimals, (int, float)) else 0) if math.isfinite(x) else x


def _whole(rounded: Callable[[float], float]) -> Callable[[float], float]:
    return lambda x: float(rounded(x)) if math.isfinite(x) else x


def _fraction(x: float) -> float:
    return x - math.trunc(x)


def _fraction_interval(given: Interval) -> Interval:
    low = 0.0 if given.low >= 0.0 else -1.0
    high = 0.0 if given.high <= 0.0 else 1.0
    if math.isfinite(given.width) and math.floor(given.low) == math.floor(given.high) and low >= 0.0:
        return Interval(_fraction(given.low), _fraction(given.high), given.low_open, given.high_open)
    return Interval(low, high, low < 0.0, high > 0.0)


def _wave(given: Interval, value: Callable[[float], float], first_top: float) -> Interval | None:
    """The interval of a sine whose first maximum is at `first_top`."""
    if given.width >= 2.0 * math.pi:
        return SYMMETRIC_UNIT
    ends = [(value(given.low), given.low_open), (value(given.high), given.high_open)]
    for offset, extreme in ((first_top, 1.0), (first_top + math.pi, -1.0)):
        turn = offset + 2.0 * math.pi * math.ceil((given.low - offset) / (2.0 * math.pi))
        if given.low <= turn <= given.high:
            ends.append((extreme, False))
    return spanned(ends)


def _tan_interval(given: Interval) -> Interval | None:
    pole = math.pi / 2.0
    if math.isinf(given.width) or math.floor(given.low / math.pi + 0.5) != math.floor(given.high / math.pi + 0.5):
        return REAL
    if not -pole < given.low - math.pi * math.floor(given.low / math.pi + 0.5):
        return REAL
    return spanned(((math.tan(given.low), given.low_open), (math.tan(given.high), given.high_open)))


def _square(x: float) -> float:
    return x * x


def _sinc(x: float) -> float:
    if math.isinf(x):
        return 0.0
    return math.sin(math.pi * x) / (math.pi * x) if x else 1.0


_SINC_LEAST = -0.21723362821122166


def _sinc_interval(given: Interval) -> Interval | None:
    whole = Interval(_SINC_LEAST, 1.0)
    if given.low == given.high:
        return Interval(_sinc(given.low), _sinc(given.low))
    return whole if given.low <= 0.0 <= given.high else Interval(_SINC_LEAST, 1.0, False, True)


def _sign(x: float) -> float:
    return math.copysign(1.0, x) if x else 0.0


def _xlogx(x: float) -> float:
    return -x * math.log(x) if x else 0.0


def _replaced(x: float, nan: Setting, posinf: Setting, neginf: Setting) -> float:
    if math.isnan(x):
        return nan if isinstance(nan, (int, float)) else 0.0
    return x


def _of_scaled(
    build: Build[T], number: Callable[[float], T], operands: Sequence[T], settings: Mapping[str, Hashable]
) -> T:
    return build("exp", build("mul", number(math.log(2.0)), operands[0]))


def _log_to(base: float) -> Rewriting:
    """log x / log base."""

    def rewrite(
        build: Build[T], number: Callable[[float], T], operands: Sequence[T], settings: Mapping[str, Hashable]
    ) -> T:
        return build("mul", number(1.0 / math.log(base)), build("log", operands[0]))

    return rewrite


def _logarithm(
    name: str, value: Callable[[float], float], domain: Interval = POSITIVE, rewritten: Rewriting | None = None
) -> Operation:
    interval = curve(value, domain=domain, limits=(-math.inf, None))
    return function(name, value, interval, rewritten=rewritten, increasing=True)


_PI = math.pi
FUNCTIONS = (
    function("exp", math.exp, closes=True),
    function("exp2", _exp2, rewritten=_of_scaled),
    function("expm1", math.expm1),
    _logarithm("log", math.log),
    _logarithm("log2", math.log2, rewritten=_log_to(2.0)),
    _logarithm("log10", math.log10, rewritten=_log_to(10.0)),
    _logarithm("log1p", math.log1p, domain=_ABOVE_MINUS_ONE),
    function("sqrt", math.sqrt, curve(math.sqrt, domain=POSITIVE), increasing=True),
    function(
        "rsqrt",
        lambda x: 1.0 / math.sqrt(x),
        rule(lambda x: None if (within := intersection(x, POSITIVE)) is None else power(within, Interval(-0.5, -0.5))),
    ),
    function("square", _square, rule(lambda x: power(x, Interval(2.0, 2.0)))),
    function("reciprocal", lambda x: 1.0 / x, rule(inverse)),
    function("abs", abs, rule(magnitude), torch="absolute", elsewhere="fabs"),
    function("neg", lambda x: -x, rule(negated), torch="negative"),
    function("sin", math.sin, rule(lambda x: _wave(x, math.sin, _PI / 2.0))),
    function("cos", math.cos, rule(lambda x: _wave(x, math.cos, 0.0))),
    function("tan", math.tan, rule(_tan_interval)),
    function("asin", math.asin, curve(math.asin, domain=SYMMETRIC_UNIT), torch="arcsin", increasing=True),
    function("acos", math.acos, curve(math.acos, domain=SYMMETRIC_UNIT), torch="arccos"),
    function("atan", math.atan, torch="arctan", squashing=True, closes=True),
    function("sinh", math.sinh),
    function("cosh", math.cosh, curve(math.cosh, turns=(0.0,))),
    function("asinh", math.asinh, torch="arcsinh"),
    function("acosh", math.acosh, curve(math.acosh, domain=Interval(1.0, math.inf)), torch="arccosh", increasing=True),
    function(
        "atanh",
        math.atanh,
        curve(math.atanh, domain=SYMMETRIC_UNIT, limits=(-math.inf, math.inf)),
        torch="arctanh",
        increasing=True,
    ),
    function("erf", math.erf, squashing=True, closes=True),
    function("erfc", math.erfc, curve(math.erfc)),
    function(
        "erfinv",
        special.erfinv,
        curve(special.erfinv, domain=SYMMETRIC_UNIT, limits=(-math.inf, math.inf)),
        increasing=True,
    ),
    function(
        "logit",
        _logit,
        rule(_logit_interval),
        parameters=(Parameter("eps"),),
        increasing=True,
    ),
    function("sign", _sign, curve(_sign, saturates=True), torch="sgn", increasing=True),
    function("floor", _whole(math.floor), increasing=True),
    function("ceil", _whole(math.ceil), increasing=True),
    function("trunc", _whole(math.trunc), increasing=True),
    function(
        "round",
        _round,
        curve(_round),
        parameters=(Parameter("decimals", 0),),
        elsewhere="rint",
        increasing=True,
    ),
    function("frac", _fraction, rule(_fraction_interval)),
    function("sinc", _sinc, rule(_sinc_interval)),
    function("lgamma", special.lgamma, rule(special.lgamma_interval), elsewhere="gammaln"),
    function("digamma", special.digamma, rule(special.digamma_interval), elsewhere="psi"),
    function("i0", special.i0, curve(special.i0, turns=(0.0,))),
    function("deg2rad", math.radians),
    function("rad2deg", math.degrees),
    Operation(
        "entr",
        Kind.FUNCTION,
        Names(aten=("special_entr",), elsewhere=("entr",)),
        _xlogx,
        curve(_xlogx, domain=POSITIVE, limits=(None, -math.inf), turns=(1.0 / math.e,)),
    ),
    Operation(
        "ndtr",
        Kind.FUNCTION,
        Names(aten=("special_ndtr",), elsewhere=("ndtr",)),
        lambda x: 0.5 * math.erfc(-x / math.sqrt(2.0)),
        curve(lambda x: 0.5 * math.erfc(-x / math.sqrt(2.0))),
        increasing=True,
        squashing=True,
        closes=True,
    ),
    function(
        "nan_to_num",
        _replaced,
        rule(lambda x, *_: x),
        parameters=(Parameter("nan", 0.0), Parameter("posinf"), Parameter("neginf")),
        increasing=True,
    ),
)
