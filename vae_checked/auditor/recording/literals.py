"""Whether a number that an operation was given stands in the statement that ran it, or comes by a name."""

from __future__ import annotations

import ast
import math
from collections.abc import Iterator
from functools import lru_cache

from vae_checked.auditor.recording.statements import statement_at
from vae_checked.auditor.recording.tape import Step

_CLOSE = 1e-6
_OF_A_TYPE = ("float", "int", "tensor", "as_tensor", "new_tensor", "scalar_tensor", "float32", "float64")
_PRODUCTS, _QUOTIENTS = ("mul", "multiply"), ("div", "divide", "true_divide")


def comes_by_name(step: Step, value: float) -> bool:
    """Whether the line that ran `step` multiplies by a number that is written as something else than that number.

    False where the line cannot be read, or a function of a library ran the step: nothing is known of it then.
    """
    if step.frame is None or not step.by_line:
        return False
    factors = _factors(*step.frame)
    return factors is not None and not any(math.isclose(abs(value), each, rel_tol=_CLOSE) for each in factors)


def is_written(step: Step, value: float) -> bool:
    """Whether the statement that ran `step` has this number in it; False where it cannot be read."""
    numbers = _numbers(*step.frame) if step.frame is not None and step.by_line else None
    return numbers is not None and any(math.isclose(abs(value), each, rel_tol=_CLOSE) for each in numbers)


def names_value(step: Step, value: float) -> tuple[float, ...]:
    """What a name stands for in the line that ran `step`, if need be without a number that is written beside it.

    `-0.5 * beta * kl` runs one multiplication, by a number that is half of beta.
    """
    if step.frame is None or not comes_by_name(step, value):
        return ()
    return (value, *(value / each for each in sorted(_factors(*step.frame) or ()) if each in (0.5, 2.0)))


def multiplies_by_written_zero(step: Step) -> bool:
    """Whether the line that ran `step` multiplies by a 0 that is written there, and by nothing that a name stands for.

    A weight with a name may be 0 in this run alone.
    """
    if step.frame is None or not step.by_line:
        return False
    statement = statement_at(*step.frame)
    if statement is None:
        return False
    products = [n for n in ast.walk(statement) if isinstance(n, ast.BinOp) and isinstance(n.op, ast.Mult)]
    factors = [factor for each in products for factor in (each.left, each.right)]
    zeros = [each for each in factors if isinstance(each, ast.Constant) and each.value == 0]
    of_zero = [each for each in products if any(zero in (each.left, each.right) for zero in zeros)]
    beside = [factor for each in products if each not in of_zero for factor in (each.left, each.right)]
    return bool(zeros) and not any(isinstance(each, (ast.Name, ast.Attribute, ast.Subscript)) for each in beside)


@lru_cache(maxsize=256)
def _factors(path: str, line: int) -> frozenset[float] | None:
    """The numbers by which the statement around a line multiplies: each as it is written, and all of a product as one.

    None where there is no source. A number that something is divided by is there as 1 over it; the 1 of a sum is none.
    """
    statement = statement_at(path, line)
    if statement is None:
        return None
    found: set[float] = set()
    parts: set[ast.AST] = set()
    for node in ast.walk(statement):
        if node not in parts:
            factors = [each for each in _multiplied(node, parts) if each]
            found.update((*factors, math.prod(factors)) if factors else ())
    return frozenset(found)


def _multiplied(node: ast.AST, parts: set[ast.AST]) -> Iterator[float]:
    """The numbers among the factors of a product, whose own products are noted in `parts`."""
    parts.add(node)
    match node:
        case ast.BinOp(op=ast.Mult() | ast.Div()) | ast.AugAssign(op=ast.Mult() | ast.Div()):
            left, right = (node.left, node.right) if isinstance(node, ast.BinOp) else (node.target, node.value)
            taken = [(left, False), (right, isinstance(node.op, ast.Div))]
        case ast.UnaryOp(operand=operand) if _number(operand) is None:
            taken = [(operand, False)]
        case ast.Call(func=ast.Attribute(attr=name)) if name.rstrip("_") in _PRODUCTS + _QUOTIENTS:
            given = [*node.args, *(each.value for each in node.keywords)]
            taken = [(each, name.rstrip("_") in _QUOTIENTS) for each in given]
        case _:
            return
    for each, divides in taken:
        number = _number(each)
        for factor in _multiplied(each, parts) if number is None else (number,):
            yield 1.0 / factor if divides and factor else factor


def _number(node: ast.AST) -> float | None:
    """A number that is written, as a tensor or of another type if need be."""
    match node:
        case ast.Constant(value=int() | float() as value):
            return abs(float(value))
        case ast.UnaryOp(operand=operand):
            return _number(operand)
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=[value]) if name in _OF_A_TYPE:
            return _number(value)
    return None


@lru_cache(maxsize=256)
def _numbers(path: str, line: int) -> frozenset[float] | None:
    """The numbers that are written in the statement around a line; None where there is no source."""
    statement = statement_at(path, line)
    if statement is None:
        return None
    constants = (node.value for node in ast.walk(statement) if isinstance(node, ast.Constant))
    return frozenset(abs(float(value)) for value in constants if isinstance(value, (int, float)))
