"""What one small file takes: its formulas are gone through in few calls, and what two questions share is read once."""

from __future__ import annotations

import ast
from collections import Counter

import pytest
from counted import calls_of
from hostile_code import module

from vae_checked.catalogue.support import names
from vae_checked.catalogue.support.reduced_as import reduced_as
from vae_checked.facts import KL, Fact, Facts, KLForm, Origin, Parametrisation
from vae_checked.linter import lint
from vae_checked.linter.files import source
from vae_checked.linter.roles import named_around, reductions
from vae_checked.linter.symbols.expression import Expr, Graph, Site, atom, const
from vae_checked.linter.symbols.numeric import Program


def summed(head: Expr, number: int) -> Expr:
    """A sum of a head and its exponentials, each times a number of its own."""
    total = head
    for place in range(number):
        term = Expr("exp", (head,)) if place % 2 else head
        total = Expr("add", (total, Expr("mul", (const(place + 2.0), term))))
    return total


def test_a_node_of_a_formula_takes_few_calls() -> None:
    head = atom("s")
    total = summed(head, 100)
    nodes = len(Graph([total]).nodes)
    assert nodes == 302
    # One that is pushed, popped and noted; before an operation a look at its arguments, and at what it computes.
    assert calls_of(lambda: Graph([total])) < 7 * nodes
    assert calls_of(lambda: Program(total, (head.uid,))) < 13 * nodes
    assert Program(total, (head.uid,))({head.uid: 1.0}) == pytest.approx(
        1 + sum((place + 2) * (2.718281828459045 if place % 2 else 1) for place in range(100))
    )


def test_arguments_stand_before_what_takes_them() -> None:
    head, other = atom("s"), atom("m")
    square, product = Expr("square", (other,)), Expr("mul", (head, other))
    total = Expr("add", (Expr("exp", (head,)), Expr("sub", (square, product))))
    graph = Graph([total, Expr("neg", (square,)), total])
    places = {node.uid: place for place, node in enumerate(graph.nodes)}
    assert len(places) == len(graph.nodes) == 8
    assert all(places[arg.uid] < places[node.uid] for node in graph.nodes for arg in node.args)


def test_what_a_node_does_is_read_once_for_all_ways_in_a_graph(monkeypatch: pytest.MonkeyPatch) -> None:
    read = Counter[tuple[int, int]]()
    steps = reductions._steps

    def counted(node: Expr, index: int) -> tuple[reductions.ChainStep, ...]:
        read[id(node), index] += 1
        return steps(node, index)

    monkeypatch.setattr(reductions, "_steps", counted)
    terms = [Expr("square", (atom(f"x{place}"),)) for place in range(6)]
    total = terms[0]
    for term in terms[1:]:
        total = Expr("add", (total, term))
    loss = Expr("mean", (Expr("mul", (const(3.0), total)),), (("axes", "all"),))
    graph = Graph([loss])
    said = [reductions.chains(loss, term.uid, graph) for term in terms]
    assert len({tuple(each) for each in said}) == 1
    assert len(said[0][0]) == 2
    assert set(read.values()) == {1}
    assert reductions.chains(loss, terms[0].uid) == said[0]


def test_how_a_line_is_reduced_is_asked_where_a_formula_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def counted(origin: Origin) -> names.ReducedAs:
        asked.append(origin)
        return reduced_as(origin)

    monkeypatch.setattr(names, "reduced_as", counted)
    form = KLForm(Parametrisation.LOGVAR)
    facts = Facts("model.py:VAE", kl=KL(form=Fact(form, Origin("-0.5 * torch.sum(1 + s - m ** 2 - s.exp())"))))
    called = names.names_of(facts)
    assert (called.mu, called.second, called.head) == ("mu", "logvar", "s")
    assert asked == []
    assert called.kl_formula == "-0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())"
    assert len(asked) == 1


def calls_for_names(number: int) -> int:
    """The calls that it takes to name what is around a value which is computed in so many lines of one method."""
    lines = "".join(f"        x = x + {place}\n" for place in range(number))
    text = f"class PriorNet:\n    def forward(self, x):\n{lines}        return x\n"
    cell = source.parse("prior.py", text.encode()).cells[0]
    value = atom("x")
    for node in cell.nodes:
        if isinstance(node, ast.BinOp):
            value = Expr("add", (value, atom("x")), (), Site(source.SourceCell("prior.py", cell), node))
    names: list[str] = []
    calls = calls_of(lambda: names.extend(named_around.names_around(value)))
    assert set(names) == {"forward", "priornet"}
    return calls


def test_the_classes_of_a_file_are_found_once_for_all_its_lines() -> None:
    assert calls_for_names(160) < 6 * calls_for_names(40)


def test_few_questions_go_through_all_nodes_of_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[source.Cell] = []
    whole = source.Cell.nodes.fget
    assert whole is not None

    def counted(cell: source.Cell) -> list[ast.AST]:
        asked.append(cell)
        return whole(cell)

    monkeypatch.setattr(source.Cell, "nodes", property(counted))
    report = lint(["model.py"], texts={"model.py": module()})
    assert [finding.code for finding in report.findings] == ["VAE201"]
    # Most ask for calls, names or classes, and these are found once.
    assert 0 < len(asked) <= 14


def test_the_nodes_of_a_class_are_those_of_the_tree_in_its_order() -> None:
    cell = source.parse("model.py", module().encode()).cells[0]
    for kind in {node.__class__ for node in cell.nodes}:
        assert cell.of(kind) == [node for node in ast.walk(cell.tree) if node.__class__ is kind]
    assert list(cell.of(ast.Global)) == []
    cell.let_go()
    assert len(cell.of(ast.ClassDef)) == 1
