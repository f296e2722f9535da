"""Values that code computes and writes over before it reads them: nothing of a program depends on them."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache

from vae_checked.linter.files import syntax

# A local name, and the line and the column of what it is assigned.
Written = tuple[str, int, int]
_FUNCTIONS = (*syntax.DEFINITIONS, ast.ClassDef)
# Statements whose own are run one after the other, if at all.
_AROUND = (ast.For, ast.AsyncFor, ast.With, ast.AsyncWith)
_TRIES = tuple(getattr(ast, name) for name in ("Try", "TryStar") if hasattr(ast, name))
# What leaves a list of statements for one that goes on behind it, and may read there what was assigned before.
_LEAVING = (ast.Break, ast.Continue, ast.Raise)


def overwritten(function: ast.AST) -> frozenset[Written]:
    """What the local names of a function are assigned and never stand for: another value is assigned before a read.

    Both are assigned in one list of statements that nothing leaves in between; not in a `try`, of which a handler may
    read the first, and not a name that a function in this one may read whenever it is called.
    """
    found = set[Written]()
    for block in syntax.blocks(_outside_of_tries(function)):
        names = Counter(name for name, _ in filter(None, map(_assigned, block)))
        if any(count > 1 for count in names.values()):
            found.update(_of_block(block))
    elsewhere = _read_elsewhere(function) if found else frozenset[str]()
    return frozenset(each for each in found if each[0] not in elsewhere)


@lru_cache(maxsize=512)
def is_replaced(name: str, function: ast.AST) -> bool:
    """Whether a function gives one of its arguments another value, on all ways, before anything reads what it was."""
    if name in _read_elsewhere(function):
        return False
    blocks = [getattr(function, "body", [])]
    while blocks:
        block = blocks.pop()
        first = next((each for each in block if name in _names(each)), None) if isinstance(block, list) else None
        if isinstance(first, _AROUND):
            head = (first.target, first.iter) if isinstance(first, (ast.For, ast.AsyncFor)) else first.items
            # What is met before the statements in it.
            if not any(name in _names(each) for each in head):
                blocks.append(first.body)
        elif isinstance(first, ast.Assign):
            return name not in _names(first.value) and any(
                isinstance(target, ast.Name) and target.id == name for target in first.targets
            )
    return False


def _outside_of_tries(function: ast.AST) -> Iterator[ast.AST]:
    """A function and the statements in it, at any depth, without each `try` and each function, and what is in them."""
    stack = [function]
    while stack:
        held = stack.pop()
        if isinstance(held, _TRIES) or (held is not function and isinstance(held, _FUNCTIONS)):
            continue
        yield held
        for name in ("body", "orelse", "cases"):
            inner = getattr(held, name, None)
            if isinstance(inner, list):
                stack += inner


def _read_elsewhere(function: ast.AST) -> frozenset[str]:
    """The names that a function shares with others, or that functions in it may read."""
    found = set[str]()
    for node in syntax.descendants(function):
        if isinstance(node, (ast.Global, ast.Nonlocal)):
            found.update(node.names)
        elif node is not function and isinstance(node, (*_FUNCTIONS, ast.Lambda)):
            found.update(_names(node))
    return frozenset(found)


def _names(node: ast.AST) -> set[str]:
    return {each.id for each in syntax.descendants(node) if isinstance(each, ast.Name)}


def _assigned(statement: ast.stmt) -> tuple[str, ast.expr] | None:
    """The one local name that a statement assigns, and what."""
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        (target,) = statement.targets
        return (target.id, statement.value) if isinstance(target, ast.Name) else None
    return None


def _of_block(block: list[ast.stmt]) -> Iterator[Written]:
    # By name whether the next statement that has it assigns it, and does not read it.
    renewed: dict[str, bool] = {}
    for statement in reversed(block):
        written = _assigned(statement)
        if written is not None and renewed.get(written[0], False):
            yield written[0], written[1].lineno, written[1].col_offset
        if written is None:
            if any(isinstance(node, _LEAVING) for node in syntax.descendants(statement)):
                renewed.clear()
            renewed.update(dict.fromkeys(_names(statement), False))
        else:
            name, value = written
            read = _names(value)
            renewed.update(dict.fromkeys(read, False))
            renewed[name] = name not in read
