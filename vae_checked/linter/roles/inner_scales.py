"""What a difference is divided by below a square: of `((x - y) / sqrt(B)) ** 2` the sum is a mean over the batch."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator

from vae_checked.facts import Likelihood
from vae_checked.linter.roles.reconstructions import Reconstruction
from vae_checked.linter.roles.reductions import factors_of, is_number
from vae_checked.linter.symbols.expression import Expr, origin, strip
from vae_checked.linter.symbols.numeric import settled
from vae_checked.mathematics.reductions import ChainStep, Number, Size, Through, Weight
from vae_checked.record import replace

# The powers that operations raise their argument to.
_RAISED = {"sqrt": 0.5, "rsqrt": -0.5, "square": 2.0, "reciprocal": -1.0}
_MAX_POWERS, _MAX_REPEATED = 12, 8
# The square of a root of 2 is a 2 but for its last digits.
_DIGITS = 12


def within(recon: Reconstruction) -> tuple[ChainStep, ...]:
    """What a formula of an error is scaled by: how often it is the error, and what its difference is divided by."""
    own = Through("formula") if recon.factor is None else Number(recon.factor)
    of_tensor = recon.scale is not None and not is_number(recon.scale)
    return (own, Through("scale")) if of_tensor else (own, *by_numbers(recon))


def by_numbers(recon: Reconstruction) -> tuple[ChainStep, ...]:
    """What an error is scaled by where its difference is divided by a number; nothing of what a tensor does."""
    if recon.scale is None or not is_number(recon.scale):
        return ()
    degree = 1.0 if recon.kind is Likelihood.L1 else 2.0
    # The scale may hold a sample of the data: `x[0].numel()` is no size of the batch.
    difference = Expr("sub", (recon.first, recon.second), (), recon.term.site)
    powers: dict[int, tuple[Expr, float]] = {}
    steps: list[ChainStep] = []
    number = 1.0
    for base, power in _powers(recon.scale, -degree):
        known = settled(base)
        if known is None or known <= 0.0:
            powers[base.uid] = base, powers.get(base.uid, (base, 0.0))[1] + power
        elif sys.float_info.min < (raised := number * _raised(known, power)) < math.inf:
            number = raised
        else:
            # What no float holds is not reckoned with.
            steps.append(Through("scale"))
    if number != 1.0:
        steps.append(Number(float(f"{number:.{_DIGITS}g}")))
    for base, power in powers.values():
        steps += _steps(base, power, difference)
    return tuple(steps)


def _raised(number: float, power: float) -> float:
    try:
        return float(number**power)
    except OverflowError:
        return math.inf


def _steps(base: Expr, power: float, term: Expr) -> Iterator[ChainStep]:
    """A factor as often as a whole power says; of another one it is known only that it weighs."""
    if power.is_integer() and abs(power) <= _MAX_REPEATED:
        for _ in range(abs(int(power))):
            for step in factors_of(base, term, inverse=power < 0):
                yield replace(step, text=_text(base)) if isinstance(step, (Size, Weight)) else step
    else:
        yield Weight(_text(base), divides=power < 0)


def _text(base: Expr) -> str:
    return origin(base).source or str(base.get("name") or base.op)


def _powers(scale: Expr, power: float, depth: int = 0) -> Iterator[tuple[Expr, float]]:
    """What a product is made of, with the power that each factor has in it."""
    bare = strip(scale)
    if depth > _MAX_POWERS:
        yield bare, power
    elif bare.op in ("mul", "div"):
        yield from _powers(bare.args[0], power, depth + 1)
        yield from _powers(bare.args[1], power if bare.op == "mul" else -power, depth + 1)
    elif bare.op == "neg":
        # Of an even power, as of an absolute value, a minus inside is none.
        yield from _powers(bare.args[0], power, depth + 1)
    elif bare.op in _RAISED:
        yield from _powers(bare.args[0], power * _RAISED[bare.op], depth + 1)
    elif bare.op == "pow" and (exponent := settled(bare.args[1])) is not None:
        yield from _powers(bare.args[0], power * exponent, depth + 1)
    else:
        yield bare, power
