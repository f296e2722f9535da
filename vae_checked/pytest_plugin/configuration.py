"""What the plugin is asked for, by pyproject.toml and by the command line."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from vae_checked.config import ModelConfig

TABLE = "tool.vae-checked"
_MODELS: pytest.StashKey[dict[str, ModelConfig] | None] = pytest.StashKey()


def pyproject(config: pytest.Config) -> Path:
    """The pyproject.toml whose models are tested."""
    return config.rootpath / "pyproject.toml"


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


def shapes_wanted(config: pytest.Config) -> bool:
    """Whether shapes are compared with the lock."""
    return bool(config.getoption("--vae-shapes") or config.getoption("--vae-shapes-update"))


def lock_path(config: pytest.Config) -> Path:
    """Where the lock lies."""
    from vae_checked.shapes import LOCK_NAME

    return pyproject(config).with_name(LOCK_NAME)
