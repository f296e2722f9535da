"""What values share, and what evaluations hold, is gone through once: the work is counted, on every machine alike."""

from __future__ import annotations

import ast
import gc
import subprocess
import sys
import weakref
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from counted import calls_of
from hostile_code import module

from vae_checked.catalogue import find
from vae_checked.facts import NoiseLaw
from vae_checked.linter import lint
from vae_checked.linter.evaluations.evaluation import Evaluation
from vae_checked.linter.files import overwritten as files_overwritten
from vae_checked.linter.files import source, syntax
from vae_checked.linter.files.ast_budget import AstBudget
from vae_checked.linter.files.overwritten import Written
from vae_checked.linter.interpreter import interpreter, trainers
from vae_checked.linter.interpreter.project import Project
from vae_checked.linter.roles import densities_apart, divergences, latents, reader, samplers, ways
from vae_checked.linter.symbols.expression import (
    NOISE,
    Expr,
    Graph,
    atom,
    const,
    contains,
    opaque,
    standing_in,
    walk,
)
from vae_checked.linter.symbols.shared_tables import SharedTables
from vae_checked.linter.symbols.values import Value


def test_what_chained_draws_share_is_walked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    walked: list[Expr] = []

    def counted(*exprs: Expr) -> Iterator[Expr]:
        for node in walk(*exprs):
            walked.append(node)
            yield node

    monkeypatch.setattr(latents, "walk", counted)
    head = atom("x")
    for serial in range(60):
        eps = Expr("noise", (head,), (("law", None), ("serial", serial)))
        head = Expr("add", (Expr("mul", (Expr("exp", (head,)), eps)), head))
    assert not latents._is_made(head)
    assert 60 <= len(walked) == len({node.uid for node in walked})


class Scope:
    """What holds itself, as a scope and the functions in it do."""

    def __init__(self) -> None:
        self.itself = self


def test_making_room_goes_through_what_is_new_alone() -> None:
    file, ast_budget = source.parse("model.py", "def step(x):\n    return x\n"), AstBudget(0)
    project = Project(ast_budget=ast_budget)
    project.add(file)
    collected: list[int] = []

    def note(phase: str, info: Mapping[str, int]) -> None:
        if phase == "start":
            collected.append(info["generation"])

    enabled = gc.isenabled()
    gc.disable()
    gc.callbacks.append(note)
    try:
        for _ in range(3):
            ast_budget.take(file)
            scope = weakref.ref(Scope())
            assert scope() is not None
            project.sweep()
            assert scope() is None
    finally:
        gc.callbacks.remove(note)
        if enabled:
            gc.enable()
    assert collected == [0, 0, 0]


def products_and_samples(number: int) -> Graph:
    """Samples with a width that is positive on purpose, beside 900 products and sums of logarithms."""
    values = []
    for serial in range(number):
        eps = Expr("noise", (), (("law", NoiseLaw.STANDARD_NORMAL), ("serial", serial)))
        location, second = (Expr("layer", (atom(f"{name}{serial}"),)) for name in ("x", "y"))
        values.append(Expr("add", (location, Expr("mul", (Expr("exp", (second,)), eps)))))
    for place in range(900):
        product = Expr("matmul", (atom(f"a{place}"), atom(f"b{place}")))
        values.append(Expr("add", (Expr("log", (product,)), atom(f"c{place}"))))
    return Graph(values)


def test_what_stands_beside_many_samplers_is_gone_through_once() -> None:
    def calls(number: int) -> int:
        graph = products_and_samples(number)
        sites = samplers.find(graph)
        assert len(sites) == number

        def read() -> None:
            assert not any(latents.is_posterior(site, [], graph, {}) for site in sites)
            assert not densities_apart.put_together(graph, sites, lambda term, site: False)

        return calls_of(read)

    calls(3)
    # Per sampler what is its own: fewer calls than there are products.
    assert calls(43) - calls(3) < 40 * 800


def penalty(number: int) -> Expr:
    """What has all that a KL is made of and is none, of values that are reshaped and summed in a way of their own."""
    given, other = atom(f"given{number}"), atom(f"other{number}")
    viewed = Expr("view", (given,), (("sizes", (number, 5)),))
    summed = Expr("sum", (Expr("mul", (viewed, Expr("add", (other, const(0.7319))))),), (("axes", (number,)),))
    return Expr("add", (summed, Expr("exp", (other,))))


def test_a_formula_is_no_kl_whatever_it_is_reshaped_to() -> None:
    first, again = (Graph([penalty(number)]) for number in (3, 7))
    asked = calls_of(lambda: divergences.find(first))
    assert calls_of(lambda: divergences.find(again)) < asked / 5


def test_nodes_that_stand_in_another_are_found_as_one_by_one() -> None:
    x, y, w = atom("x"), atom("y"), atom("w")
    near, late = Expr("exp", (x,)), Expr("mul", (y, Expr("neg", (x,))))
    top = Expr("add", (near, Expr("sub", (late, y))))
    asked = {node.uid for node in (x, w, near, late, top)}
    assert standing_in(top, asked) == {uid for uid in asked if contains(top, uid)} == asked - {w.uid}
    assert standing_in(near, {late.uid}) == standing_in(top, set()) == set()


def test_a_run_of_lint_leaves_what_it_made_to_the_system(tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text(find("VAE201").bad, encoding="utf-8")
    run = "import gc; from vae_checked.cli import main; main(); print(gc.isenabled(), gc.get_freeze_count() > 0)"
    ended = subprocess.run(
        [sys.executable, "-c", run, "lint", "--no-cache", "--format", "github", str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert ended.stdout.splitlines()[-1] == "False True"


def test_a_project_is_let_go_before_the_next_though_the_collector_is_off(tmp_path: Path) -> None:
    for name in ("one", "other", "third"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "pyproject.toml").write_text("[project]\n", encoding="utf-8")
        (tmp_path / name / "model.py").write_text(find("VAE201").bad, encoding="utf-8")
    collected: list[int] = []

    def note(phase: str, info: Mapping[str, int]) -> None:
        if phase == "start":
            collected.append(info["generation"])

    enabled = gc.isenabled()
    gc.disable()
    gc.callbacks.append(note)
    try:
        report = lint([tmp_path])
    finally:
        gc.callbacks.remove(note)
        if enabled:
            gc.enable()
    assert len(report.findings) == 3
    assert collected == [1, 1]


def test_a_long_chain_of_branches_takes_no_more_for_each(tmp_path: Path) -> None:
    def calls(length: int) -> int:
        chain = "".join(f"elif pick({place}):\n    y = x + {place}\n" for place in range(length))
        (tmp_path / "model.py").write_text(module(in_loss=f"if pick(x):\n    y = x\n{chain}"), encoding="utf-8")
        return calls_of(lambda: lint([tmp_path]))

    calls(3)
    assert calls(200) < 5 * calls(50)


PARTS_OF_AN_UNKNOWN_NETWORK = """
import torch

class Step:
    def __init__(self, net, is_wide):
        self.net = net
        self.layer = torch.nn.Linear(8, 8)
        self.is_wide = is_wide

    def step(self, x):
        h = self.layer(torch.exp(x) * x + 1)
        if self.is_wide:
            h = h * 2
        out = self.net(h)
        one, other = out[0], out[1]
        loss = LOSS
        loss.backward()
"""


@pytest.mark.parametrize(
    ("loss", "is_looked_at"),
    [
        ("(one - 2 * other).sum()", False),
        ("-0.5 * (1 + other - one ** 2 - other.exp()).sum()", True),
        ("-0.5 * (1 + other - one ** 2 - (other if self.is_wide else one).exp()).sum()", True),
    ],
)
def test_only_what_may_be_a_kl_of_unknown_parts_is_taken_apart(
    loss: str, is_looked_at: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Evaluation] = []

    def most_conditions(evaluation: Evaluation) -> int:
        asked.append(evaluation)
        return ways.most_conditions(evaluation)

    monkeypatch.setattr(reader, "ways", SimpleNamespace(most_conditions=most_conditions))
    (tmp_path / "step.py").write_text(PARTS_OF_AN_UNKNOWN_NETWORK.replace("LOSS", loss), encoding="utf-8")
    lint([tmp_path])
    assert bool(asked) is is_looked_at


def test_what_code_is_asked_each_time_that_it_is_run_is_read_once() -> None:
    loop = ast.parse("for x in loader:\n" + "    y = model(x) + 1\n" * 200).body[0]
    for asked in (syntax.trains, trainers.differentiates):
        first = calls_of(lambda ask=asked: ask(loop))
        assert first > 50 * calls_of(lambda ask=asked: ask(loop))
        assert not asked(loop)
    assert syntax.trains(ast.parse("for x in loader:\n    optimizer.step()").body[0])
    assert trainers.differentiates(ast.parse("def step(x):\n    model(x).backward()").body[0])


def test_what_functions_write_over_is_read_once_however_many_are_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[ast.AST] = []

    def overwritten(function: ast.AST) -> frozenset[Written]:
        read.append(function)
        return files_overwritten.overwritten(function)

    monkeypatch.setattr(interpreter, "overwritten", overwritten)
    functions = "".join(
        f"def f{place}(x):\n    y = torch.randn_like(x) * torch.exp(x)\n    return y\n" for place in range(600)
    )
    calls = "".join(f"f{place}(rows)\n" for place in range(600))
    text = f"import torch\n{functions}rows = torch.load('rows')\n{calls}{calls}"
    (tmp_path / "functions.py").write_text(text, encoding="utf-8")
    lint([tmp_path])
    assert len(read) == len(set(read)) >= 600


def test_a_table_that_did_not_change_is_not_looked_into() -> None:
    tables, table = SharedTables(), dict[Any, Value]({place: float(place) for place in range(170)})
    kept = list[Value]([1.0, 2.0])
    for _ in range(13):
        # Each file that imports them has them by its names as well.
        tables.note([table, kept], objects=False)
    # Two containers, each compared as a whole.
    assert calls_of(tables.forget) < 30
    drawn = opaque("call", (), None)
    drawn.bits |= NOISE
    table["loss"] = table[3] = drawn
    kept.append(drawn)
    tables.forget()
    assert table == {place: float(place) for place in range(170)}
    assert kept == [1.0, 2.0]
