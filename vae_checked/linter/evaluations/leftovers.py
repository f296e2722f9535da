"""Classes of data that no code of a project names, beside others of their file that code takes its data from."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import PurePath

from vae_checked.linter.files import syntax
from vae_checked.linter.files.source import Cell
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


# Where a name stands: the file, the number of the cell in it, and the line.
_Spot = tuple[PurePath, int | None, int]
_WORD = re.compile(r"\w+")


class Leftovers:
    """Which of the classes of data that a file has are left over from other code: nobody makes them, and others are."""

    def __init__(self, project: Project, joining: Mapping[PurePath, frozenset[tuple[str, ...]]]) -> None:
        """`joining` is what files import which are not evaluated."""
        self._project = project
        self._modules = {PurePath(module.path): module for module in project.modules.values()}
        self._joining = {path: {part for way in ways for part in way} for path, ways in joining.items()}
        self._known: dict[PurePath, Collection[_Lines]] = {}
        # By the names of all classes of data: the project is gone through once, however many files have some.
        self._spots: dict[str, list[_Spot]] | None = None

    def has(self, path: PurePath, site: Site) -> bool:
        """Whether what stands at `site` in a file is a part of such a class."""
        if path not in self._known:
            module = self._modules.get(path)
            self._known[path] = () if module is None else self._of(path, module)
        return any(lines.have(site.source.cell.number, site.place.line) for lines in self._known[path])

    def _of(self, path: PurePath, module: Module) -> Collection[_Lines]:
        classes = {each.node.name: _lines(each) for each in _of_data(module)}
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
        for other in self._modules.values():
            found |= other.file.imported
        for name, own in classes.items():
            spots = self._named_at().get(name, ())
            if any(where != path or not own.have(cell, line) for where, cell, line in spots):
                found.add(name)
        return found

    def _named_at(self) -> Mapping[str, list[_Spot]]:
        """Where the code of the project names a class of data."""
        if self._spots is None:
            self._spots = {each.node.name: [] for module in self._modules.values() for each in _of_data(module)}
            for where, module in self._modules.items():
                for cell in module.file.cells:
                    if self._spots.keys().isdisjoint(_WORD.findall(cell.text)):
                        # Most files name none: their trees, which may be let go by now, are not asked for.
                        continue
                    for name, line in _names(cell):
                        if name in self._spots:
                            self._spots[name].append((where, cell.number, line))
        return self._spots


def _of_data(module: Module) -> Iterator[Class]:
    """The classes of data that a file defines."""
    held = (each for each in module.scope.names.values() if isinstance(each, Class))
    return (each for each in held if each.scope.module is module and is_of_data(each))


def _names(cell: Cell) -> Iterator[tuple[str, int]]:
    """What the nodes of a cell name, each with its line; a tree that was let go is not held for it."""
    for node in syntax.descendants(cell.tree):
        if isinstance(node, (ast.Name, ast.Attribute, ast.Constant)):
            yield _name(node), node.lineno


def _lines(cls: Class) -> _Lines:
    node = cls.node
    return _Lines(cls.scope.module.source_of(node).cell.number, node.lineno, node.end_lineno or node.lineno)


def _name(node: ast.expr) -> str:
    """What a node names, as the last part of a text does; nothing where it is no name."""
    if isinstance(node, ast.Constant):
        return node.value.rpartition(".")[2] if isinstance(node.value, str) else ""
    return syntax.last(node)
