"""Step 2: the files as one project: modules, imports between them, classes and the functions that nobody calls."""

from __future__ import annotations

import gc
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TypeVar

from vae_checked.linter.files import source as reading
from vae_checked.linter.files.ast_budget import AstBudget, let_go_of_top
from vae_checked.linter.files.configurations import Configuration, near
from vae_checked.linter.files.disk import Disk
from vae_checked.linter.files.source import File
from vae_checked.linter.interpreter import known_models
from vae_checked.linter.interpreter.interpreter import MAX_STEPS, Interpreter, Substitutes
from vae_checked.linter.symbols.expression import atom
from vae_checked.linter.symbols.observations import Observations, ProjectObservations
from vae_checked.linter.symbols.structures import Structures
from vae_checked.linter.symbols.values import Deferred, External, Module, Value, settle

T = TypeVar("T")
MAX_UP = 6
# The steps of a top level that trains, or whose functions do, and of another one: a notebook makes a model, trains it
# and draws its pictures, one cell after the other.
MAX_STEPS_OF_TRAINING, MAX_STEPS_OF_SCRIPT = 100_000, 40_000
# The steps that all evaluations of one project may take together: some minutes. What only uses VAEs that it loads may
# take a part of that once more.
MAX_STEPS_OF_ALL, MAX_STEPS_OF_USERS = 12_000_000, 6_000_000
# What one file may cause to be read beyond the files given, in bytes and for each such file.
MAX_FOLLOWED, MAX_FOLLOWED_FILE = 2_000_000, 300_000
# Where other people's packages lie side by side: one of them is read for its own files alone.
_INSTALLED = frozenset(("site-packages", "dist-packages"))
# Where a project that is installed keeps its packages.
_SOURCES = "src"
# A package of more files is a library that lies beside the project: following it would leave no steps for the rest.
_MAX_OF_SOURCES = 250
NEVER_OURS = frozenset(("torch", "numpy", "torchvision", "math", "os", "sys", "typing"))


class Project:
    """All modules of one run, by path; imports between them are followed, others stay external."""

    def __init__(self, disk: Disk | None = None, ast_budget: AstBudget | None = None) -> None:
        self.disk = disk or Disk({})
        # The folder above which nothing is looked for: the project's own.
        self.top = ""
        # Every file of it, those that concern no VAE as well; None where it is too large for all to be known.
        self.paths: Sequence[str] | None = None
        self.ast_budget = ast_budget or AstBudget()
        self.modules: dict[str, Module] = {}
        self._by_name: dict[str, list[Module]] = {}
        self.observed = ProjectObservations()
        self.interpreter = Interpreter(self, self.observed)
        self._top_levels: dict[str, Observations] = {}
        self._resolved: dict[tuple[str, str, int], Module | None] = {}
        self._followed: dict[str, int] = {}
        self._libraries: dict[Path, bool] = {}
        self._known: dict[str, Module] = {}
        self._configurations: dict[Path, Sequence[Configuration]] = {}
        self._root = ""
        self._remaining: dict[str, int] = {}
        self._most = MAX_STEPS_OF_ALL

    def add(self, file: File, given: bool = True) -> Module:
        """Take a parsed file into the project."""
        module = Module(file.path, file)
        module.given = given
        self.modules[_key(file.path)] = module
        self._by_name.setdefault(Path(file.path).name, []).append(module)
        return module

    def sweep(self, most: int | None = None) -> None:
        """Make room between two evaluations: hold no more source as parsed than fits, or than `most` bytes."""
        if self.ast_budget.sweep(most):
            self.interpreter.forget_sites()
            for module in self.modules.values():
                if module.begun:
                    let_go_of_top(module.file)
                for source in module.sources:
                    source.cell.let_go()
            # Scopes and the functions in them hold each other, and nobody else collects them while a project is read.
            # What was there before the last time is what a project holds to its end: it is not gone through again.
            gc.collect(0)
        Structures.sweep()

    def follow_for(self, module: Module) -> None:
        """Charge what is read and evaluated from now on to this module."""
        self._remaining[self._root] = self.interpreter.remaining
        self._root = module.path
        self.interpreter.remaining = self._remaining.get(self._root, MAX_STEPS)

    def exhausted(self) -> list[str]:
        """The files that were too large to be evaluated whole."""
        left = {**self._remaining, self._root: self.interpreter.remaining}
        return [path for path, steps in left.items() if steps < 0]

    @property
    def is_spent(self) -> bool:
        """Whether the evaluations of the project took all the steps that they are given together."""
        return self.interpreter.taken > self._most

    def allow(self, steps: int) -> None:
        """Give the evaluations from here on so many steps together, whatever those before took."""
        self._most = self.interpreter.taken + steps

    def run(self, module: Module) -> None:
        """Run a module's top level, once."""
        if module.begun:
            return
        module.begun = True
        # Its names are those of today, whatever is supposed where it is imported.
        supposed, self.interpreter.supposed = self.interpreter.supposed, {}
        _, observations = self.interpreter.run(lambda: self.interpreter.run_module(module), _most_steps(module))
        self.interpreter.supposed = supposed
        # Of a file that was only imported nobody asks what its top level observed.
        if not module.followed:
            self._top_levels[module.path] = observations

    def run_again(self, module: Module, stand_ins: Substitutes) -> Observations:
        """What a run of a module's top level observes with models in the places of some; its names stay as they are."""
        names = module.scope.names
        kept = dict(names)
        names.clear()
        _, observations = self.interpreter.run(
            lambda: self.interpreter.run_module(module), _most_steps(module), stand_ins
        )
        names.clear()
        names.update(kept)
        return observations

    def supposing(self, settings: Mapping[str, str], module: Module, work: Callable[[], T]) -> T:
        """What `work` comes to where settings of today are others, for a module's top level as well."""
        names = module.scope.names
        kept = dict(names)
        names.clear()

        def again() -> T:
            self.interpreter.run(lambda: self.interpreter.run_module(module))
            return work()

        try:
            return self.interpreter.supposing(settings, again)
        finally:
            names.clear()
            names.update(kept)

    def take_top_level(self, module: Module) -> Observations | None:
        """What the run of a module's top level observed, handed out once; None where it was handed out or not run."""
        return self._top_levels.pop(module.path, None)

    # ------------------------------------------------------------------------------------------- imports

    def find(self, dotted: str, level: int, importer: Module) -> Module | None:
        """The project's module of this name, as seen from `importer`; None when it is external."""
        # A file is not what it imports itself, whatever others find by that name.
        itself = Path(importer.path).stem in ("__init__", dotted.rpartition(".")[2])
        key = (dotted, importer.path if itself else str(Path(importer.path).parent), level)
        if key not in self._resolved:
            self._resolved[key] = self._search(dotted, level, importer)
        return self._resolved[key]

    def _search(self, dotted: str, level: int, importer: Module) -> Module | None:
        if not level and dotted.split(".", maxsplit=1)[0] in NEVER_OURS:
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
            module = self._in(base, parts, importer)
            if module is None and not level and len(parts) > 1 and _is_cloned_as(base.name, parts[0]):
                module = self._in(base, parts[1:], importer)
            if module is not None:
                return module
            if not level and (base / ".git").exists():
                break
        return None if level else self._of_sources(parts, importer) or self._only(parts, importer)

    def _in(self, base: Path, parts: list[str], importer: Module) -> Module | None:
        """The file that these names lead to from a folder, another one than the importer."""
        target = base.joinpath(*parts)
        for candidate in (target.with_suffix(".py") if parts else target / "__init__.py", target / "__init__.py"):
            module = self._load(candidate)
            if module is not None and module is not importer:
                return module
        return None

    def _of_sources(self, parts: list[str], importer: Module) -> Module | None:
        """The file of a package that lies in `src` in one of the folders around the importer, as if installed."""
        if not parts or parts[0] in sys.stdlib_module_names:
            return None
        folder = Path(importer.path).parent
        for base in (folder, *list(folder.parents)[:MAX_UP]):
            sources = base / _SOURCES
            module = None if self._is_library(sources / parts[0]) else self._in(sources, parts, importer)
            if module is not None or (base / ".git").exists():
                return module
        return None

    def _is_library(self, package: Path) -> bool:
        """Whether a folder has too many files of Python to be followed from outside."""
        if package not in self._libraries:
            found = islice(package.rglob("*.py"), _MAX_OF_SOURCES + 1)
            self._libraries[package] = sum(1 for _ in found) > _MAX_OF_SOURCES
        return self._libraries[package]

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
        if dotted.split(".", maxsplit=1)[0] in NEVER_OURS:
            return External(dotted)
        return Deferred(dotted, lambda: self.import_module(dotted, importer))

    def deferred_name(self, dotted: str, level: int, name: str, importer: Module) -> Value:
        """`from dotted import name`, done when the name is first used."""
        if not level and dotted.split(".", maxsplit=1)[0] in NEVER_OURS:
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
            return self.known(f"{dotted}.{name}")
        self.run(module)
        if name in module.scope.names:
            return settle(module.scope.names, name)
        inner = self.find(f"{dotted}.{name}" if dotted else name, level, importer)
        if inner is not None:
            self.run(inner)
            return inner
        return External(f"{dotted}.{name}")

    def known(self, dotted: str) -> Value:
        """A name outside the project: the class of a library whose methods are known, or something external."""
        text = known_models.written(dotted)
        if not text:
            return External(dotted)
        if text not in self._known:
            self._known[text] = known_models.module(text)
            self.interpreter.run(lambda: self.interpreter.run_module(self._known[text]))
        return self._known[text].scope.names[dotted.rpartition(".")[2]]

    def star_import(self, dotted: str, level: int, importer: Module) -> dict[str, Value]:
        """`from dotted import *`."""
        module = self.find(dotted, level, importer)
        if module is None:
            return {}
        self.run(module)
        importer.starred += [package for package in module.starred if package not in importer.starred]
        # A package whose import has led here gives the name that is being imported: it is not taken back from its user.
        return {
            name: value
            for name, value in module.scope.names.items()
            if not name.startswith("_") and not (isinstance(value, Deferred) and value.begun)
        }

    def beside(self, package: str, importer: Module) -> list[Module]:
        """The files of the project that lie in the folder of a package, as seen from `importer`."""
        folder = Path(importer.path).parent
        for base in (folder, *list(folder.parents)[:MAX_UP]):
            target = base.joinpath(*package.split("."))
            found = [module for module in self.modules.values() if Path(module.path).parent == target]
            if found:
                for module in found:
                    self.run(module)
                return found
        return []

    def configurations(self, importer: Module) -> Sequence[Configuration]:
        """The files of settings near a file, those that it names first, then those that others name."""
        folder = Path(importer.path).parent
        if folder not in self._configurations:
            files = (importer, *(module for module in self.modules.values() if module.given and module is not importer))
            named = dict.fromkeys(name for module in files for name in module.read_once(_named_settings))
            words = frozenset(word for module in files for word in module.read_once(_words))
            self._configurations[folder] = near(folder, self.top, list(named), words, self.disk)
        return self._configurations[folder]

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


# A file of settings that code names, whether or not it says in which folder that lies.
_NAMED_SETTINGS = re.compile(r"""["'](?:\.{0,2}/)*([\w./-]*\w\.(?:ya?ml|json))["']""")

# What code defines, and the words that stand in it as texts.
_WORDS = re.compile(r"""\b(?:class|def) (\w+)|["'](\w+)["']""")


def _words(module: Module) -> frozenset[str]:
    return frozenset(one or other for cell in module.file.cells for one, other in _WORDS.findall(cell.text))


def _named_settings(module: Module) -> list[str]:
    return [name for cell in module.file.cells for name in _NAMED_SETTINGS.findall(cell.text)]


# What an archive of a branch has behind the name of its repository.
_BRANCH = re.compile(r"_(?:main|master)$")


def _is_cloned_as(folder: str, package: str) -> bool:
    """Whether a folder is a package under the name of its repository.

    With dashes, as the archive of a branch (`my-vae-main`), or behind the name of its owner.
    """
    written = _BRANCH.sub("", re.sub(r"\W", "_", folder).strip("_").lower())
    return written == package.lower() or written.endswith(f"__{package.lower()}")


def _is_below(path: Path, folder: Path) -> bool:
    return path == folder or folder in path.parents


def _most_steps(module: Module) -> int:
    """The steps that the top level of a file is given."""
    trains = any(".backward(" in cell.text for cell in module.file.cells)
    return MAX_STEPS_OF_TRAINING if trains else MAX_STEPS_OF_SCRIPT


def _key(path: str) -> str:
    return str(Path(path).absolute())
