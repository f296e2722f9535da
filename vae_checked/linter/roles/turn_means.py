"""What a loop adds up, one turn of which stands for all, divided by how many turns it has: a mean of samples of it.

So errors of several samples of z are averaged: `for _ in range(n): error += ...`, and `error / n`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from vae_checked.linter.files import syntax
from vae_checked.linter.symbols.expression import Expr, Site, strip


def is_mean(quotient: Expr) -> bool:
    """Whether a quotient is the mean of what the turns of a loop add up, or a turn's part of it.

    A turn that asks for its number may make another error than the others, as of one step of a sample.
    """
    if quotient.op != "div" or quotient.site is None:
        return False
    count = _divisor(quotient.site.node)
    if count is None:
        return False
    text = ast.unparse(count)
    total = strip(quotient.args[0])
    if total.op == "add" and total.site is not None and not _is_written_out(total):
        added = total.site
        loops = _loops(added, text)
        return any(_adds_up(loop, added.node) and not syntax.holds(loop, quotient.site.node) for loop in loops)
    return any(_adds_up(loop, quotient.site.node) for loop in _loops(quotient.site, text))


def is_running_sum(total: Expr) -> bool:
    """Whether a sum is what the turns of a loop add up, one of which stands for all."""
    site = total.site
    if total.op != "add" or site is None or _is_written_out(total):
        return False
    return any(isinstance(loop, ast.For) and _adds_up(loop, site.node) for loop in site.source.cell.nodes)


def _divisor(written: ast.AST) -> ast.expr | None:
    """What a value is divided by, where that is a setting, or a name, that may be how many turns a loop has."""
    right: ast.expr | None = None
    if isinstance(written, ast.BinOp) and isinstance(written.op, ast.Div):
        right = written.right
    elif isinstance(written, ast.AugAssign) and isinstance(written.op, ast.Div):
        right = written.value
    return right if isinstance(right, (ast.Name, ast.Attribute, ast.Subscript)) else None


def _is_written_out(total: Expr) -> bool:
    """Whether a sum goes on from one of the same line: each turn of the loop is read."""
    node = None if total.site is None else total.site.node
    inner = [strip(arg) for arg in total.args]
    return any(arg.op == "add" and arg.site is not None and arg.site.node is node for arg in inner)


def _loops(site: Site, count: str) -> Iterator[ast.For]:
    """The loops around a place that go round so many times and in which no turn asks which one it is."""
    for node in site.source.cell.nodes:
        if isinstance(node, ast.For) and isinstance(node.target, ast.Name) and _is_range(node.iter, count):
            inside = [each for statement in node.body for each in syntax.descendants(statement)]
            if any(each is site.node for each in inside) and not any(
                isinstance(each, ast.Name) and each.id == node.target.id for each in inside
            ):
                yield node


def _is_range(iterated: ast.expr, count: str) -> bool:
    return (
        isinstance(iterated, ast.Call)
        and getattr(iterated.func, "id", "") == "range"
        and len(iterated.args) == 1
        and ast.unparse(iterated.args[0]) == count
    )


def _adds_up(loop: ast.For, added: ast.AST) -> bool:
    """Whether each turn adds a value to what the turns before it made."""
    inside = (each for statement in loop.body for each in syntax.statements(statement))
    return any(any(each is added for each in _running_sum(statement)) for statement in inside)


def _running_sum(statement: ast.stmt) -> tuple[ast.AST, ...]:
    """A sum that a statement goes on with, and what it adds; nothing where it does not."""
    if isinstance(statement, ast.AugAssign) and isinstance(statement.op, ast.Add):
        return statement, statement.value
    if not isinstance(statement, ast.Assign) or len(statement.targets) != 1:
        return ()
    whole = statement.value
    if not isinstance(whole, ast.BinOp) or not isinstance(whole.op, ast.Add):
        return ()
    own = ast.unparse(statement.targets[0])
    return (whole, whole.left, whole.right) if own in map(ast.unparse, (whole.left, whole.right)) else ()
