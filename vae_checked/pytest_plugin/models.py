"""The collectors: all models, one model, and a model that the lock alone has."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from vae_checked.pytest_plugin.items import AuditItem, BuildItem, EffectiveBetaItem, LawItem, MistakeItem, ShapesItem
from vae_checked.pytest_plugin.nodes import AuditedNode, ModelNode, lock_beside
from vae_checked.pytest_plugin.thresholds import ON_DATA, OnDataItem, asked_on_data

if TYPE_CHECKING:
    from vae_checked.config import ModelConfig


def refuse_unknown_items(models: Mapping[str, ModelConfig], pyproject: Path) -> None:
    """Raise UsageError where a model's table skips or ignores what there is not, whatever the options of this run."""
    from vae_checked.catalogue import CATALOGUE
    from vae_checked.cli.options import ignored_by
    from vae_checked.errors import UsageError
    from vae_checked.laws import LAWS
    from vae_checked.text import did_you_mean

    for model in models.values():
        try:
            ignored_by(model)
        except UsageError as error:
            raise pytest.UsageError(f"{pyproject}: {error}") from None
    asked = [
        (name, key, item) for name, model in models.items() for key in ("skip", "xfail") for item in getattr(model, key)
    ]
    known = (
        "build",
        "audit",
        "effective-beta",
        *ON_DATA,
        "shapes",
        *(law.name for law in LAWS),
        *(mistake.code for mistake in CATALOGUE),
    )
    for name, key, item in asked:
        if item not in known:
            where = f"{pyproject}: [tool.vae-checked.models.{name}]"
            raise pytest.UsageError(f"{where}: {key} names {item!r}, which is no item{did_you_mean(item, known)}")


class Root(pytest.Collector):
    """All models: those that pyproject.toml configures, as far as they are chosen, and those of the lock."""

    def __init__(
        self, *, models: Mapping[str, ModelConfig], chosen: Container[str], pyproject: Path, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self._models, self._chosen, self._pyproject = models, chosen, pyproject

    def collect(self) -> Iterator[pytest.Collector]:
        """Every model in the order of pyproject.toml, and then what the lock alone has."""
        for name, model in self._models.items():
            if name not in self._chosen:
                continue
            yield ConfiguredModel.from_parent(self, name=name, model=model, pyproject=self._pyproject)
        if shapes_wanted(self.config):
            for name, alone in _locked_alone(lock_beside(self._pyproject), self._models).items():
                yield LockedModel.from_parent(self, name=name, model=alone, pyproject=self._pyproject)


class LockedModel(ModelNode):
    """A model of the lock that pyproject.toml does not name; `model` is None where the lock does not say either."""

    def collect(self) -> Iterator[pytest.Item]:
        """One item."""
        yield ShapesItem.from_parent(self, name="shapes")


class ConfiguredModel(AuditedNode):
    """One model of pyproject.toml."""

    def collect(self) -> Iterator[pytest.Item]:
        """One item that builds the model, one per law, the audit's, and the lock's where it is wanted."""
        found = list(self._items())
        config = self.config_of_model
        marks = [getattr(pytest.mark, name) for name in config.marks]
        if self.config.pluginmanager.hasplugin("rerunfailures"):
            # Each is decided by its seeds: what fails once fails again.
            marks.append(pytest.mark.flaky(reruns=0))
        for item in found:
            for mark in marks:
                item.add_marker(mark)
        for key, reasons in (("skip", config.skip), ("xfail", config.xfail)):
            for name, reason in reasons.items():
                known = pytest.mark.skip(reason) if key == "skip" else pytest.mark.xfail(reason=reason, strict=True)
                for item in found:
                    if item.name == name:
                        item.add_marker(known)
        yield from found

    def _items(self) -> Iterator[pytest.Item]:
        from vae_checked.auditor.check import laws_of_models

        yield BuildItem.from_parent(self, name="build")
        for law in laws_of_models():
            yield LawItem.from_parent(self, name=law.name, law=law)
        if self.config.getoption("--vae-audit"):
            from vae_checked.catalogue import CATALOGUE, Observer

            for mistake in CATALOGUE:
                if Observer.AUDIT in mistake.seen_by:
                    yield MistakeItem.from_parent(self, name=mistake.code, code=mistake.code)
        else:
            yield AuditItem.from_parent(self, name="audit")
        table = self.config_of_model
        if table.min_effective_beta is not None or table.max_effective_beta is not None:
            yield EffectiveBetaItem.from_parent(self, name="effective-beta")
        for name in asked_on_data(table):
            yield OnDataItem.from_parent(self, name=name)
        if shapes_wanted(self.config):
            yield ShapesItem.from_parent(self, name="shapes")


def shapes_wanted(config: pytest.Config) -> bool:
    """Whether shapes are compared with the lock."""
    return bool(config.getoption("--vae-shapes") or config.getoption("--vae-shapes-update"))


def _locked_alone(path: Path, configured: Mapping[str, ModelConfig]) -> dict[str, ModelConfig | None]:
    from vae_checked.cli.shapes import config_of_lock
    from vae_checked.errors import UsageError
    from vae_checked.shapes import read_lock

    try:
        locked = read_lock(path).models
    except UsageError:  # which the items of the configured models tell
        return {}
    return {
        name: config_of_lock(name, model) if "model" in model.run else None
        for name, model in locked.items()
        if name not in configured
    }
