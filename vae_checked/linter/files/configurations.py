"""The files of settings near code: the parts of a training are chosen by names that stand in one of them."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path, PurePath

from vae_checked.linter.files import settings_files
from vae_checked.linter.files.disk import Disk
from vae_checked.record import dataclass

# How many folders at and above the code are looked at, how deep below a folder of settings, and how many files.
_MAX_UP, _MAX_DOWN, _MAX_FILES = 5, 3, 48
# What a training is set by where nothing else is asked for, by the names that such a file has.
_USUAL = ("config", "default", "defaults", "base", "train", "main", "settings", "params", "hparams")


@dataclass(frozen=True, slots=True)
class Configuration:
    """A file of settings: its texts by their last keys; `where` are the folders that it was found below.

    `choices` are the texts among them by which code may choose something, each with its last key.
    """

    path: str
    where: tuple[str, ...]
    texts: Mapping[str, Sequence[settings_files.Setting]]
    choices: frozenset[tuple[str, str]]

    def says(self, keys: tuple[str, ...]) -> list[str]:
        """The texts under keys, of which those of the folders and of the file itself may be the first."""
        stem = PurePath(self.path).stem
        found: dict[str, None] = {}
        for each in self.texts.get(keys[-1], ()):
            own = each.keys
            whole = ((*self.where, *own), (*self.where, stem, *own))
            if isinstance(each.value, str) and any(path[-len(keys) :] == keys for path in whole):
                found.setdefault(each.value)
        return list(found)

    def is_of(self, keys: tuple[str, ...], owner: str) -> bool:
        """Whether what has a part under keys is nothing else than `owner`: next to the part stands whose it is."""
        named = {each.keys: each.value for each in self.texts.get(keys[-1], ())}
        around = [named.get((*path[: -len(keys)], keys[-1])) for path in named if path[-len(keys) :] == keys]
        return not around or any(each is None or str(each).rpartition(".")[2] == owner for each in around)


def near(folder: Path, top: str, named: Collection[str], words: Collection[str], disk: Disk) -> list[Configuration]:
    """The files of settings near the code in a folder: those that it has `named` first, then those of usual names.

    They lie in this folder or in one above it, up to the absolute path `top`, or below one that is for settings.
    `words` are the names and texts of the code.
    """
    paths = dict(_paths(folder, top, disk))
    order = list(named)

    def rank(path: Path) -> tuple[int, int, int]:
        by_name = next((place for place, name in enumerate(order) if _ends_with(path, name)), len(order))
        return by_name, _USUAL.index(path.stem) if path.stem in _USUAL else len(_USUAL), len(paths[path])

    found: list[Configuration] = []
    for path in sorted(paths, key=rank)[:_MAX_FILES]:
        text = disk.read(path)
        content = text.decode(errors="replace") if isinstance(text, bytes) else text or ""
        texts = tuple(each for each in settings_files.settings(path.name, content) if isinstance(each.value, str))
        if texts:
            choices = ((each.keys[-1], str(each.value)) for each in texts)
            chosen = frozenset((key, text) for key, text in choices if text.rpartition(".")[2] in words)
            by_key: dict[str, list[settings_files.Setting]] = {}
            for each in texts:
                by_key.setdefault(each.keys[-1], []).append(each)
            found.append(Configuration(str(path), paths[path], by_key, chosen))
    return found


def _ends_with(path: Path, name: str) -> bool:
    parts = PurePath(name).parts
    return path.parts[-len(parts) :] == parts


def _paths(folder: Path, top: str, disk: Disk) -> Iterator[tuple[Path, tuple[str, ...]]]:
    for base in (folder, *list(folder.parents)[: _MAX_UP - 1]):
        yield from _below(base, (), disk)
        if os.path.abspath(base) == top:  # noqa: PTH100  pathlib keeps `..`
            return


def _below(folder: Path, where: tuple[str, ...], disk: Disk) -> Iterator[tuple[Path, tuple[str, ...]]]:
    """The files of settings in a folder, and in the folders below it that are for settings."""
    for name in disk.settings_in(folder, whole=bool(where)):
        if not name.endswith("/"):
            yield folder / name, where
        elif len(where) <= _MAX_DOWN:
            yield from _below(folder / name[:-1], (*where, name[:-1]), disk)
