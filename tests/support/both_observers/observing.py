"""Runs both observers on one program: the linter reads its files, the auditor builds its model from the same text."""

from __future__ import annotations

import ast
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any

import torch

from vae_checked.auditor import AuditReport, audit
from vae_checked.catalogue import CATALOGUE
from vae_checked.linter import LintReport, lint

Modules = Mapping[str, ModuleType]
_ALL = [mistake.code for mistake in CATALOGUE]


@dataclass(frozen=True)
class Subject:
    """What the auditor takes: the model that a program builds, its loss and its data."""

    model: torch.nn.Module
    inputs: str
    loss: Any = None
    data_range: tuple[float, float] = (0.0, 1.0)


@dataclass(frozen=True)
class Program:
    """A VAE as text; `build` makes of the executed modules, by name, what is audited.

    `named` are the codes that its audit names, and `beside` those that it may name besides; None where others say that.
    """

    name: str
    files: Mapping[str, str]
    build: Callable[[Modules], Subject]
    named: frozenset[str] | None = None
    beside: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Seen:
    """One program as both observers saw it."""

    program: Program
    read: LintReport
    measured: AuditReport


def observe(program: Program) -> Seen:
    """Read the program and audit it."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        for path, text in program.files.items():
            (folder / path).write_text(text, encoding="utf-8")
        read = lint([folder], select=_ALL)
        with executed(folder, program.files) as modules:
            torch.manual_seed(5)
            subject = program.build(modules)
            measured = audit(subject.model, subject.inputs, subject.loss, data_range=subject.data_range)
    return Seen(program, read, measured)


@contextmanager
def executed(folder: Path, files: Mapping[str, str]) -> Iterator[Modules]:
    """The modules that the files define, by name, importable by each other meanwhile."""
    modules: dict[str, ModuleType] = {}
    try:
        for path, text in files.items():
            name = Path(path).stem
            module = ModuleType(name)
            modules[name] = sys.modules[name] = module
            code = _definitions(text) if path.endswith(".ipynb") else text
            exec(compile(code, str(folder / path), "exec"), vars(module))  # noqa: S102  the tests' own text
        yield modules
    finally:
        for name in modules:
            sys.modules.pop(name, None)


def _definitions(notebook: str) -> str:
    """The imports, classes and functions of a notebook: what its last cells do with data is left out."""
    cells = ["".join(cell["source"]) for cell in json.loads(notebook)["cells"] if cell["cell_type"] == "code"]
    lines = [line for cell in cells for line in cell.splitlines() if not line.startswith("%")]
    tree = ast.parse("\n".join(lines))
    kept = (ast.Import, ast.ImportFrom, ast.ClassDef, ast.FunctionDef)
    return ast.unparse(ast.Module([node for node in tree.body if isinstance(node, kept)], []))
