"""Lines of source that are looked up by what they do, and not by what ran there: of those alone that can have run."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterator, Sequence

from vae_checked.auditor.recording.origins import line_at
from vae_checked.finding import Place

_ENDS = (ast.Return, ast.Raise, ast.Break, ast.Continue)
_OWN_SCOPE = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def assignments_of(kind: type, name: str) -> list[Place | None]:
    """The one line of a class that assigns `self.name`, as None where several may be it; nothing where none does.

    Of several the constructor's is meant, and there the last, where it stands in no branch.
    """
    by_method = {
        method.name: [
            (node.lineno, node in method.body)
            for node in _statements(method.body)
            if isinstance(node, (ast.Assign, ast.AnnAssign)) and name in _assigned(node)
        ]
        for method in _methods(kind)
    }
    every = [lines for lines in by_method.values() if lines]
    if not every:
        return []
    found = by_method.get("__init__") or (every[0] if len(every) == 1 else [])
    is_one = bool(found) and (found[-1][1] or len(found) == 1)
    return [_place(kind, found[-1][0]) if is_one else None]


def call_in(function: Callable[..., object], names: frozenset[str]) -> Place | None:
    """The first line of a function that calls one of these, or at which it begins where none does."""
    source = _source(function)
    if source is None:
        return _place(function, 1)
    (tree,) = source.body
    body = tree.body if isinstance(tree, (ast.FunctionDef, ast.AsyncFunctionDef)) else source.body
    calls = [
        node.lineno
        for statement in _statements(body)
        for node in _expressions(statement)
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in names
    ]
    return _place(function, min(calls, default=1))


def _source(of: type | Callable[..., object]) -> ast.Module | None:
    try:
        tree = ast.parse(textwrap.dedent("".join(inspect.getsourcelines(of)[0])))
    except (OSError, TypeError, SyntaxError, ValueError):
        return None
    return tree if len(tree.body) == 1 else None


def _place(of: type | Callable[..., object], line: int) -> Place | None:
    try:
        path, first = inspect.getsourcefile(of), inspect.getsourcelines(of)[1]
    except (OSError, TypeError):
        return None
    return None if path is None else line_at(path, max(first, 1) + line - 1)


def _methods(kind: type) -> Iterator[ast.FunctionDef]:
    source = _source(kind)
    if source is not None and isinstance(source.body[0], ast.ClassDef):
        yield from (node for node in source.body[0].body if isinstance(node, ast.FunctionDef))


def _statements(block: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements of a block and of those in it, without what stands behind a return or in a branch never taken."""
    for statement in block:
        yield statement
        for part in () if isinstance(statement, _OWN_SCOPE) else _parts(statement):
            yield from _statements(part)
        if isinstance(statement, _ENDS):
            break


def _parts(statement: ast.stmt) -> Iterator[Sequence[ast.stmt]]:
    test = getattr(statement, "test", None)
    taken = bool(test.value) if isinstance(test, ast.Constant) else None
    if taken is not False:
        yield getattr(statement, "body", ())
    if taken is not True:
        yield getattr(statement, "orelse", ())
    yield getattr(statement, "finalbody", ())
    for each in (*getattr(statement, "handlers", ()), *getattr(statement, "cases", ())):
        yield each.body


def _expressions(statement: ast.stmt) -> Iterator[ast.AST]:
    """What a statement is written of, without the statements in it."""
    for child in ast.iter_child_nodes(statement):
        if isinstance(child, (ast.expr, ast.withitem)):
            yield from ast.walk(child)


def _assigned(statement: ast.Assign | ast.AnnAssign) -> Iterator[str]:
    """The attributes of self that a statement assigns, and none in which it only changes something."""
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    for node in (node for target in targets for node in ast.walk(target)):
        match node:
            case ast.Attribute(value=ast.Name(id="self"), ctx=ast.Store()):
                yield node.attr
