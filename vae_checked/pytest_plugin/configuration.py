"""Which pyproject.toml configures a run, and what it says; what reads it is imported where it says something."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from vae_checked.config import ModelConfig

TABLE = "tool.vae-checked"
ROOT = "vae::"
_PYPROJECT = pytest.StashKey[Path]()
_SOURCES = pytest.StashKey[bool]()
_CHANGED: pytest.StashKey[frozenset[str]] = pytest.StashKey()
_MODELS: pytest.StashKey[dict[str, ModelConfig] | None] = pytest.StashKey()


def pyproject(config: pytest.Config) -> Path:
    """The pyproject.toml whose models are tested: the nearest above the tests that has our table, as lint finds it.

    Where there is none above the tests, the nearest above the folder that pytest was started in; else that of rootdir.
    """
    if _PYPROJECT not in config.stash:
        starts = [*_folders_of_tests(config), config.invocation_params.dir, config.rootpath]
        found = (path for start in starts for path in _with_table(start))
        config.stash[_PYPROJECT] = next(found, config.rootpath / "pyproject.toml")
    return config.stash[_PYPROJECT]


def _folders_of_tests(config: pytest.Config) -> list[Path]:
    """The folder of all tests of the run, where they have one in common."""
    named = [argument.partition("::")[0] for argument in config.args if not argument.startswith(ROOT)]
    try:
        return [Path(os.path.commonpath([config.invocation_params.dir / name for name in named]))] if named else []
    except ValueError:  # on two drives
        return []


def _with_table(start: Path) -> Iterator[Path]:
    """The pyproject.toml with our table in `start` and above, nearest first."""
    for folder in (start, *start.parents):
        path = folder / "pyproject.toml"
        try:
            if path.is_file() and TABLE in path.read_text(encoding="utf-8", errors="replace"):
                yield path
        except OSError:
            continue


def names_sources(config: pytest.Config) -> bool:
    """Whether pyproject.toml, and not what pytest collects, says which files are linted."""
    if _SOURCES not in config.stash:
        from vae_checked.cli.configured import config_for
        from vae_checked.errors import UsageError

        try:
            lint = config_for([pyproject(config).parent])
        except UsageError as error:
            raise pytest.UsageError(str(error)) from None
        config.stash[_SOURCES] = lint is not None and bool(lint.sources)
    return config.stash[_SOURCES]


def configured_models(config: pytest.Config) -> dict[str, ModelConfig] | None:
    """The models of pyproject.toml; None where it has no table of ours. UsageError stops the run."""
    if _MODELS not in config.stash:
        config.stash[_MODELS] = _read_models(pyproject(config))
    return config.stash[_MODELS]


def _read_models(path: Path) -> dict[str, ModelConfig] | None:
    try:
        if TABLE not in path.read_text(encoding="utf-8", errors="replace"):
            return None
    except OSError:
        return None
    from vae_checked.config import load_models
    from vae_checked.errors import UsageError

    try:
        return load_models(path)
    except UsageError as error:
        raise pytest.UsageError(str(error)) from None


def changed_models(config: pytest.Config) -> frozenset[str]:
    """The models that run: all, or those that the change which `--vae-changed` names can concern."""
    models = configured_models(config) or {}
    asked = config.getoption("--vae-changed")
    if not asked:
        return frozenset(models)
    if _CHANGED not in config.stash:
        from vae_checked.cli.changed import concerned
        from vae_checked.errors import UsageError

        try:
            config.stash[_CHANGED] = frozenset(model.name for model in concerned(list(models.values()), asked))
        except UsageError as error:
            raise pytest.UsageError(f"--vae-changed: {error}") from None
    return config.stash[_CHANGED]
