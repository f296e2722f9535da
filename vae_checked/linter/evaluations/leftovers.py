"""Classes of data that no code of a project names, beside others of their file that code takes its data from."""

from __future__ import annotations

import ast
from collections.abc import Collection, Mapping
from pathlib import PurePath

from vae_checked.linter.files import syntax
from vae_checked.linter.interpreter.project import Project
from vae_checked.linter.symbols.drawing import is_of_data
from vae_checked.linter.symbols.expression import Site
from vae_checked.linter.symbols.values import Class, Module
from vae_checked.record import dataclass


@dataclass(frozen=True, slots=True)
class _Lines:
    """Where a class stands: the nodes of a function that is parsed again are others at the same place."""

    cell: int | None
    first: int
    last: int

    def have(self, cell: int | None, line: int) -> bool:
        return self.cell == cell and self.first <= line <= self.last


class Leftovers:
    """Which of the classes of data that a file has are left over from other code: nobody makes them, and others are."""

    def __init__(self, project: Project, joining: Mapping[PurePath, frozenset[str]]) -> None:
        """`joining` are the names that files import which are not evaluated."""
        self._project = project
        self._modules = {PurePath(module.path): module for module in project.modules.values()}
        self._joining = joining
        self._known: dict[PurePath, Collection[_Lines]] = {}

    def has(self, path: PurePath, site: Site) -> bool:
        """Whether what stands at `site` in a file is a part of such a class."""
        if path not in self._known:
            module = self._modules.get(path)
            self._known[path] = () if module is None else self._of(path, module)
        return any(lines.have(site.source.cell.number, site.place.line) for lines in self._known[path])

    def _of(self, path: PurePath, module: Module) -> Collection[_Lines]:
        held = (each for each in module.scope.names.values() if isinstance(each, Class))
        classes = {each.node.name: _lines(each) for each in held if each.scope.module is module and is_of_data(each)}
        if len(classes) <= 1:
            return ()
        if any(
            path.stem in names and ("*" in names or classes.keys().isdisjoint(names))
            for names in self._joining.values()
        ):
            # What a file asks of this one that is not read further is not known.
            return ()
        named = self._named(path, module, classes)
        # What decorates a class may keep it under another name.
        kept = {each.name for each in module.file.of(ast.ClassDef) if each.decorator_list}
        unused = [lines for name, lines in classes.items() if name not in named | kept]
        # Where a class of none is named from elsewhere, who makes them is not seen: a notebook, or a person.
        return unused if len(unused) < len(classes) else ()

    def _named(self, path: PurePath, module: Module, classes: Mapping[str, _Lines]) -> set[str]:
        """Those of some classes that code or settings of the project name, anywhere but in the class of that name."""
        found = {name for names in self._joining.values() for name in names}
        found.update(
            text.rpartition(".")[2] for file in self._project.configurations(module) for _, text in file.choices
        )
        for where, other in self._modules.items():
            found |= other.file.imported
            for cell in other.file.cells:
                for node in (*cell.of(ast.Name), *cell.of(ast.Attribute), *cell.of(ast.Constant)):
                    name = _name(node)
                    own = classes.get(name)
                    if own is not None and not (where == path and own.have(cell.number, node.lineno)):
                        found.add(name)
        return found


def _lines(cls: Class) -> _Lines:
    node = cls.node
    return _Lines(cls.scope.module.source_of(node).cell.number, node.lineno, node.end_lineno or node.lineno)


def _name(node: ast.expr) -> str:
    """What a node names, as the last part of a text does; nothing where it is no name."""
    if isinstance(node, ast.Constant):
        return node.value.rpartition(".")[2] if isinstance(node.value, str) else ""
    return syntax.last(node)
