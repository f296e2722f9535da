"""Models that are made or loaded again between their optimizer and its first step: what it holds trains nothing."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from vae_checked.linter.files import syntax
from vae_checked.linter.files.source import Cell
from vae_checked.linter.roles import seeds
from vae_checked.linter.roles.scoped_names import key_of, reads_in
from vae_checked.linter.roles.unstepped import leaves_all
from vae_checked.record import dataclass

_Place = tuple[int, int]
# What of an optimizer is no step: what it has done so far is stored, or taken from a file.
_STORED = frozenset(("load_state_dict", "state_dict", "param_groups", "state", "defaults"))
# What gives another object, though it is made of the one that there was.
_COPYING = frozenset(("deepcopy", "copy", "clone"))
_NEW = (ast.Call, ast.Subscript, ast.IfExp, ast.Attribute, ast.Tuple)


@dataclass(frozen=True, slots=True, eq=False)
class _Given:
    """A statement that gives a value names or attributes, by their keys."""

    statement: ast.Assign | ast.AnnAssign
    value: ast.expr
    targets: tuple[ast.expr, ...]
    keys: frozenset[str]


def made_again(calls: list[ast.Call], cell: Cell) -> frozenset[ast.AST]:
    """The optimizers of a model of which another one gets the name, or a part, before anything is done with them.

    On one way at least: where a file is there to load it from, say.
    """
    if not calls:
        return frozenset()
    given = list(_all_given(cell))
    found = [call for call in calls for held in _holding(call, given, cell) if _is_made_again(call, held, given, cell)]
    return frozenset[ast.AST](found)


def _all_given(cell: Cell) -> Iterator[_Given]:
    statements: list[ast.Assign | ast.AnnAssign] = [*cell.of(ast.Assign), *cell.of(ast.AnnAssign)]
    for node in statements:
        targets = tuple(_flat(node.targets if isinstance(node, ast.Assign) else [node.target]))
        keys = frozenset(key for target in targets if (key := key_of(target, cell)))
        if node.value is not None and keys:
            yield _Given(node, node.value, targets, keys)


def _flat(targets: Sequence[ast.expr]) -> Iterator[ast.expr]:
    for target in targets:
        if isinstance(target, (ast.Tuple, ast.List)):
            yield from _flat(target.elts)
        else:
            yield target


def _holding(call: ast.Call, given: Sequence[_Given], cell: Cell) -> Iterator[_Given]:
    """The statements that keep an optimizer: by its call, or by that of the function that returns it."""
    makers = {function.name for function in cell.functions if seeds.holds(function, call) and _returns(function, call)}
    for each in given:
        is_made = isinstance(each.value, ast.Call) and syntax.called(each.value) in makers
        if is_made or _is_kept_by(each, call):
            yield each


def _returns(function: syntax.Definition, call: ast.Call) -> bool:
    returned = (node for node in syntax.descendants(function) if isinstance(node, ast.Return))
    return any(seeds.holds(node, call) for node in returned)


def _is_kept_by(given: _Given, call: ast.Call) -> bool:
    return seeds.holds(given.statement, call) and any(node is call for node in ast.walk(given.value))


def _is_made_again(call: ast.Call, held: _Given, given: Sequence[_Given], cell: Cell) -> bool:
    later = _first_step(held, cell)
    for statement, owner in _owners(call, held, given, cell):
        end = statement.end_lineno or statement.lineno
        between = [each for each in given if later is not None and end < each.statement.lineno < later[0]]
        for each in between:
            is_held = any(
                other.keys & held.keys and other.statement.lineno >= each.statement.lineno
                for other in between
                if other is not held
            )
            if not is_held and _is_anew(each, owner, cell) and _is_after(each.statement, statement, cell):
                return True
    return False


def _first_step(held: _Given, cell: Cell) -> _Place | None:
    """Where an optimizer is read first for more than to store it, or to schedule it."""
    leaving = [call for call in cell.of(ast.Call) if leaves_all(call)]
    idle = {id(node) for call in leaving for node in (*call.args, *(each.value for each in call.keywords))}
    idle |= {id(node.value) for node in cell.of(ast.Attribute) if node.attr in _STORED}
    end = held.statement.end_lineno or held.statement.lineno
    reads = (node for node in reads_in(cell) if node.lineno > end and id(node) not in idle)
    return min((_place(node) for node in reads if key_of(node, cell) in held.keys), default=None)


def _owners(
    call: ast.Call, held: _Given, given: Sequence[_Given], cell: Cell
) -> Iterator[tuple[ast.Assign | ast.AnnAssign, str]]:
    """What an optimizer is given the parameters of, each with the statement that asks for these."""
    if not _is_kept_by(held, call):
        # Of what the function that makes it is handed.
        yield from ((held.statement, key_of(node, cell)) for node in getattr(held.value, "args", ()))
        return
    yield from ((held.statement, owner) for owner in _asked(call, cell))
    names = {key_of(node, cell) for node in call.args}
    for each in given:
        if each.keys & names and each.statement.lineno < held.statement.lineno:
            yield from ((each.statement, owner) for owner in _asked(each.value, cell))


def _asked(written: ast.AST, cell: Cell) -> set[str]:
    """Whose parameters are asked for: those of a part are those of what has it."""
    found = set()
    for node in ast.walk(written):
        if isinstance(node, ast.Attribute) and "parameters" in node.attr:
            owner = node.value
            found.add(key_of(owner, cell))
            while isinstance(owner, ast.Attribute):
                owner = owner.value
                found.add(key_of(owner, cell))
    return found


def _is_anew(given: _Given, owner: str, cell: Cell) -> bool:
    """Whether a statement gives something new the name of a model, or puts it in the place of a part of that."""
    value = given.value
    if owner in given.keys and isinstance(value, _NEW):
        is_copied = isinstance(value, ast.Call) and syntax.called(value) in _COPYING
        return is_copied or isinstance(value, ast.IfExp) or owner not in _read_by(value, cell)
    is_loaded = isinstance(value, ast.Call) and "load" in syntax.called(value)
    parts = (target.value for target in given.targets if isinstance(target, ast.Attribute))
    return is_loaded and any(key_of(part, cell) == owner for part in parts)


def _place(node: ast.expr) -> _Place:
    return node.lineno, node.col_offset


def _read_by(value: ast.AST, cell: Cell) -> set[str]:
    return {key_of(node, cell) for node in syntax.descendants(value)}


def _is_after(later: ast.stmt, earlier: ast.stmt, cell: Cell) -> bool:
    """Whether whoever runs the one came by the other: one follows the other in its block, or stands in what does."""
    for block in syntax.blocks(cell.nodes):
        if earlier in block:
            behind = block[block.index(earlier) + 1 :]
            return any(each.lineno <= later.lineno <= (each.end_lineno or each.lineno) for each in behind)
    return False
