"""No observer speaks of an operation that has no record: every table and comparison of operations is looked through."""

from __future__ import annotations

import ast
from functools import cached_property
from pathlib import Path

import pytest

import vae_checked
from vae_checked.auditor.recognition import classes, join
from vae_checked.auditor.recording import randomness
from vae_checked.mathematics.ops import OPERATIONS, aten

PACKAGE = Path(vae_checked.__file__).parent


class Room:
    """The modules of a room: their tables of words by name, and what they compare an operation's name with."""

    def __init__(self, trees: dict[str, ast.Module], asked: tuple[str, ...]) -> None:
        self.trees = trees
        self.asked = asked
        self.tables: dict[tuple[str, str], list[str]] = {}
        for path, tree in trees.items():
            for node in tree.body:
                targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
                value = getattr(node, "value", None)
                if isinstance(targets[0], ast.Name) and isinstance(value, ast.expr):
                    self.tables[path, targets[0].id] = self.words(value, path)

    def table(self, name: str, path: str) -> list[str]:
        """The words of a table of this module, or of the one that it is imported from."""
        named = [words for (home, each), words in self.tables.items() if each == name and home != path]
        return self.tables.get((path, name), [word for words in named for word in words])

    def words(self, node: ast.expr, path: str) -> list[str]:
        """The words that an expression is made of: a text, a tuple, a set, a text that is split, a named table."""
        match node:
            case ast.Constant(value=str(text)):
                return [text]
            case ast.Tuple(elts=items) | ast.List(elts=items) | ast.Set(elts=items):
                return [word for item in items for word in self.words(item, path)]
            case ast.Starred(value=value):
                return self.words(value, path)
            case ast.Dict(keys=keys):
                return [word for key in keys if key is not None for word in self.words(key, path)]
            case ast.Name(id=name):
                return self.table(name, path)
            case ast.BinOp(left=left, right=right):
                return [*self.words(left, path), *self.words(right, path)]
            case ast.Call(func=ast.Attribute(value=value, attr="split")):
                return [word for text in self.words(value, path) for word in text.split()]
            case ast.Call(func=ast.Name(id="names_in"), args=args):
                return [word for arg in args for text in self.words(arg, path) for word in text.split()]
            case ast.Call(func=ast.Name(id="frozenset" | "set" | "tuple"), args=args):
                return [word for arg in args for word in self.words(arg, path)]
            case _:
                return []

    @cached_property
    def compared(self) -> list[tuple[str, str]]:
        """Every word that an operation's name is compared with, and where."""
        return [
            (word, f"{path}:{node.lineno}")
            for path, tree in self.trees.items()
            for node in ast.walk(tree)
            # No name and no constant ends so, which are the most: to write an expression out takes long.
            if isinstance(node, ast.Compare) and not isinstance(node.left, (ast.Name, ast.Constant))
            if ast.unparse(node.left).endswith(self.asked)
            for word in self.words(node.comparators[0], path)
        ]

    def made(self) -> set[str]:
        """The names that expressions are built with."""
        return {
            word
            for path, tree in self.trees.items()
            for node in ast.walk(tree)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Expr" and node.args
            for part in ast.walk(node.args[0])
            if isinstance(part, ast.Constant)
            for word in self.words(part, path)
        }


def room(name: str, asked: tuple[str, ...]) -> Room:
    paths = sorted((PACKAGE / name).rglob("*.py"))
    return Room({str(path.relative_to(PACKAGE)): ast.parse(path.read_text(encoding="utf-8")) for path in paths}, asked)


def strangers_to_the_linter(linter: Room) -> list[str]:
    """What the linter asks expressions about and neither has a record nor is ever built."""
    made = linter.made()
    return [f"{where}: {word}" for word, where in linter.compared if word not in OPERATIONS and word not in made]


def strangers_to_the_auditor(auditor: Room) -> list[str]:
    """What the auditor asks steps about and is no operation with a record, no draw, no loss and no question."""
    known = {*randomness._FAMILIES, *join._LOSSES, *classes.CROSS_ENTROPIES, *QUESTIONS}
    return [f"{where}: {word}" for word, where in auditor.compared if aten(word) is None and word not in known]


# What a step is asked for that makes no number of its own: comparisons, and the fused forms of what is decomposed.
QUESTIONS = frozenset(
    "ne eq gt lt ge le argmin argmax isnan isfinite isinf native_dropout miopen_batch_norm cudnn_convolution".split()
)


def test_the_linters_tables_name_operations_that_have_a_record() -> None:
    linter = room("linter", (".op",))
    assert len(linter.compared) > 300
    assert strangers_to_the_linter(linter) == []


def test_the_auditors_tables_name_operations_that_have_a_record() -> None:
    auditor = room("auditor", ("step.name", "step.name.rstrip('_')"))
    assert len(auditor.compared) > 10
    assert strangers_to_the_auditor(auditor) == []


@pytest.mark.parametrize(
    "source",
    [
        'node.op == "sofplus"',
        'node.op in ("exp", "sofplus")',
        'TABLE = frozenset("exp sofplus".split())\nnode.op in TABLE',
        'TABLE = {"exp", "sofplus"}\nexpr.op not in TABLE | {"log"}',
    ],
)
def test_a_name_without_a_record_is_seen(source: str) -> None:
    found = strangers_to_the_linter(Room({"roles/new.py": ast.parse(source)}, (".op",)))
    assert [line.rpartition(" ")[2] for line in found] == ["sofplus"]


def test_a_step_without_a_record_is_seen() -> None:
    source = ast.parse('step.name in ("softplus", "sofplus")')
    assert strangers_to_the_auditor(Room({"measure/new.py": source}, ("step.name",))) == ["measure/new.py:1: sofplus"]
