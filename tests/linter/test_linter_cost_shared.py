"""What values share, and what evaluations hold, is gone through once: the work is counted, on every machine alike."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator, Mapping

import pytest

from vae_checked.linter.files import source
from vae_checked.linter.files.ast_budget import AstBudget
from vae_checked.linter.interpreter.project import Project
from vae_checked.linter.roles import latents
from vae_checked.linter.symbols.expression import Expr, atom, walk


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
