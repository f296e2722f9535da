"""Classes of data that no code of a project names, beside others of their file that code takes its data from."""

from __future__ import annotations

import ast
from collections.abc import Collection, Mapping
from pathlib import PurePath

from vae_checked.linter.files import syntax
from vae_checked.linter.interpreter.project import Project
from vae_checked.linter.symbols.expression import Site
from vae_checked.linter.symbols.values import Module

_OF_DATA = ("Dataset", "DataModule")


class Leftovers:
    """Which of the classes of data that a file has are left over from other code: nobody makes them, and others are."""

    def __init__(self, project: Project, joining: Mapping[PurePath, frozenset[str]]) -> None:
        """`joining` are the names that files import which are not evaluated."""
        self._modules = {PurePath(module.path): module for module in project.modules.values()}
        self._joining = joining
        self._known: dict[PurePath, Collection[ast.ClassDef]] = {}

    def has(self, path: PurePath, site: Site) -> bool:
        """Whether what stands at `site` in a file is a part of such a class."""
        if path not in self._known:
            module = self._modules.get(path)
            self._known[path] = () if module is None else self._of(path, module)
        return any(site.node in set(ast.walk(each)) for each in self._known[path])

    def _of(self, path: PurePath, module: Module) -> Collection[ast.ClassDef]:
        classes = [each for each in module.file.of(ast.ClassDef) if _is_of_data(each)]
        if len(classes) <= 1:
            return ()
        named, own = self._named(path), {each.name for each in classes}
        if any(path.stem in names and ("*" in names or own.isdisjoint(names)) for names in self._joining.values()):
            # What a file asks of this one that is not read further is not known.
            return ()
        unused = [each for each in classes if each.name not in named]
        # Where a class of none is named from elsewhere, who makes them is not seen: a notebook, or a person.
        return unused if len(unused) < len(classes) else ()

    def _named(self, path: PurePath) -> set[str]:
        """The names that code of the project has, or imports, anywhere but in the class of that name."""
        found = {name for names in self._joining.values() for name in names}
        for where, module in self._modules.items():
            found |= module.file.imported
            own = {id(node): each.name for each in module.file.of(ast.ClassDef) for node in ast.walk(each)}
            for node in (*module.file.of(ast.Name), *module.file.of(ast.Attribute), *module.file.of(ast.Constant)):
                name = node.id if isinstance(node, ast.Name) else getattr(node, "attr", getattr(node, "value", None))
                if isinstance(name, str) and (where != path or own.get(id(node)) != name):
                    found.add(name.rpartition(".")[2])
        return found


def _is_of_data(node: ast.ClassDef) -> bool:
    """Whether a class is one of data, by its bases or as its items are asked of it."""
    bases = (base.attr if isinstance(base, ast.Attribute) else getattr(base, "id", "") for base in node.bases)
    if any(base.endswith(_OF_DATA) for base in bases):
        return True
    return any(isinstance(each, ast.FunctionDef) and each.name == "__getitem__" for each in syntax.statements(node))
