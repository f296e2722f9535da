"""The link from a data pipeline to a model that stands in another function or file of the project."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePath

from vae_checked.facts import Fact, Interval
from vae_checked.linter.expression import TRANSPARENT, Expr, walk
from vae_checked.linter.project import Project
from vae_checked.linter.scenes import Scene, expressions
from vae_checked.linter.values import Pipeline

_AFFINE = frozenset(("add", "sub", "mul", "div", "neg"))
_RESCALING = _AFFINE | frozenset(("clamp", "round", "floor", "log", "sqrt", "pow", "where"))


class Pipelines:
    """Where the project's data lie, per file: what all pipelines agree on that are nearest to it.

    Pipelines of the same file are nearest, then those of its folder and what is below, then those of the folder around.
    Where they disagree, where one of them is not understood, or where code between loader and model rescales what it
    was given, the interval is unknown.
    """

    def __init__(self, project: Project, scenes: Iterable[Scene]) -> None:
        self._pipelines: list[tuple[PurePath, Pipeline]] = [
            (PurePath(pipeline.site.source.path), pipeline) for pipeline in project.interpreter.pipelines.values()
        ]
        self._rescaled = {
            PurePath(scene.module.path)
            for scene in scenes
            for root in scene.trace.roots
            if root.kind in ("assign", "expr")
            for expr in expressions(root.value)
            if _rescales_input(expr)
        }
        self._known: dict[PurePath, Fact[Interval] | None] = {}

    def interval_for(self, path: str) -> Fact[Interval] | None:
        """The interval of the data that a model in this file is given, with the step that settles it."""
        where = PurePath(path)
        if where not in self._known:
            self._known[where] = self._search(where)
        return self._known[where]

    def _search(self, where: PurePath) -> Fact[Interval] | None:
        if not self._pipelines:
            return None
        for level in (where, *where.parents):
            near = [pipeline for path, pipeline in self._pipelines if path == level or level in path.parents]
            if near:
                if any(path == level or level in path.parents for path in self._rescaled):
                    return None
                return _agreed(near)
        return None


def _agreed(near: list[Pipeline]) -> Fact[Interval] | None:
    first = near[0]
    if first.interval is None or any(pipeline.interval != first.interval for pipeline in near):
        return None
    return Fact(first.interval, first.site.origin)


def is_given(expr: Expr) -> bool:
    """Whether a value is something that came from outside, only reshaped, moved or cast."""
    while (expr.op in TRANSPARENT or expr.op in ("item", "move", "attribute", "call")) and expr.args:
        if expr.op == "call" and expr.get("name") not in ("to", "cuda"):
            return False
        expr = expr.args[0]
    return expr.op in ("atom", "batch", "data")


def _rescales_input(expr: Expr) -> bool:
    """Whether a value is an input put on another scale by constants: `x * 2 - 1`."""
    if expr.op not in _RESCALING or not expr.args:
        return False
    leaf = [node for node in walk(expr) if node.op not in _RESCALING and node.op not in TRANSPARENT]
    rest = [node for node in leaf if node.op != "const"]
    if expr.op in _AFFINE and any(arg.op == "const" for arg in expr.args):
        return bool(rest) and all(node.op in ("item", "batch", "data", "atom") for node in rest) and _from_loader(rest)
    return False


def _from_loader(nodes: Iterable[Expr]) -> bool:
    return any(
        node.op in ("batch", "data") or (node.op == "item" and node.get("index") in (0, "any")) for node in nodes
    )
