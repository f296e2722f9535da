"""The collectors: all models, one model, and a model that the lock alone has."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from vae_checked.pytest_plugin import configured_models, pyproject
from vae_checked.pytest_plugin.items import AuditItem, BuildItem, LawItem, MistakeItem, ShapesItem

if TYPE_CHECKING:
    from vae_checked.auditor.stages import Staged
    from vae_checked.config import ModelConfig


class Root(pytest.Collector):
    """All models."""

    def collect(self) -> Iterator[pytest.Collector]:
        """Every model in the order of pyproject.toml, and then what the lock alone has."""
        configured = configured_models(self.config) or {}
        for name, model in configured.items():
            yield ModelNode.from_parent(self, name=name, model=model)
        if shapes_wanted(self.config):
            for name, alone in _locked_alone(lock_path(self.config), configured).items():
                yield LockedNode.from_parent(self, name=name, model=alone)


class _Node(pytest.Collector):
    """One model: built when its first item runs, and once."""

    def __init__(self, *, model: ModelConfig | None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.model = model
        self._built: tuple[Any, Any] | Exception | None = None

    def built(self) -> tuple[Any, Any]:
        """The model and its loss; the error of the first attempt at every later one."""
        from vae_checked.errors import VaeCheckedError
        from vae_checked.load import build_model, load_object

        if self._built is None:
            model = self.config_of_model
            try:
                loss: Any = model.loss
                if loss is not None and ":" in loss:
                    loss = load_object(loss, "loss", model.folder)
                self._built = build_model(model.model, model.kwargs, model.folder), loss
            except VaeCheckedError as error:
                self._built = error
        if isinstance(self._built, Exception):
            raise self._built
        return self._built

    @property
    def config_of_model(self) -> ModelConfig:
        """The model's table."""
        if self.model is None:
            raise TypeError(f"{self.nodeid} has no table")
        return self.model


class LockedNode(_Node):
    """A model of the lock that pyproject.toml does not name; `model` is None where the lock does not say either."""

    def collect(self) -> Iterator[pytest.Item]:
        """One item."""
        yield ShapesItem.from_parent(self, name="shapes")


class ModelNode(_Node):
    """One model of pyproject.toml."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._staged: Staged | None = None
        self._report: Any = None

    def collect(self) -> Iterator[pytest.Item]:
        """One item that builds the model, one per law, the audit's, and the lock's where it is wanted."""
        from vae_checked.laws import LAWS

        yield BuildItem.from_parent(self, name="build")
        for law in LAWS:
            yield LawItem.from_parent(self, name=law.name, law=law)
        if self.config.getoption("--vae-audit"):
            from vae_checked.catalogue import CATALOGUE, Observer

            for mistake in CATALOGUE:
                if Observer.AUDIT in mistake.seen_by:
                    yield MistakeItem.from_parent(self, name=mistake.code, code=mistake.code)
        else:
            yield AuditItem.from_parent(self, name="audit")
        if shapes_wanted(self.config):
            yield ShapesItem.from_parent(self, name="shapes")

    def staged(self) -> Staged:
        """The model's stages."""
        if self._staged is None:
            from vae_checked.auditor.check import stages_for

            model, loss = self.built()
            config = self.config_of_model
            self._staged = stages_for(model, config.input, loss, data_range=config.data_range, adapter=config.adapter)
        return self._staged

    def report(self) -> Any:
        """The model's audit."""
        if self._report is None:
            from vae_checked.auditor import audit

            model, loss = self.built()
            config = self.config_of_model
            self._report = audit(
                model, config.input, loss, name=config.name, data_range=config.data_range, adapter=config.adapter
            )
        return self._report


def shapes_wanted(config: pytest.Config) -> bool:
    """Whether shapes are compared with the lock."""
    return bool(config.getoption("--vae-shapes") or config.getoption("--vae-shapes-update"))


def lock_path(config: pytest.Config) -> Path:
    """Where the lock lies."""
    from vae_checked.shapes import LOCK_NAME

    return pyproject(config).with_name(LOCK_NAME)


def _locked_alone(path: Path, configured: dict[str, ModelConfig]) -> dict[str, ModelConfig | None]:
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
