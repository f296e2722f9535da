"""The line that has a formula, written anew: its weight and its sign are kept, for the loss counts on them."""

from __future__ import annotations

import ast
import math
from collections.abc import Callable
from contextlib import suppress

from vae_checked.catalogue.support.reduced_as import ReducedAs
from vae_checked.catalogue.support.written import expression_in, statement_in
from vae_checked.facts import Fact, Factor, KLForm
from vae_checked.record import dataclass

# What a formula of the KL is times the KL where its 1/2 is left out, or stands elsewhere.
_HALVES = (0.5, 1.0, 2.0)


@dataclass(frozen=True, slots=True)
class Line:
    """What a formula is times the KL, the line that it stands in, and how it is written there; empty where unknown.

    Of one that is no KL the scale is about that of the nearest.
    """

    scale: float = 1.0
    text: str = ""
    source: str = ""
    is_kl: bool = True

    @classmethod
    def of(cls, form: Fact[KLForm], factor: Fact[Factor] | None) -> Line:
        """The line that a KL is written in, where what it is times the KL is known; `factor` is that of the loss."""
        written, place = form.value.written, form.origin.place
        if not written or place is None:
            return cls()
        over = 1.0 if factor is None or factor.value.explicit else factor.value.once
        size = abs(written) / (over if any(math.isclose(over, half, rel_tol=1e-2) for half in _HALVES) else 1.0)
        nearest = min(_HALVES, key=lambda half: abs(math.log(half / size)))
        is_kl = form.value.parametrisation is not None
        scale = nearest if not is_kl or math.isclose(nearest, size, rel_tol=1e-2) else 1.0
        return cls(math.copysign(scale, written), place.text, form.origin.source, is_kl)

    @property
    def negative(self) -> bool:
        """Whether what the line has is minus the KL, as an ELBO has it: its weights are taken for positive."""
        around, _ = self._around()
        return self.scale * around < 0.0

    def rewritten(self, name: str, formula: Callable[[float], str]) -> str:
        """The line with the formula for as many times the KL, or that alone where the line has more than numbers."""
        around, whole = self._around()
        if not whole:
            return formula(self.scale)
        scale = self.scale * around if self.is_kl else math.copysign(1.0, self.scale * around)
        returned = isinstance(statement_in(self.text), ast.Return)
        return f"{'return' if returned else f'{name} ='} {formula(scale)}"

    def _around(self) -> tuple[float, bool]:
        value = expression_in(self.text)
        return (1.0, True) if value is None else _around(value, self.source)


def _around(value: ast.expr, source: str) -> tuple[float, bool]:
    """The number that a value is times the formula in it, and whether nothing but numbers stands with that."""
    sought = expression_in(source)
    if sought is None:
        return 1.0, False
    formula, scale, whole = ast.dump(sought), 1.0, True
    while ast.dump(value) != formula:
        match value:
            case ast.UnaryOp(op=ast.USub(), operand=inner):
                by = -1.0
            case ast.BinOp(left=inner, op=ast.Div(), right=number):
                by = 1.0 / (_number(number) or math.nan)
            case ast.BinOp(left=one, op=ast.Mult(), right=other):
                inner, number = (one, other) if formula in ast.dump(one) else (other, one)
                by = _number(number) or math.nan
            case _:
                return scale, False
        value, whole = inner, whole and not math.isnan(by)
        scale *= 1.0 if math.isnan(by) else by
    return scale, whole


def _number(value: ast.expr) -> float | None:
    with suppress(ValueError, TypeError):
        number = ast.literal_eval(value)
        return float(number) if isinstance(number, (int, float)) else None
    return None


def scaled(reduced: ReducedAs, factor: float, terms: str) -> str:
    """A factor times the reduced terms of a KL, as it is written."""
    text = reduced.format(factor=f"{factor:g}", terms=terms)
    for one, sign in (("-1 * ", "-"), ("1 * ", "")):
        start = text.lstrip("(")
        if start.startswith(one):
            return text[: len(text) - len(start)] + sign + start.removeprefix(one)
    return text
