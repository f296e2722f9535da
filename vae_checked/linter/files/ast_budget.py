"""Parsed functions of which only as many are held as fit: the others are parsed again when they are run.

A parsed file takes some thirty times the memory of its text, and of a large package most of it is run once.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import SupportsIndex, overload

from vae_checked.linter.files import syntax
from vae_checked.linter.files.source import Cell, File, parsed

# The most text, in bytes, of which the functions are held as parsed.
MOST = 2_500_000


class FunctionBody(list[ast.stmt]):
    """The statements of a function, parsed again at the first look at them after they were let go.

    The places of the nodes are the same each time, the nodes are not.
    """

    __slots__ = ("_budget", "_cell", "_node", "held")

    def __init__(self, budget: AstBudget, cell: Cell, node: syntax.Definition) -> None:
        super().__init__(node.body)
        self._budget, self._cell, self._node = budget, cell, node
        self.held = True

    @property
    def size(self) -> int:
        """The bytes of the lines that it is written on, about."""
        return 40 * ((self._node.end_lineno or self._node.lineno) - self._node.lineno + 1)

    def let_go(self) -> None:
        """Hold no statements until somebody looks at them."""
        self.held = False
        super().clear()

    def _wanted(self) -> None:
        if self.held:
            return
        node = self._node
        lines = self._cell.lines[node.lineno - 1 : node.end_lineno]
        # What is indented stands in a block whose head is on the line before.
        above = "\n" * (node.lineno - 2) + "if 1:\n" if node.col_offset else "\n" * (node.lineno - 1)
        tree = parsed(f"{above}{chr(10).join(lines)}\n")
        block = tree.body[0]
        made = block.body[0] if isinstance(block, ast.If) else block
        assert isinstance(made, syntax.DEFINITIONS)  # noqa: S101  the same lines gave one before
        self.held = True
        super().extend(made.body)
        self._budget.note(self)

    def __iter__(self) -> Iterator[ast.stmt]:
        self._wanted()
        return super().__iter__()

    def __len__(self) -> int:
        self._wanted()
        return super().__len__()

    @overload
    def __getitem__(self, key: SupportsIndex) -> ast.stmt: ...
    @overload
    def __getitem__(self, key: slice) -> list[ast.stmt]: ...
    def __getitem__(self, key: SupportsIndex | slice) -> ast.stmt | list[ast.stmt]:
        self._wanted()
        return super().__getitem__(key)


class TopLevel(list[ast.stmt]):
    """The top level of a file that was run: parsed again by whoever reads it, and not held."""

    __slots__ = ("_cell", "_number")

    def __init__(self, cell: Cell) -> None:
        super().__init__()
        self._cell = cell
        self._number = len(cell.tree.body)

    def __iter__(self) -> Iterator[ast.stmt]:
        return iter(parsed(self._cell.text).body)

    def __len__(self) -> int:
        return self._number

    @overload
    def __getitem__(self, key: SupportsIndex) -> ast.stmt: ...
    @overload
    def __getitem__(self, key: slice) -> list[ast.stmt]: ...
    def __getitem__(self, key: SupportsIndex | slice) -> ast.stmt | list[ast.stmt]:
        return parsed(self._cell.text).body[key]


def let_go_of_top(file: File) -> None:
    """Hold no more of a file that was run than its definitions, which others have by name; a notebook is kept."""
    cell = file.cells[0]
    if len(file.cells) == 1 and cell.number is None and not isinstance(cell.tree.body, TopLevel):
        cell.tree.body = TopLevel(cell)


class AstBudget:
    """The functions of some files that are held as parsed."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._held: list[FunctionBody] = []
        self._size = 0

    def take(self, file: File) -> None:
        """Watch over the functions of a file; those of notebooks, whose cells are known by their nodes, are kept."""
        if len(file.cells) != 1 or file.cells[0].number is not None:
            return
        cell = file.cells[0]
        stack: list[ast.stmt] = list(cell.tree.body)
        while stack:
            node = stack.pop()
            if isinstance(node, syntax.DEFINITIONS):
                body = FunctionBody(self, cell, node)
                node.body = body
                self.note(body)
            elif isinstance(node, ast.ClassDef):
                stack += node.body

    def note(self, body: FunctionBody) -> None:
        """Count a function that is held from now on."""
        self._held.append(body)
        self._size += body.size

    def sweep(self, most: int | None = None) -> bool:
        """Let go of all functions where they are too many, or more than `most`; none of them may be running."""
        if self._size <= (self._most if most is None else most):
            return False
        for body in self._held:
            body.let_go()
        self._held.clear()
        self._size = 0
        return True
