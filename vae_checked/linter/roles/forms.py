"""What two formulas have in common that differ in their leaves alone: what is identified by values is so in both."""

from __future__ import annotations

from collections.abc import Collection, Hashable

from vae_checked.linter.expression import MAX_FORMULA, PASSED, Expr
from vae_checked.linter.numeric import OPERATIONS
from vae_checked.linter.roles.samplers import is_scalar

Form = tuple[Hashable, ...]
_INNER = PASSED | OPERATIONS


def form(expr: Expr, apart: Collection[int]) -> Form | None:
    """The operations of a formula in order, its leaves told by number and kind.

    None where one of the nodes `apart` stands in it, which tells it from others, or where it is too large for one.
    """
    numbers: dict[int, int] = {}
    steps: list[Hashable] = []
    stack = [expr]
    while stack:
        node = stack.pop()
        uid = node.uid
        if uid in numbers:
            steps.append(numbers[uid])
            continue
        if uid in apart or len(numbers) > 2 * MAX_FORMULA:
            return None
        numbers[uid] = len(numbers)
        if node.op in _INNER and node.args:
            steps.append((node.op, node.attrs, len(node.args)))
            stack += node.args
        elif node.op == "const":
            steps.append(node.attrs)
        else:
            steps.append((node.op, is_scalar(node), node.get("law")))
    return tuple(steps)
