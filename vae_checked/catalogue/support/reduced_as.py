"""How the line that computes a KL reduces it: a remedy gives back as many numbers as the line that it replaces."""

from __future__ import annotations

import ast
from enum import StrEnum

from vae_checked.catalogue.support.written import expression_in
from vae_checked.facts import Origin

_REDUCING = frozenset(("sum", "mean"))
_AXES = frozenset(("dim", "axis"))


class ReducedAs(StrEnum):
    """What a line leaves of the elements of a KL: a number for each sample, or one, the sum or the mean over these."""

    ROWS = "{factor} * torch.sum({terms}, dim=1)"
    SUM = "{factor} * torch.sum({terms})"
    MEAN = "({factor} * torch.sum({terms}, dim=1)).mean()"


def reduced_as(origin: Origin) -> ReducedAs:
    """How the expression at an origin reduces, or else the line that ran there; rows where neither says.

    >>> reduced_as(Origin("-0.5 * torch.sum(1 + s - m ** 2 - s.exp())")).name
    'SUM'
    """
    for text in (origin.source, "" if origin.place is None else origin.place.text):
        value = expression_in(text)
        reductions = [] if value is None else [node for node in ast.walk(value) if _reduces(node)]
        if value is not None and reductions:
            return _of(value, reductions)
    return ReducedAs.ROWS


def _of(value: ast.expr, reductions: list[ast.AST]) -> ReducedAs:
    outermost = reductions[0]  # in the order of `ast.walk`
    held = {id(node) for each in reductions for node in ast.walk(each) if node is not each}
    # Terms that are reduced apart leave a number for each sample where one of them does: what is added to it is spread.
    if any(_has_axes(each) and id(each) not in held and not _holds_another(each) for each in reductions):
        return ReducedAs.ROWS
    divided = isinstance(value, ast.BinOp) and isinstance(value.op, ast.Div) and not _is_two(value.right)
    return ReducedAs.MEAN if divided or _name(outermost) == "mean" else ReducedAs.SUM


def _is_two(divisor: ast.expr) -> bool:
    """Whether a division is the half of the formula; another is one by the number of samples."""
    return isinstance(divisor, ast.Constant) and divisor.value == 2


def _reduces(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _REDUCING


def _holds_another(reduction: ast.AST) -> bool:
    """Whether what is reduced was reduced before: rows, and then all of them."""
    return any(_reduces(node) for node in ast.walk(reduction) if node is not reduction)


def _name(call: ast.AST) -> str:
    return call.func.attr if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) else ""


def _has_axes(call: ast.AST) -> bool:
    """Whether axes are named: behind the tensor of `torch.sum(x, 1)`, or first of all in `x.sum(1)`."""
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
        return False
    axes = [each for each in call.args if not any(isinstance(node, ast.Name) for node in ast.walk(each))]
    is_function = isinstance(call.func.value, ast.Name) and not axes  # `torch.sum(x)`, and not `x.sum(1)`
    return len(call.args) > is_function or any(each.arg in _AXES for each in call.keywords)
