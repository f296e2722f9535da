"""Conditions that code refuses: where they hold together it raises, and whoever goes on is not there."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from contextlib import contextmanager

from vae_checked.linter.interpreter import operators
from vae_checked.linter.interpreter.context import Context
from vae_checked.linter.symbols.expression import Expr
from vae_checked.linter.symbols.values import Scope, as_expr

# What is asked of settings is made of these, and evaluated without a call.
_ASKING = (
    ast.Name, ast.Attribute, ast.Constant, ast.Compare, ast.BoolOp, ast.UnaryOp, ast.boolop, ast.unaryop, ast.cmpop,
    ast.expr_context,
)  # fmt: skip
# More than these are not kept of one evaluation.
_MOST = 64
_MAKING = ("__init__", "__post_init__", "__new__")


def note(context: Context, condition: Expr, holds: bool) -> None:
    """Take note that what is run raises where a condition holds, or does not, beside the conditions around it.

    Of what makes an object those around its making count for nothing: the object is there, or it is not.
    """
    refused = context.observations.refused
    if len(refused) >= _MOST:
        return
    making = (frame for frame in reversed(context.frames) if frame.function and frame.function.name in _MAKING)
    first = next((frame.steps_before for frame in making), 0)
    steps = (*context.path.steps[first:], (condition, holds))
    refused.setdefault(frozenset((each.uid, so) for each, so in steps), steps)


def note_assertion(context: Context, node: ast.Assert, scope: Scope) -> None:
    """Take note of what an assertion refuses, where it asks for settings alone."""
    if not all(isinstance(each, _ASKING) for each in ast.walk(node.test)):
        return
    test = context.eval(node.test, scope)
    if operators.truth(test) is None:
        note(context, as_expr(test, context.site(node.test)), False)


@contextmanager
def handled(context: Context, node: ast.Try) -> Iterator[None]:
    """What is run inside a `with` of this refuses nothing where its errors are handled."""
    before = dict(context.observations.refused)
    yield
    if node.handlers:
        context.observations.refused.clear()
        context.observations.refused.update(before)
