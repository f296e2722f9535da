"""Values that code computes and writes over before it reads them: nothing of a program depends on them."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache

from vae_checked.linter.files import syntax

# A local name, and the line and the column of what it is assigned.
_Written = tuple[str, int, int]


@lru_cache(maxsize=512)
def overwritten(function: ast.AST) -> frozenset[_Written]:
    """What the local names of a function are assigned and never stand for: another value is assigned before a read.

    Both are assigned in one list of statements, the second whatever happens in between: not in a `try`, of which a
    handler may read the first.
    """
    found, elsewhere = set[_Written](), set[str]()
    for statement in syntax.statements(function):
        if isinstance(statement, (ast.Global, ast.Nonlocal)):
            elsewhere.update(statement.names)
        elif not isinstance(statement, ast.Try):
            for block in syntax.blocks([statement]):
                names = Counter(name for name, _ in filter(None, map(_assigned, block)))
                if any(count > 1 for count in names.values()):
                    found.update(_of_block(block))
    return frozenset(each for each in found if each[0] not in elsewhere)


def _assigned(statement: ast.stmt) -> tuple[str, ast.expr] | None:
    """The one local name that a statement assigns, and what."""
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        (target,) = statement.targets
        return (target.id, statement.value) if isinstance(target, ast.Name) else None
    return None


def _of_block(block: list[ast.stmt]) -> Iterator[_Written]:
    # By name whether the next statement that has it assigns it, and does not read it.
    renewed: dict[str, bool] = {}
    for statement in reversed(block):
        written = _assigned(statement)
        if written is not None and renewed.get(written[0], False):
            yield written[0], written[1].lineno, written[1].col_offset
        mentioned = {node.id for node in syntax.descendants(statement) if isinstance(node, ast.Name)}
        if written is None:
            renewed.update(dict.fromkeys(mentioned, False))
        else:
            name, value = written
            read = {node.id for node in syntax.descendants(value) if isinstance(node, ast.Name)}
            renewed.update(dict.fromkeys(read, False))
            renewed[name] = name not in read
