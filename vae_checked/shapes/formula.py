"""The formula of one axis: its size as an expression in the sizes of the inputs, `8*(H//8)+1`."""

from __future__ import annotations

import ast
import functools
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from vae_checked.errors import UsageError

NO_FORMULA = "?"


@dataclass(frozen=True, slots=True)
class Quotient:
    """`(symbol + add) // by`, for a symbol with nothing added and divided by 1 the symbol itself."""

    symbol: str
    add: int = 0
    by: int = 1

    def at(self, sizes: Mapping[str, int]) -> int:
        """Its value at these sizes."""
        return (sizes[self.symbol] + self.add) // self.by

    @property
    def simplicity(self) -> tuple[int, int]:
        """The smaller, the simpler."""
        return self.by, abs(self.add)

    def __str__(self) -> str:
        inner = self.symbol if self.add == 0 else f"({self.symbol}{self.add:+d})"
        return inner if self.by == 1 else f"{inner}//{self.by}"


@dataclass(frozen=True, slots=True)
class AxisFormula:
    """A sum of products of quotients, plus a constant: `terms` are (factor, quotients)."""

    terms: tuple[tuple[int, tuple[Quotient, ...]], ...] = ()
    constant: int = 0

    def at(self, sizes: Mapping[str, int]) -> int:
        """The size of the axis at these sizes of the inputs."""
        total = self.constant
        for factor, quotients in self.terms:
            product = factor
            for quotient in quotients:
                product *= quotient.at(sizes)
            total += product
        return total

    @property
    def simplicity(self) -> tuple[Any, ...]:
        """The smaller, the simpler: few quotients, floors before ceilings before other offsets, round small numbers."""
        quotients = [quotient for _, quotients in self.terms for quotient in quotients]
        return (
            len(quotients),
            sum(0 if quotient.add == 0 else 1 if quotient.add == quotient.by - 1 else 2 for quotient in quotients)
            + (self.constant != 0),
            max((roughness(quotient.by) for quotient in quotients), default=0),
            max((quotient.by for quotient in quotients), default=0),
            sum(abs(factor) for factor, _ in self.terms),
            abs(self.constant),
            sum(abs(quotient.add) for quotient in quotients),
            str(self),
        )

    def __str__(self) -> str:
        text = "".join(
            f"{'-' if factor < 0 else '+'}{_product(abs(factor), quotients)}" for factor, quotients in self.terms
        )
        if self.constant or not text:
            text += f"{self.constant:+d}"
        return text.removeprefix("+")


@functools.cache
def roughness(number: int) -> int:
    """The largest prime factor of a number."""
    factor = largest = 1
    while number > 1:
        factor += 1
        while number % factor == 0:
            number, largest = number // factor, factor
    return largest


def _product(factor: int, quotients: tuple[Quotient, ...]) -> str:
    alone = len(quotients) == 1 and factor == 1
    written = [str(quotient) if alone or quotient.by == 1 else f"({quotient})" for quotient in quotients]
    return "*".join([*([str(factor)] if factor != 1 else []), *written])


# ----------------------------------------------------------------------------------------- from the text again

_OPERATORS: dict[type, Callable[[int, int], int]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
}


def evaluate(formula: str, sizes: Mapping[str, int]) -> int:
    """The value of a formula's text at these sizes; UsageError for what is no formula."""
    return _value(_tree(formula), sizes, formula)


@functools.lru_cache(maxsize=4096)
def _tree(formula: str) -> ast.expr:
    try:
        return ast.parse(formula, mode="eval").body
    except SyntaxError:
        raise UsageError(f"{formula!r} is no expression in sizes such as 8*(H//8)") from None


def _value(node: ast.expr, sizes: Mapping[str, int], formula: str) -> int:
    match node:
        case ast.Constant(value=int(number)):
            return number
        case ast.Name(id=name) if name in sizes:
            return sizes[name]
        case ast.UnaryOp(op=ast.USub(), operand=inner):
            return -_value(inner, sizes, formula)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            return _OPERATORS[type(op)](_value(left, sizes, formula), _value(right, sizes, formula))
        case _:
            known = ", ".join(sizes)
            raise UsageError(f"{formula!r} is no expression in the sizes {known}: use + - * // and these letters")


def symbols_in(formula: str) -> frozenset[str]:
    """The letters that a formula's text has."""
    return (
        frozenset(node.id for node in ast.walk(_tree(formula)) if isinstance(node, ast.Name))
        if formula != "?"
        else frozenset()
    )
