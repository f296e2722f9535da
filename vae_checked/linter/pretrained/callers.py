"""Who calls a helper that decodes what it is given: its callers may bring the latents to the scale of the VAE."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator

from vae_checked.linter.files import syntax
from vae_checked.linter.pretrained.ends import Decoded
from vae_checked.linter.pretrained.vaes import is_named
from vae_checked.linter.symbols.values import Module

# What a function says that scales latents, before or in the call.
_SCALING = re.compile(r"scal|factor|latents?_(?:mean|std)|shift|normali|0\.\d{4,}")


class Callers:
    """The calls of a project, by the name of what is called; each name is looked for once."""

    def __init__(self, modules: Collection[Module]) -> None:
        self._modules = modules
        self._known: dict[tuple[str, str], bool] = {}

    def may_scale(self, end: Decoded) -> bool:
        """Whether a helper that decodes what it is given is called where something is scaled, in other code."""
        name, cls = end.where.function, end.where.cls
        if not name or not end.applied.is_identity:
            return False
        if (name, cls) not in self._known:
            self._known[name, cls] = any(_SCALING.search(text) for text in self._around(name, cls))
        return self._known[name, cls]

    def _around(self, name: str, cls: str) -> Iterator[str]:
        """The functions, and the lines outside of any, that call something by this name and are not of this class."""
        calls = re.compile(rf"\b{re.escape(name)}\(")
        for module in self._modules:
            for cell in module.file.cells:
                if calls.search(cell.text) is None:
                    continue
                for owner, node in _pieces(cell.tree):
                    if owner != cls and any(_is_call(each, name) for each in syntax.descendants(node)):
                        yield "\n".join(cell.lines[node.lineno - 1 : node.end_lineno])


def _pieces(tree: ast.Module) -> Iterator[tuple[str, ast.stmt]]:
    """Functions, methods with the name of their class, and statements that stand in none."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            yield from ((node.name, item) for item in node.body)
        else:
            yield "", node


def _is_call(node: ast.AST, name: str) -> bool:
    """Whether a node calls a helper of this name, and not a VAE."""
    if not isinstance(node, ast.Call):
        return False
    if isinstance(node.func, ast.Name):
        return node.func.id == name
    if not isinstance(node.func, ast.Attribute) or node.func.attr != name:
        return False
    return not is_named(syntax.last(node.func.value))
