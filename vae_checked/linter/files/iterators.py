"""Iterators that a name stands for, and what goes through them: whoever is given one afterwards gets nothing of it."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING

from vae_checked.linter.files import syntax
from vae_checked.record import dataclass

if TYPE_CHECKING:
    from vae_checked.linter.files.source import Cell

# What hands its arguments on one by one, as they are asked for.
_LAZY = frozenset("parameters named_parameters filter map chain from_iterable iter enumerate tqdm".split())
# What goes through all of an argument before it returns.
_EMPTYING = frozenset(
    "list tuple set frozenset sorted sum max min dict OrderedDict deque clip_grad_norm_ clip_grad_norm "
    "clip_grad_value_ parameters_to_vector".split()
)
_DISPLAYS = (ast.List, ast.Tuple, ast.Dict)
_INNER = (*syntax.DEFINITIONS, ast.ClassDef, ast.Lambda)
_WITH = (ast.With, ast.AsyncWith)
_BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")
_MAX_DEPTH = 12

# The line and the column of a call.
At = tuple[int, int]
# Per block that a statement stands in, outermost first: the block, by its id, and the place in it.
_Path = tuple[tuple[int, int], ...]


class Left(StrEnum):
    """What is left of an iterator for whoever goes through it."""

    ALL = "all"
    UNKNOWN = "unknown"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class _Held:
    """A statement, where it stands, and whether it is run whenever its block is: it may stand in a `with`."""

    statement: ast.stmt
    path: _Path


@dataclass(frozen=True, slots=True)
class _Use:
    """What goes through an iterator by its name, all of it or maybe some."""

    name: str
    held: _Held
    empties: bool


class Block:
    """A function, or the statements of a file, with the iterators that its names stand for."""

    def __init__(self, body: Sequence[ast.stmt], emptying: frozenset[str]) -> None:
        self._emptying = _EMPTYING | emptying
        self._parents: dict[ast.AST, ast.AST] = {}
        self._calls: dict[ast.AST, _Held] = {}
        self._uses: list[_Use] = []
        self._given: dict[str, list[_Held]] = {}
        self._elsewhere: set[str] = set()
        for held in _held(body, ()):
            self._read(held)

    def left(self, call: ast.Call) -> dict[At, Left]:
        """What is left of the parameters that a call is given by names, by where they are asked for."""
        at = self._calls.get(call)
        found: dict[At, Left] = {}
        if at is not None:
            for name in _names(call):
                self._follow(name, at, at, Left.ALL, found, 0)
        return found

    def _read(self, held: _Held) -> None:
        own = [*_own(held.statement)]
        for node in own:
            for child in syntax.children(node):
                self._parents[child] = node
        for node in own:
            if isinstance(node, ast.Call):
                self._calls.setdefault(node, held)
            if isinstance(node, _INNER):
                self._elsewhere |= {syntax.held(inner) for inner in syntax.descendants(node)}
            key = syntax.held(node)
            if key and isinstance(getattr(node, "ctx", None), ast.Store):
                self._given.setdefault(key, []).append(held)
            elif key:
                empties = self._empties(node, held.statement)
                if empties is not None:
                    self._uses.append(_Use(key, held, empties))

    def _empties(self, node: ast.AST, statement: ast.stmt) -> bool | None:
        """Whether what stands around a name goes through it; None where it only hands it on."""
        below, lazily = node, True
        while (around := self._parents.get(below)) is not None and around is not statement:
            if isinstance(around, ast.comprehension):
                made = self._parents.get(around)
                if around.iter is not below or not _is_first(around, made):
                    return False if lazily else None
                below = made if made is not None else around
                if not isinstance(made, ast.GeneratorExp):
                    return True
                continue
            if isinstance(around, ast.Starred):
                return True
            if isinstance(around, ast.Call):
                called = syntax.called(around)
                if called in self._emptying:
                    return True
                if called not in _LAZY or below is around.func:
                    return None if below is around.func and called in _LAZY else False
            elif not isinstance(around, (*_DISPLAYS, ast.keyword)):
                # An attribute or an item of it: a name that stands for something else.
                return None if isinstance(around, (ast.Attribute, ast.Subscript)) else False
            below = around
        if isinstance(statement, ast.For) and statement.iter is below:
            return not any(isinstance(node, (ast.Break, ast.Return)) for node in syntax.descendants(statement))
        if isinstance(statement, ast.Assign) and statement.value is below:
            return None
        return False

    def _follow(self, name: str, at: _Held, used: _Held, left: Left, found: dict[At, Left], depth: int) -> None:
        """What is left of the iterator that a name is at one statement, where it is gone through at another one."""
        given = self._iterator(name, at)
        if given is None or depth > _MAX_DEPTH:
            return
        statement, settled = given
        if left is not Left.NOTHING:
            left = Left.UNKNOWN if not settled else self._after_uses(name, statement, used, left)
        assert isinstance(statement.statement, ast.Assign)  # noqa: S101  `_iterator` finds such alone
        value = statement.statement.value
        for node in syntax.descendants(value):
            if isinstance(node, ast.Call):
                place = node.lineno, node.col_offset
                known = found.get(place, left)
                # By whichever name something is left of it.
                found[place] = max(known, left, key=[Left.NOTHING, Left.UNKNOWN, Left.ALL].index)
        for inner in _names(value):
            self._follow(inner, statement, used, left, found, depth + 1)

    def _after_uses(self, name: str, given: _Held, used: _Held, left: Left) -> Left:
        for use in self._uses:
            between = _line(given) < _line(use.held) < _line(used)
            if between and (use.name == name or self._leads_to(use.name, use.held, name, 0)):
                if use.empties and _precedes(use.held, used):
                    return Left.NOTHING
                left = Left.UNKNOWN
        return left

    def _leads_to(self, name: str, at: _Held, wanted: str, depth: int) -> bool:
        """Whether an iterator is made of another one."""
        given = self._iterator(name, at)
        if given is None or depth > _MAX_DEPTH:
            return False
        assert isinstance(given[0].statement, ast.Assign)  # noqa: S101  as above
        inner = _names(given[0].statement.value)
        return wanted in inner or any(self._leads_to(each, given[0], wanted, depth + 1) for each in inner)

    def _iterator(self, name: str, at: _Held) -> tuple[_Held, bool] | None:
        """Where a name is given an iterator, as it is at a statement, and whether it is that whatever was run."""
        before = [held for held in self._given.get(name, ()) if _line(held) < _line(at)]
        if not before:
            return None
        last = before[-1]
        statement = last.statement
        if not isinstance(statement, ast.Assign) or [syntax.held(each) for each in statement.targets] != [name]:
            return None
        if not self._is_iterator(statement.value, last):
            return None
        return last, _precedes(last, at) and name not in self._elsewhere

    def _is_iterator(self, value: ast.expr, at: _Held) -> bool:
        if isinstance(value, ast.GeneratorExp):
            return True
        if isinstance(value, ast.Call):
            return syntax.called(value) in _LAZY
        return bool(syntax.held(value)) and self._iterator(syntax.held(value), at) is not None


def block_around(node: ast.AST, cell: Cell, emptying: frozenset[str]) -> Block:
    """The innermost function around a node, or the file where it stands in none: read once for all that stand there."""
    line = getattr(node, "lineno", 0)
    around: ast.Module | syntax.Definition = cell.tree
    for function in cell.functions:
        if function.lineno <= line <= (function.end_lineno or 0):
            around = function
    known, key = cell.read_once(_blocks), (around, emptying)
    if key not in known:
        known[key] = Block(around.body, emptying)
    return known[key]


def _blocks(_: Cell) -> dict[tuple[ast.AST, frozenset[str]], Block]:
    return {}


def _held(body: Sequence[ast.stmt], path: _Path) -> Iterator[_Held]:
    """The statements of a block and of those in it, but for those of functions and classes."""
    for place, statement in enumerate(_in_a_row(body)):
        own = (*path, (id(body), place))
        yield _Held(statement, own)
        if isinstance(statement, (*_INNER, *_WITH)):
            continue
        for name in _BLOCKS:
            inner = getattr(statement, name, None)
            if not isinstance(inner, list):
                continue
            for block in [inner] if inner and isinstance(inner[0], ast.stmt) else [each.body for each in inner]:
                yield from _held(block, own)


def _in_a_row(body: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements of a block, and those in its `with` statements, which are run with them."""
    for statement in body:
        yield statement
        if isinstance(statement, _WITH):
            yield from _in_a_row(statement.body)


def _own(statement: ast.stmt) -> Iterator[ast.AST]:
    """The nodes of a statement but those of the statements in it."""
    stack: list[ast.AST] = [statement]
    while stack:
        node = stack.pop()
        yield node
        if isinstance(node, _INNER):
            continue
        stack += [each for each in syntax.children(node) if not isinstance(each, (ast.stmt, ast.excepthandler))]


def _names(value: ast.AST) -> list[str]:
    keys = (syntax.held(node) for node in syntax.descendants(value) if isinstance(getattr(node, "ctx", None), ast.Load))
    return list(dict.fromkeys(key for key in keys if key))


def _is_first(generator: ast.comprehension, made: ast.AST | None) -> bool:
    return getattr(made, "generators", [None])[0] is generator


def _line(held: _Held) -> int:
    return held.statement.lineno


def _precedes(one: _Held, other: _Held) -> bool:
    """Whether a statement is run before another one whenever that is: it stands before what that stands in."""
    block, place = one.path[-1]
    return any(block == each and place < at for each, at in other.path)
