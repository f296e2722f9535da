"""What a loop over the rows of a batch makes of its terms, each of one sample: the axis of the loop is the batch."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from vae_checked.facts import Reduction
from vae_checked.linter.roles import first_axes
from vae_checked.linter.symbols.expression import Expr, strip
from vae_checked.linter.symbols.rows import are_columns, batches_of, is_of_rows, is_of_two_axes, turned_in
from vae_checked.linter.symbols.turns import is_over_turns
from vae_checked.mathematics.reductions import ChainStep, Reduce, Size, Stack, Through


def steps(node: Expr, index: int) -> tuple[ChainStep, ...] | None:
    """What a node does to its argument at `index` where that is of rows; None where it is not."""
    if node.op == "stack" and node.get("axis") in (None, 0):
        part = node.args[index]
        return (Through("move"),) if are_columns(part) else (Stack(of_rows=True),) if is_of_rows(part) else None
    if is_over_turns(node) and is_of_rows(node.args[0]):
        if are_columns(node.args[0]):
            return (Through("move"),)
        return Reduce(Reduction.SUM if node.op == "sum" else Reduction.MEAN, (0,)), Stack(of_rows=True)
    if node.op == "div" and index == 0 and _is_by_their_number(node):
        return (Size(0, divides=True),)
    return None


def hide_the_batch(chain: Sequence[ChainStep], *values: Expr) -> bool:
    """Whether a chain names axes of values, all of which have another one in place of the batch, or may have."""
    turned = [turned_in(value) for value in values]
    first = next((step.axes for step in reversed(chain) if isinstance(step, Reduce)), None)
    if not isinstance(first, tuple):
        return False
    if 0 in first and any(map(first_axes.is_put_together, values)):
        return True
    if not all(turned):
        return False
    # The batch is mostly where the other axis was: on the second place, or on either of two.
    return not {0, 1}.isdisjoint(first) or any(node is not None and is_of_two_axes(node) for node in turned)


def _is_by_their_number(quotient: Expr) -> bool:
    """Whether a sum over rows is divided by their number: the length of a batch, or of the list that it adds up."""
    total, count = (strip(arg) for arg in quotient.args)
    if not is_over_turns(total) or not is_of_rows(total.args[0]) or quotient.site is None:
        return False
    if count.op == "size" and count.get("axis") == 0:
        return any(count.args[0].uid == batch.uid for batch in batches_of(total.args[0]))
    written = quotient.site.node
    if not isinstance(written, ast.BinOp):
        return False
    added, counted = _argument(written.left, "sum"), _argument(written.right, "len")
    return added is not None and added == counted


def _argument(call: ast.expr, name: str) -> str | None:
    """What a call of a function of this name is given, as it is written."""
    if isinstance(call, ast.Call) and getattr(call.func, "id", "") == name and len(call.args) == 1:
        return ast.unparse(call.args[0])
    return None
