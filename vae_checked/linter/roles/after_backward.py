"""What runs after a loss is differentiated: to the end of its function, of whoever calls it, and in what they call."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence

from vae_checked.linter.files import syntax
from vae_checked.linter.files.source import Cell
from vae_checked.linter.roles.batch_sizes import function_around

# How deep the functions are gone into that statements call.
_MAX_DEPTH = 2
_HOLDING = ("body", "orelse", "finalbody")
_LOOPS = (ast.For, ast.AsyncFor, ast.While)
_LEAVING = (ast.Continue, ast.Break, ast.Return, ast.Raise)


def followings(cell: Cell, statement: ast.stmt) -> Iterator[list[ast.stmt]]:
    """What stands behind a statement of a file, once by itself and once for each call of its function.

    Of every block around it what is left of that: after the last turn of a loop its function goes on too. And once what
    is left of a turn of the loop in which it stands, with the next turn up to there.
    """
    loops = [each for each in cell.nodes if isinstance(each, _LOOPS) and _stands_in(each.body, statement)]
    if loops:
        yield [*_behind(loops[-1].body, statement), *loops[-1].body]
    around = function_around(statement, cell)
    if around is None:
        yield _behind(_top(cell), statement)
        return
    rest = _behind(around.body, statement)
    yield rest
    for call in cell.nodes:
        if isinstance(call, ast.Expr) and isinstance(call.value, ast.Call) and syntax.called(call.value) == around.name:
            caller = function_around(call, cell)
            if caller is not around:
                yield [*rest, *_behind(_top(cell) if caller is None else caller.body, call)]


def in_order(
    block: Sequence[ast.stmt], functions: Mapping[str, syntax.Definition], depth: int = 0
) -> Iterator[ast.stmt]:
    """The statements of a block that hold no others, as they are run; without the branches that leave the block.

    Behind a call of one of some functions, by its name, stands what that does.
    """
    for statement in block:
        inner = [each for name in _HOLDING if (each := getattr(statement, name, None))]
        if not inner:
            yield statement
            called = functions.get(_called_by(statement)) if depth < _MAX_DEPTH else None
            if called is not None:
                yield from in_order(called.body, functions, depth + 1)
        elif not isinstance(statement, (*syntax.DEFINITIONS, ast.ClassDef)):
            for each in inner:
                if not isinstance(each[-1], _LEAVING):
                    yield from in_order(each, functions, depth)


def functions_of(cell: Cell) -> Mapping[str, syntax.Definition]:
    """The functions of a file by their names, where there is one of a name."""
    found: dict[str, syntax.Definition | None] = {}
    for function in cell.functions:
        found[function.name] = None if function.name in found else function
    return {name: function for name, function in found.items() if function is not None}


def _top(cell: Cell) -> list[ast.stmt]:
    inside = {id(inner) for node in cell.nodes for block in syntax.blocks([node]) for inner in block}
    return [node for node in cell.nodes if isinstance(node, ast.stmt) and id(node) not in inside]


def _behind(block: Sequence[ast.stmt], statement: ast.stmt) -> list[ast.stmt]:
    """What is left behind a statement of the block in which it stands, and then of each block around that."""
    for place, each in enumerate(block):
        if each is statement:
            return [*block[place + 1 :]]
        # Several may stand in one line.
        if each.lineno <= statement.lineno <= (each.end_lineno or 0) and _stands_in([each], statement):
            inner = (held for name in (*_HOLDING, "handlers") for held in [getattr(each, name, None)] if held)
            found = [_behind(held, statement) for held in inner if _stands_in(held, statement)]
            return [*(found[0] if found else ()), *block[place + 1 :]]
    return []


def _stands_in(block: Sequence[ast.AST], statement: ast.stmt) -> bool:
    return any(syntax.holds(each, statement) for each in block)


def _called_by(statement: ast.stmt) -> str:
    value = getattr(statement, "value", None)
    return syntax.called(value) if isinstance(statement, (ast.Expr, ast.Assign)) and isinstance(value, ast.Call) else ""
