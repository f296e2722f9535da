"""Weights that grow with the turns of a loop until they stay at a number: `min(1.0, epoch / 20)`, and a sigmoid."""

from __future__ import annotations

import ast
import math
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from vae_checked.linter.roles.batch_sizes import function_around
from vae_checked.linter.roles.turn_numbers import MOST_NODES, Numbers, is_counter, some
from vae_checked.linter.symbols.expression import TRANSPARENT, Expr
from vae_checked.mathematics.ops import OPERATIONS
from vae_checked.mathematics.reductions import Weight

if TYPE_CHECKING:
    from vae_checked.linter.files.source import Cell

# Turns after any warm-up, at no common multiple, and what settings that are not known may come to.
_LATE = (1_000_003.0, 1_000_000_007.0)
_SETTINGS = (2.0, 5.0, 100.0)
# A warm-up that a loop ends before has not reached its end.
_REACHED = 0.9
_CYCLIC = frozenset(("remainder", "sin", "cos"))
_CHOICES = frozenset(("phi", "where"))
# An entry of an array of numbers, and what counts these off.
_ENTRIES, _COUNTED_OFF, _MODULES = (
    frozenset(("index", "item")),
    frozenset(("linspace", "geomspace")),
    ("numpy", "torch"),
)


def read(number: Expr, node: Expr, operand: ast.expr | None, first: ast.expr | None, *, inverse: bool) -> Weight | None:
    """A number as a weight that grows with the turns, None where it is none; `operand` is how `node` has it written.

    Factors are asked for one by one: of a product, and of a quotient unless its `first` operand is a plain number.
    """
    if number.op == "mul" or (number.op == "div" and not isinstance(first, ast.Constant)):
        return None
    most = limit_of(number) or _end_of_schedule(number)
    if most is None:
        return None
    is_setting = node.site is not None and _is_given(operand, node.site.source.cell)
    text = number.op if operand is None else ast.unparse(operand)
    return Weight(text, divides=inverse, turn=True, most=None if is_setting else most)


def limit_of(weight: Expr) -> float | None:
    """What a weight grows to with the turns of a loop and stays at; None for any other.

    What is not known may say how long that takes, as a divisor, and nothing else.
    """
    if not weight.args:
        return None
    nodes = some(weight)
    counters = {node.uid for node in nodes if is_counter(node)}
    if not counters or len(nodes) >= MOST_NODES or any(node.op in _CYCLIC for node in nodes):
        return None
    if any(_is_unknown(node) and node.uid not in counters for node in _undivided(weight)):
        return None
    limits = {Numbers(turn, setting, counters).value(weight) for turn in _LATE for setting in _SETTINGS}
    limit = max(limits)
    if not math.isfinite(limit) or limit <= 0.0 or not all(math.isclose(limit, each, rel_tol=1e-3) for each in limits):
        return None
    return limit if _is_reached(weight, nodes, counters, limit) else None


def _end_of_schedule(entry: Expr) -> float | None:
    """The last of numbers that are counted off from a lower one, of which a weight is an entry: `linspace(0, 1, n)`."""
    if entry.op not in _ENTRIES or not entry.args:
        return None
    array, scale = entry.args[0], 1.0
    while array.op != "opaque" and array.args:
        numbers = [arg for arg in array.args if arg.op == "const"]
        if array.op == "mul" and len(numbers) == 1:
            scale *= numbers[0].value
            array = array.args[array.args[0] is numbers[0]]
        elif array.op in TRANSPARENT:
            array = array.args[0]
        else:
            return None
    ends = array.args[:2]
    module, _, name = str(array.get("name")).rpartition(".")
    if module not in _MODULES or name not in _COUNTED_OFF or [end.op for end in ends] != ["const", "const"]:
        return None
    first, last = (end.value * scale for end in ends)
    return last if first < last else None


def _is_given(operand: ast.expr | None, cell: Cell) -> bool:
    """Whether a weight is one that a function is given, or that an object keeps, which is a setting by its name."""
    while isinstance(operand, ast.Subscript):
        operand = operand.value
    if isinstance(operand, ast.Attribute):
        return True
    around = function_around(operand, cell) if isinstance(operand, ast.Name) else None
    if around is None or not isinstance(operand, ast.Name):
        return False
    spec = around.args
    return operand.id in {arg.arg for arg in (*spec.posonlyargs, *spec.args, *spec.kwonlyargs)}


def _is_reached(weight: Expr, nodes: Iterable[Expr], counters: set[int], limit: float) -> bool:
    """Whether a weight is less than its limit first, and about that in the last turn of a loop of a known length."""
    if any(Numbers(0.0, setting, counters).value(weight) > limit for setting in _SETTINGS):
        return False
    last = max((turn for node in nodes if (turn := _last_turn(node)) is not None), default=None)
    if last is None or any(_is_unknown(node) and node.uid not in counters for node in nodes):
        return True
    return Numbers(last, 1.0, counters).value(weight) >= _REACHED * limit


def _last_turn(node: Expr) -> float | None:
    """The number of the last turn of a loop over a range whose end is written as a number."""
    written = node.site.node if node.op == "atom" and node.site is not None else None
    if not isinstance(written, ast.Call) or not isinstance(written.func, ast.Name) or written.func.id != "range":
        return None
    end = written.args[min(1, len(written.args) - 1)] if written.args else None
    return float(end.value - 1) if isinstance(end, ast.Constant) and isinstance(end.value, int) else None


def _undivided(weight: Expr) -> Iterator[Expr]:
    """What a weight is made of, but for what it is divided by."""
    stack, seen = [weight], {weight.uid}
    while stack:
        node = stack.pop()
        yield node
        for arg in node.args[:1] if node.op == "div" else node.args:
            if arg.uid not in seen:
                seen.add(arg.uid)
                stack.append(arg)


def _is_unknown(node: Expr) -> bool:
    """Whether a number is none that follows from those below it."""
    known = node.op == "const" or node.op in OPERATIONS or node.op in _CHOICES
    return not known and (node.op not in TRANSPARENT or not node.args)
