"""Whether a project brings a loss and a model together: some file speaks of both."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from vae_checked.linter.files import syntax
from vae_checked.linter.interpreter.project import Project
from vae_checked.linter.symbols.values import Module


def meet(project: Project, loss: str, of_loss: Module, subject: str, of_model: Module) -> bool:
    """Whether the file of a loss is that of a model, or a file names both the loss and what the model is examined as.

    Where none does, the loss may be left over from another model: what it needs of an output says nothing of this one.
    """
    if of_loss is of_model or loss in of_model.read_once(_spoken_of):
        return True
    name = subject.rpartition(":")[2].split(".")[0]
    return any({loss, name} <= module.read_once(_spoken_of) for module in list(project.modules.values()))


def _spoken_of(module: Module) -> frozenset[str]:
    """Every name that a file defines, imports, reads or writes as a text, in all of its cells."""
    return frozenset(name for cell in module.file.cells for node in cell.nodes for name in _names(node))


def _names(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Name):
        yield node.id
    elif isinstance(node, ast.Attribute):
        yield node.attr
    elif isinstance(node, ast.alias):
        yield node.name.rpartition(".")[2]
    elif isinstance(node, (*syntax.DEFINITIONS, ast.ClassDef)):
        yield node.name
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
