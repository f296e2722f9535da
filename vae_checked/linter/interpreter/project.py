"""Step 2: the files as one project: modules, imports between them, classes and the functions that nobody calls."""

from __future__ import annotations

import ast
import gc
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from vae_checked.linter.files import source as reading
from vae_checked.linter.files.ast_budget import AstBudget, let_go_of_top
from vae_checked.linter.files.disk import Disk
from vae_checked.linter.files.source import File, Source
from vae_checked.linter.interpreter.interpreter import MAX_STEPS, Interpreter
from vae_checked.linter.interpreter.observations import Observations
from vae_checked.linter.interpreter.values import (
    Class,
    Deferred,
    External,
    Function,
    Instance,
    Scope,
    Value,
    field_names,
    settle,
)
from vae_checked.linter.symbols.expression import atom
from vae_checked.record import dataclass, field

T = TypeVar("T")
_TENSOR_LIBRARIES = frozenset("torch numpy lightning pytorch_lightning jax tensorflow".split())
MAX_UP = 6
# What one file may cause to be read beyond the files given, in bytes and for each such file.
MAX_FOLLOWED, MAX_FOLLOWED_FILE = 2_000_000, 300_000
# Where other people's packages lie side by side: one of them is read for its own files alone.
_INSTALLED = frozenset(("site-packages", "dist-packages"))
_NEVER_OURS = frozenset(("torch", "numpy", "torchvision", "math", "os", "sys", "typing"))


@dataclass(slots=True, eq=False)
class Module:
    """One file of the project: its names once its top level was run, and what that run saw."""

    path: str
    file: File
    scope: Scope = field(init=False)
    observations: Observations | None = None
    # Whether its top level was run, or is being run.
    begun: bool = False
    given: bool = True
    # Whether it is here because another one imports it.
    followed: bool = False
    # Whether it imports a tensor library: what does not is settings and helpers.
    tensors: bool = field(init=False)
    # The text of each cell: of a file that is no notebook there is one.
    sources: list[Source] = field(default_factory=list)
    _cells: dict[int, Source] = field(default_factory=dict)
    _read: dict[object, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.scope = Scope({}, None, self)
        self.tensors = any(
            map(_imports_tensors, (statement for cell in self.file.cells for statement in cell.tree.body))
        )
        for cell in self.file.cells:
            source = Source(self.path, cell)
            self.sources.append(source)
            if len(self.file.cells) > 1:
                for node in ast.walk(cell.tree):
                    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)):
                        self._cells[id(node)] = source

    def source_of(self, node: ast.AST) -> Source:
        """The text in which a function stands."""
        return self._cells.get(id(node), self.sources[0])

    def read_once(self, reader: Callable[[Module], T]) -> T:
        """What `reader` finds in this module's source: asked for by many evaluations, read once."""
        if reader not in self._read:
            self._read[reader] = reader(self)
        found: T = self._read[reader]
        return found

    def functions(self) -> Iterator[Function]:
        """The functions that its top level binds, and that were written in it."""
        for value in list(self.scope.names.values()):
            if isinstance(value, Function) and value.scope.module is self and not isinstance(value.node, ast.Lambda):
                yield value

    def classes(self) -> Iterator[Class]:
        """The classes that its top level binds, and that were written in it."""
        for value in list(self.scope.names.values()):
            if isinstance(value, Class) and value.scope.module is self:
                yield value


class Project:
    """All modules of one run, by path; imports between them are followed, others stay external."""

    def __init__(self, disk: Disk | None = None, ast_budget: AstBudget | None = None) -> None:
        self.disk = disk or Disk({})
        self.ast_budget = ast_budget or AstBudget()
        self.modules: dict[str, Module] = {}
        self._by_name: dict[str, list[Module]] = {}
        self.interpreter = Interpreter(self)
        self._resolved: dict[tuple[str, str, int], Module | None] = {}
        self._followed: dict[str, int] = {}
        self._root = ""
        self._remaining: dict[str, int] = {}

    def add(self, file: File, given: bool = True) -> Module:
        """Take a parsed file into the project."""
        module = Module(file.path, file)
        module.given = given
        self.modules[_key(file.path)] = module
        self._by_name.setdefault(Path(file.path).name, []).append(module)
        return module

    def sweep(self) -> None:
        """Make room between two evaluations."""
        if self.ast_budget.sweep():
            for module in self.modules.values():
                if module.begun:
                    let_go_of_top(module.file)
                for source in module.sources:
                    source.sites.clear()
                    source.cell.let_go_of_lines()
            # Scopes and the functions in them hold each other, and nobody else collects them while a project is read.
            gc.collect()

    def follow_for(self, module: Module) -> None:
        """Charge what is read and evaluated from now on to this module."""
        self._remaining[self._root] = self.interpreter.remaining
        self._root = module.path
        self.interpreter.remaining = self._remaining.get(self._root, MAX_STEPS)

    def exhausted(self) -> list[str]:
        """The files that were too large to be evaluated whole."""
        left = {**self._remaining, self._root: self.interpreter.remaining}
        return [path for path, steps in left.items() if steps < 0]

    def run(self, module: Module) -> None:
        """Run a module's top level, once."""
        if module.begun:
            return
        module.begun = True
        _, observations = self.interpreter.run(lambda: self.interpreter.run_module(module))
        # Of a file that was only imported nobody asks what its top level saw.
        module.observations = None if module.followed else observations

    # ------------------------------------------------------------------------------------------- imports

    def find(self, dotted: str, level: int, importer: Module) -> Module | None:
        """The project's module of this name, as seen from `importer`; None when it is external."""
        key = (dotted, str(Path(importer.path).parent), level)
        if key not in self._resolved:
            self._resolved[key] = self._search(dotted, level, importer)
        return self._resolved[key]

    def _search(self, dotted: str, level: int, importer: Module) -> Module | None:
        if not level and dotted.split(".", maxsplit=1)[0] in _NEVER_OURS:
            return None
        folder = Path(importer.path).parent
        parts = [part for part in dotted.split(".") if part]
        if level:
            for _ in range(level - 1):
                folder = folder.parent
            folders: Iterable[Path] = (folder,)
        else:
            folders = (folder, *list(folder.parents)[:MAX_UP])
        for base in folders:
            if base.name in _INSTALLED and not _is_below(folder, base.joinpath(*parts[:1])):
                break
            target = base.joinpath(*parts)
            for candidate in (target.with_suffix(".py") if parts else target / "__init__.py", target / "__init__.py"):
                module = self._load(candidate)
                if module is not None and module is not importer:
                    return module
            if not level and (base / ".git").exists():
                break
        return None if level else self._only(parts, importer)

    def _only(self, parts: list[str], importer: Module) -> Module | None:
        """The one file near the importer that ends like an import found nowhere: its folder is put on Python's path."""
        if not parts or parts[0] in sys.stdlib_module_names:
            return None
        tail = (*parts[:-1], f"{parts[-1]}.py")
        around = Path(importer.path).parent.parent
        near = [Path(module.path) for module in self._by_name.get(tail[-1], ()) if module is not importer]
        fitting = [path for path in near if path.parts[-len(tail) :] == tail and around in path.parents]
        return self._load(fitting[0]) if len(fitting) == 1 else None

    def _load(self, path: Path) -> Module | None:
        known = self.modules.get(_key(str(path)))
        if known is not None:
            return known
        data = self.disk.read(path)
        if data is None:
            return None
        followed = self._followed.get(self._root, 0) + len(data)
        if len(data) > MAX_FOLLOWED_FILE or followed > MAX_FOLLOWED:
            return None
        self._followed[self._root] = followed
        try:
            file = reading.parse(str(path), data)
        except reading.UnreadableError:
            return None
        self.ast_budget.take(file)
        module = self.add(file, given=False)
        module.followed = True
        return module

    def deferred_module(self, dotted: str, importer: Module) -> Value:
        """`import dotted`, done when the name is first used."""
        if dotted.split(".", maxsplit=1)[0] in _NEVER_OURS:
            return External(dotted)
        return Deferred(dotted, lambda: self.import_module(dotted, importer))

    def deferred_name(self, dotted: str, level: int, name: str, importer: Module) -> Value:
        """`from dotted import name`, done when the name is first used."""
        if not level and dotted.split(".", maxsplit=1)[0] in _NEVER_OURS:
            return External(f"{dotted}.{name}")
        return Deferred(f"{dotted}.{name}", lambda: self.import_name(dotted, level, name, importer))

    def import_module(self, dotted: str, importer: Module) -> Value:
        """`import dotted`."""
        module = self.find(dotted, 0, importer)
        if module is None:
            return External(dotted)
        self.run(module)
        return module

    def import_name(self, dotted: str, level: int, name: str, importer: Module) -> Value:
        """`from dotted import name`."""
        module = self.find(dotted, level, importer)
        if module is None:
            inner = self.find(f"{dotted}.{name}" if dotted else name, level, importer)
            if inner is not None:
                self.run(inner)
                return inner
            return External(f"{dotted}.{name}")
        self.run(module)
        if name in module.scope.names:
            return settle(module.scope.names, name)
        inner = self.find(f"{dotted}.{name}" if dotted else name, level, importer)
        if inner is not None:
            self.run(inner)
            return inner
        return External(f"{dotted}.{name}")

    def star_import(self, dotted: str, level: int, importer: Module) -> dict[str, Value]:
        """`from dotted import *`."""
        module = self.find(dotted, level, importer)
        if module is None:
            return {}
        self.run(module)
        return {name: value for name, value in module.scope.names.items() if not name.startswith("_")}

    def member(self, owner: Value, name: str) -> Value:
        """owner.name where owner is a module of the project; None where it is something else."""
        if not isinstance(owner, Module):
            return None
        if name in owner.scope.names:
            return settle(owner.scope.names, name)
        if Path(owner.path).name == "__init__.py":
            inner = self._load(Path(owner.path).parent / f"{name}.py")
            if inner is not None:
                self.run(inner)
                return inner
        return atom(name, None, owner.path)

    def tuple_fields(self, instance: Instance) -> list[Value] | None:
        """The items of an instance of a NamedTuple, None for any other."""
        if not any(name.endswith("NamedTuple") for name in instance.cls.external_bases()):
            return None
        return [instance.attributes.get(name) for name in field_names(instance.cls)]


def _imports_tensors(statement: ast.stmt) -> bool:
    """Whether a statement at the top level imports a tensor library, or everything that another file has."""
    if isinstance(statement, ast.Import):
        return any(name.name.partition(".")[0] in _TENSOR_LIBRARIES for name in statement.names)
    if isinstance(statement, ast.ImportFrom):
        top = "" if statement.level else (statement.module or "").partition(".")[0]
        return top in _TENSOR_LIBRARIES or any(name.name == "*" for name in statement.names)
    if isinstance(statement, (ast.If, ast.Try)):
        return any(map(_imports_tensors, (*statement.body, *statement.orelse)))
    return False


def _is_below(path: Path, folder: Path) -> bool:
    return path == folder or folder in path.parents


def _key(path: str) -> str:
    return str(Path(path).absolute())
