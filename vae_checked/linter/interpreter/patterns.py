"""Whether a case of a match statement is the one of its subject."""

from __future__ import annotations

import ast

from vae_checked.linter.interpreter import operators
from vae_checked.linter.interpreter.context import Context
from vae_checked.linter.symbols.expression import opaque
from vae_checked.linter.symbols.values import Scope, Value, as_expr


def fits(context: Context, case: ast.match_case, subject: Value, scope: Scope) -> Value:
    """Whether a case is the one of a subject: a bool where it is known."""
    patterns = case.pattern.patterns if isinstance(case.pattern, ast.MatchOr) else [case.pattern]
    tests = [_equals(context, pattern, subject, scope) for pattern in patterns]
    if case.guard is not None:
        guard = context.eval(case.guard, scope)
        tests = [operators.boolean(ast.And(), [test, guard], context.site(case.guard)) for test in tests]
    return tests[0] if len(tests) == 1 else operators.boolean(ast.Or(), tests, context.site(case.pattern))


def _equals(context: Context, pattern: ast.pattern, subject: Value, scope: Scope) -> Value:
    site = context.site(pattern)
    if isinstance(pattern, ast.MatchValue):
        return operators.compare([ast.Eq()], [subject, context.eval(pattern.value, scope)], site)
    if isinstance(pattern, ast.MatchSingleton):
        return operators.compare([ast.Is()], [subject, pattern.value], site)
    if isinstance(pattern, ast.MatchAs) and pattern.pattern is None:
        if pattern.name is not None:
            scope.names[pattern.name] = subject
        return True
    return opaque(f"case:{site.place}", (as_expr(subject, site),), site)
