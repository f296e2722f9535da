"""Functions that are let go and parsed again: the same statements at the same places, and the same facts."""

from __future__ import annotations

import ast
import json.decoder
import statistics
import sys
from pathlib import Path

import pytest

import vae_checked.linter.interpreter.calls
import vae_checked.linter.roles.divergences
from vae_checked.catalogue import find
from vae_checked.facts import Facts
from vae_checked.linter.evaluations import leftovers
from vae_checked.linter.evaluations.plan import Plan
from vae_checked.linter.files import source, syntax
from vae_checked.linter.files.ast_budget import AstBudget, TopLevel, let_go_of_top
from vae_checked.linter.interpreter.project import Project
from vae_checked.linter.roles import cut_losses, reader
from vae_checked.linter.roles.across import Across
from vae_checked.linter.roles.assemble import facts_of

ODD = '''
class Outer:
    x = 1
    class Inner:
        @staticmethod
        async def late(a, b=(1,
                             2)): return """text
at the margin
""", a
        def one(self): pass; return "é" + self.x

    if x:
        def hidden(self): return 7


@deco(
    1)
def last(): return [
  y for y in range(3)]
'''


def taken(text: str, most: int) -> tuple[source.File, AstBudget]:
    file, ast_budget = source.parse("model.py", text), AstBudget(most)
    ast_budget.take(file)
    return file, ast_budget


# From Python 3.13 on lists that equal an empty one are left out, and what was let go does.
WHOLE = {"show_empty": True} if sys.version_info >= (3, 13) else {}


def dumped(file: source.File) -> str:
    return ast.dump(file.cells[0].tree, include_attributes=True, **WHOLE)


@pytest.mark.parametrize(
    "text",
    [
        ODD,
        ODD.replace("    ", "\t").replace("\n", "\r\n"),
        *(
            Path(str(module.__file__)).read_text(encoding="utf-8")
            for module in (
                vae_checked.linter.interpreter.calls,
                vae_checked.linter.roles.divergences,
                json.decoder,
                statistics,
            )
        ),
    ],
)
def test_what_is_parsed_again_is_the_same(text: str) -> None:
    file, ast_budget = taken(text, 0)
    before = dumped(source.parse("model.py", text))
    for _ in range(2):
        function = next(node for node in reversed(file.cells[0].tree.body) if isinstance(node, ast.FunctionDef))
        first = function.body[0]
        assert function.body[0] is first
        assert ast_budget.sweep()
        assert not ast_budget.sweep()
        assert function.body[0] is not first
        assert dumped(file) == before


def test_the_nodes_of_what_was_let_go_are_listed() -> None:
    file, ast_budget = taken(ODD, 0)
    tree = file.cells[0].tree
    for again in (False, True):
        if again:
            let_go_of_top(file)
        ast_budget.sweep()
        listed = [ast.dump(node, **WHOLE) for node in syntax.descendants(tree)]
        named = [node for node in ast.walk(ast.parse(ODD)) if not isinstance(node, ast.expr_context)]
        assert listed == [ast.dump(node, **WHOLE) for node in named]


def test_what_fits_is_kept() -> None:
    file, ast_budget = taken(ODD, 10_000)
    function = file.cells[0].tree.body[-1]
    assert isinstance(function, ast.FunctionDef)
    first = function.body[0]
    assert not ast_budget.sweep()
    assert function.body[0] is first


def test_the_top_level_of_a_file_is_parsed_again_the_same() -> None:
    file, _ = taken(ODD, 0)
    before = dumped(source.parse("model.py", ODD))
    held = file.cells[0].tree.body[0]
    let_go_of_top(file)
    body = file.cells[0].tree.body
    assert body[0] is not held
    assert body[0] is not body[0]
    assert len(body) == 2
    assert dumped(file) == before


def test_the_nodes_listed_of_a_file_are_those_that_it_holds() -> None:
    file, ast_budget = taken(ODD, 0)
    project = Project(ast_budget=ast_budget)
    cell = project.add(file).file.cells[0]
    function = cell.tree.body[-1]
    assert isinstance(function, ast.FunctionDef)
    first = function.body[0]
    listed = cell.nodes
    assert any(node is first for node in listed)
    assert cell.nodes is listed
    assert [node.name for node in cell.functions] == ["last", "late", "one", "hidden"]
    project.sweep()
    again = function.body[0]
    assert again is not first
    assert any(node is again for node in cell.nodes)
    assert not any(node is first for node in cell.nodes)


def test_the_cells_of_a_notebook_are_kept() -> None:
    cells = [{"cell_type": "code", "source": "def one():\n    return 1\n"}] * 2
    file, ast_budget = source.parse("model.ipynb", json.dumps({"cells": cells})), AstBudget(0)
    ast_budget.take(file)
    let_go_of_top(file)
    assert not ast_budget.sweep()
    assert all(type(cell.tree.body[0].body) is list for cell in file.cells)  # type: ignore[attr-defined]  # both are functions


def test_what_is_asked_of_all_files_at_the_end_holds_no_tree() -> None:
    text = "".join(f"def step{place}(loss):\n    loss.detach().sum().backward()\n" for place in range(13))
    file, ast_budget = taken(text, 0)
    assert ast_budget.sweep()
    let_go_of_top(file)
    cell = file.cells[0]
    assert cut_losses._differentiates_a_number(cell)
    assert {name for name, _ in leftovers._names(cell)} == {"loss", "detach", "sum", "backward"}
    assert not ast_budget.sweep()
    assert not cell._nodes


def facts_with(text: str, most: int) -> list[Facts]:
    file, ast_budget = taken(text, most)
    project, found = Project(ast_budget=ast_budget), list[Facts]()
    for evaluation in Plan(project, reader).evaluations([project.add(file)]):
        found += facts_of(evaluation, Across(project.observed))
        project.sweep()
    assert isinstance(file.cells[0].tree.body, TopLevel) is (most == 0)
    return found


@pytest.mark.parametrize("code", ["VAE201", "VAE301", "VAE401", "VAE505", "VAE601"])
def test_the_facts_are_the_same(code: str) -> None:
    text = find(code).bad
    found = facts_with(text, 0)
    assert found
    assert found == facts_with(text, 10**9)


def test_what_files_import_is_known_of_trees_that_were_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "import torch.nn as nn\n\n\ndef late():\n    if nn:\n        from .data import Set, sizes\n    return Set\n"
    file, ast_budget = taken(text, 0)
    ast_budget.sweep()
    let_go_of_top(file)
    parsed: list[str] = []
    monkeypatch.setattr(ast, "parse", parsed.append)
    assert file.imported == {"torch", "nn", "data", "Set", "sizes"}
    assert not parsed
