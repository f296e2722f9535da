"""The baseline of a run: what is known to fail of the models, what holds again, and what is written."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from vae_checked.pytest_plugin.configuration import configured_models
from vae_checked.pytest_plugin.summary import FAILED, HOLDS, marked_by_model
from vae_checked.text import counted

if TYPE_CHECKING:
    from vae_checked.config import ModelConfig
    from vae_checked.known_failures import KnownFailures

_KNOWN: pytest.StashKey[KnownFailures | None] = pytest.StashKey()


def known_failures(config: pytest.Config, model: ModelConfig) -> KnownFailures | None:
    """What the file of a pyproject.toml holds, read once; None where it names none."""
    if _KNOWN not in config.stash:
        from vae_checked.known_failures import load_known

        config.stash[_KNOWN] = load_known(model.baseline, may_be_absent=config.getoption("--vae-write-baseline"))
    return config.stash[_KNOWN]


def settled(reporter: Any, config: pytest.Config) -> Iterator[str]:
    """The lines that say which entries are stale, or that the file was written, which is done here."""
    from vae_checked.errors import UsageError

    models = configured_models(config) or {}
    try:
        known = known_failures(config, next(iter(models.values())))
    except UsageError as error:  # which the items say as well
        yield f"vae-checked: {error}"
        return
    if known is None:
        return
    failed = marked_by_model(reporter, FAILED)
    holds = known.entries & (marked_by_model(reporter, HOLDS) - failed)
    absent = {(model, item) for model, item in known.entries if model not in models}
    if config.getoption("--vae-write-baseline"):
        after = known.with_outcome(failed, holds | absent)
        after.write()
        yield f"vae-checked: {known.file}: {counted(len(after.entries), 'failure')} known from now on: commit it"
        return
    for model, item in sorted(holds | absent):
        why = f"{item} of {model} holds" if model in models else f"there is no model {model}"
        yield f"vae-checked: {known.file}: {why}: --vae-write-baseline drops the entry"
