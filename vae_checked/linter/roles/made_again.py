"""Models that are made or loaded again between their optimizer and its first step: what it holds trains nothing."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from vae_checked.linter.files import syntax
from vae_checked.linter.files.source import Cell
from vae_checked.linter.roles.scoped_names import key_of, reads_in
from vae_checked.linter.roles.unstepped import leaves_all

_Place = tuple[int, int]
_Given = list[tuple[ast.Assign, str]]
# What of an optimizer is no step: what it has done so far is stored, or taken from a file.
_STORED = frozenset(("load_state_dict", "state_dict", "param_groups", "state", "defaults"))
# What gives another object, though it is made of the one that there was.
_COPYING = frozenset(("deepcopy", "copy", "clone"))


def made_again(calls: list[ast.Call], cell: Cell) -> frozenset[ast.AST]:
    """The optimizers of a model of which another one gets the name, or a part, before anything is done with them.

    On one way at least: where a file is there to load it from, say.
    """
    given = [(node, key) for node in cell.of(ast.Assign) for target in node.targets if (key := key_of(target, cell))]
    named = {id(node.value): (node, key) for node, key in given}
    asked = [call for call in calls if id(call) in named]
    if not asked:
        return frozenset()
    leaving = [call for call in cell.of(ast.Call) if leaves_all(call)]
    idle = {id(node) for call in leaving for node in (*call.args, *(each.value for each in call.keywords))}
    idle |= {id(node.value) for node in cell.of(ast.Attribute) if node.attr in _STORED}
    reads = [(key_of(node, cell), _place(node)) for node in reads_in(cell) if id(node) not in idle]
    found = set()
    for call in asked:
        statement, optimizer = named[id(call)]
        end = statement.end_lineno or statement.lineno
        later = min((at for name, at in reads if name == optimizer and at[0] > end), default=None)
        between = [(node, key) for node, key in given if later is not None and end < node.lineno < later[0]]
        owners = _owners(call, cell)
        for node in _anew(between, owners, cell):
            is_held = any(key == optimizer and other.lineno > node.lineno for other, key in between)
            if not is_held and _is_after(node, statement, cell):
                found.add(call)
    return frozenset[ast.AST](found)


def _anew(given: _Given, owners: set[str], cell: Cell) -> Iterator[ast.Assign]:
    """The statements that give something new one of some names, or put it in the place of a part of that."""
    for node, key in given:
        value = node.value
        is_new = isinstance(value, (ast.Call, ast.Subscript, ast.IfExp, ast.Attribute))
        is_copied = isinstance(value, ast.Call) and syntax.called(value) in _COPYING
        if (
            key in owners
            and is_new
            and (is_copied or isinstance(value, ast.IfExp) or not owners & _read_by(value, cell))
        ):
            yield node
        parts = (target for target in node.targets if isinstance(target, ast.Attribute))
        is_loaded = isinstance(value, ast.Call) and "load" in syntax.called(value)
        if is_loaded and any(key_of(part.value, cell) in owners for part in parts):
            yield node


def _place(node: ast.expr) -> _Place:
    return node.lineno, node.col_offset


def _owners(call: ast.Call, cell: Cell) -> set[str]:
    """What an optimizer is given the parameters of."""
    methods = (node.func for node in syntax.descendants(call) if isinstance(node, ast.Call))
    return {
        key_of(method.value, cell)
        for method in methods
        if isinstance(method, ast.Attribute) and "parameters" in method.attr
    }


def _read_by(value: ast.AST, cell: Cell) -> set[str]:
    return {key_of(node, cell) for node in syntax.descendants(value)}


def _is_after(later: ast.stmt, earlier: ast.stmt, cell: Cell) -> bool:
    """Whether whoever runs the one came by the other: one follows the other in its block, or stands in what does."""
    for block in syntax.blocks(cell.nodes):
        if earlier in block:
            behind = block[block.index(earlier) + 1 :]
            return any(each.lineno <= later.lineno <= (each.end_lineno or each.lineno) for each in behind)
    return False
