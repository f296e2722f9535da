"""The values of settings that code reads: of files of YAML or JSON that it names, and of its command-line options."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePath

from vae_checked.facts import Fact, Origin
from vae_checked.finding import Place
from vae_checked.linter.files import settings_files
from vae_checked.linter.files.disk import Disk
from vae_checked.linter.files.source import SourceCell
from vae_checked.linter.pretrained.calls import OPTION, telling_calls
from vae_checked.linter.symbols.values import Module

_NAMED = re.compile(r"""["']([\w./\\-]+\.(?:ya?ml|json))["']""")
_MAX_FILES = 8
# How many folders above the code a path may start from.
_MAX_ABOVE = 4


class Settings:
    """What the files of a project are set to; `disk` holds those that they name."""

    def __init__(self, modules: Iterable[Module], disk: Disk) -> None:
        self._modules = {module.path: module for module in modules}
        self._disk = disk
        self._read: dict[str, list[tuple[str, settings_files.Setting]]] = {}

    def texts(self, keys: Sequence[str], path: str) -> Iterator[Fact[str]]:
        """The texts that the files named in the code at `path` have under keys, of which the last may be all."""
        for place, setting in self._of_files(path):
            if isinstance(setting.value, str) and _end_alike(setting.keys, keys):
                yield Fact(setting.value, _origin(place, setting))

    def number(self, name: str, path: str) -> Fact[float] | None:
        """The one number that a setting has which the code at `path` reads, None where it is not known."""
        found = [
            Fact(setting.value, _origin(place, setting))
            for place, setting in self._of_files(path)
            if isinstance(setting.value, float) and setting.keys[-1] == name
        ]
        module = self._modules.get(path)
        found += [] if module is None else _number_options(name, module)
        return found[0] if len({fact.value for fact in found}) == 1 else None

    def _of_files(self, path: str) -> list[tuple[str, settings_files.Setting]]:
        if path not in self._read:
            self._read[path] = list(self._settings(path))
        return self._read[path]

    def _settings(self, path: str) -> Iterator[tuple[str, settings_files.Setting]]:
        module = self._modules.get(path)
        names = {} if module is None else dict.fromkeys(_named(module))
        for name in list(names)[:_MAX_FILES]:
            folders = [Path(path).parent, *Path(path).parent.parents][:_MAX_ABOVE]
            for folder in folders:
                text = self._disk.read(folder / name)
                if isinstance(text, bytes):
                    text = text.decode(errors="replace")
                if text is not None:
                    place = (folder / name).as_posix()
                    yield from ((place, each) for each in settings_files.settings(name, text))
                    break


def _named(module: Module) -> Iterator[str]:
    for cell in module.file.cells:
        yield from (name for name in _NAMED.findall(cell.text) if not PurePath(name).is_absolute())


def _end_alike(keys: Sequence[str], asked: Sequence[str]) -> bool:
    """Whether the one path of keys ends with the other."""
    shared = min(len(keys), len(asked))
    return shared > 0 and tuple(keys[-shared:]) == tuple(asked[-shared:])


def _origin(path: str, setting: settings_files.Setting) -> Origin:
    return Origin(f"{setting.keys[-1]}: {setting.value}", Place(path, max(1, setting.line)))


def options(module: Module) -> Iterator[tuple[str, ast.expr, SourceCell]]:
    """The options of a file, `learning_rate` for `--learning-rate`, that have a default, with it and their place."""
    if not any(OPTION in source.cell.text for source in module.sources):
        return
    for node, source in telling_calls(module):
        if isinstance(node.func, ast.Attribute) and node.func.attr == OPTION:
            default = next((each.value for each in node.keywords if each.arg == "default"), None)
            for arg in node.args if default is not None else ():
                if default is not None and isinstance(arg, ast.Constant) and isinstance(arg.value, str):
                    yield arg.value.lstrip("-").replace("-", "_"), default, source


def _number_options(name: str, module: Module) -> Iterator[Fact[float]]:
    for option, default, source in options(module):
        value = default.value if isinstance(default, ast.Constant) else None
        if option == name and isinstance(value, (int, float)) and not isinstance(value, bool):
            yield Fact(float(value), Origin(source.segment(default), source.place(default)))
