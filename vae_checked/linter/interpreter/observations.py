"""What one evaluation saw, and the functions that it is in."""

from __future__ import annotations

import ast

from vae_checked.linter.files.source import Source
from vae_checked.linter.interpreter.values import Function, Instance, Scope, Value
from vae_checked.linter.symbols.expression import Expr, Site
from vae_checked.record import dataclass, field


@dataclass(slots=True)
class Root:
    """A value at the edge of a statement: assigned to `name`, returned, passed to backward(), or dropped."""

    value: Value
    kind: str
    name: str
    site: Site
    function: Function | None
    depth: int


@dataclass(slots=True)
class Frame:
    """One function that is being run, or the top level of a module."""

    function: Function | None
    scope: Scope
    source: Source
    node: ast.AST | None = None


@dataclass(slots=True)
class Observations:
    """What one evaluation saw: every root, the functions that it entered, and the names that values went by.

    `fed` are layers that were applied to data, before anything but their scale and layout was changed.
    """

    roots: list[Root] = field(default_factory=list)
    entered: set[int] = field(default_factory=set)
    names: dict[int, list[str]] = field(default_factory=dict)
    called_instances: list[tuple[Instance, list[Value], Value]] = field(default_factory=list)
    fed: list[Expr] = field(default_factory=list)
