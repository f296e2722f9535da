"""What the items of one model hang under: the model itself, its stages and its audit."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from vae_checked.pytest_plugin.baseline import known_failures
from vae_checked.pytest_plugin.run_report import gathered

if TYPE_CHECKING:
    from vae_checked.auditor.records import Records
    from vae_checked.auditor.report import AuditReport
    from vae_checked.auditor.stages import Staged
    from vae_checked.config import ModelConfig
    from vae_checked.monitor.probe import Probed


class ModelNode(pytest.Collector):
    """One model: built when its first item runs, and once."""

    def __init__(self, *, model: ModelConfig | None, pyproject: Path, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.model = model
        self.pyproject = pyproject
        self._built: tuple[Any, Any] | Exception | None = None

    def built(self) -> tuple[Any, Any]:
        """The model and its loss; the error of the first attempt at every later one."""
        from vae_checked.errors import VaeCheckedError
        from vae_checked.load import build_model, load_object, placed

        if self._built is None:
            model = self.config_of_model
            try:
                loss: Any = model.loss
                if loss is not None and ":" in loss:
                    loss = load_object(loss, "loss", model.folder)
                self._built = placed(build_model(model.model, model.kwargs, model.folder), model.device), loss
            except VaeCheckedError as error:
                self._built = error
        if isinstance(self._built, Exception):
            raise self._built
        return self._built

    @property
    def line(self) -> int:
        """The line of the model's table in pyproject.toml, from 0; 0 for a model that the lock alone has."""
        head = re.compile(rf"""\s*\[\s*tool\.vae-checked\.models\.["']?{re.escape(self.name)}["']?\s*\]""")
        try:
            lines = self.pyproject.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            return 0
        return next((number for number, line in enumerate(lines) if head.match(line)), 0)

    @property
    def config_of_model(self) -> ModelConfig:
        """The model's table."""
        if self.model is None:
            raise TypeError(f"{self.nodeid} has no table")
        return self.model


class AuditedNode(ModelNode):
    """A model whose stages are asked for, and which is audited, once for all of its items."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._staged: Staged | None = None
        self._audit: AuditReport | None = None
        self._records: Records | None = None
        self._report: Any = None
        self._probed: Probed | None = None

    def staged(self) -> Staged:
        """The model's stages."""
        if self._staged is None:
            from vae_checked.auditor.check import stages_for

            model, loss = self.built()
            config = self.config_of_model
            if self._audits_as_well():
                with contextlib.suppress(Exception):  # the audit's own item tells it
                    self._audited()
            self._staged = stages_for(model, config.input, loss, records=self._records, **config.asked)
            self._records = None
        return self._staged

    def _audits_as_well(self) -> bool:
        """Whether this process audits the model anyway: what both record is then recorded by the audit, once."""
        if hasattr(self.config, "workerinput"):  # the audit may be an item of another worker
            return False
        own = [item for item in self.session.items if item.parent is self]
        return any(getattr(item, "audits", False) and not item.get_closest_marker("skip") for item in own)

    def _audited(self) -> AuditReport:
        """The audit; what the laws would record as well is kept until they ask for it."""
        if self._audit is None:
            from vae_checked.auditor.audit import audit_into
            from vae_checked.auditor.records import Records

            model, loss = self.built()
            config = self.config_of_model
            records = None if self._staged is not None else Records()
            report = audit_into(records or Records(), model, config.input, loss, name=config.name, **config.asked)
            self._audit, self._records = report, records
        return self._audit

    def teardown(self) -> None:
        """Let go of what was recorded of the model, where the run has come past the last of its items."""
        super().teardown()
        own = [place for place, item in enumerate(self.session.items) if item.parent is self]
        if own and own[-1] - own[0] + 1 == len(own):
            self._staged = self._records = None

    def report(self) -> Any:
        """The model's audit."""
        if self._report is None:
            from vae_checked.cli.options import ignored_by, only_codes

            report = self._audited()
            ignored = ignored_by(self.config_of_model)
            self._report = only_codes(report, frozenset(), ignored) if ignored else report
            found = gathered(self.config)
            if found is not None:
                found.audits[self.name] = self.new_report()
        return self._report

    def probed(self) -> Probed:
        """What the model makes of the data of its table."""
        if self._probed is None:
            from vae_checked.errors import ModelError
            from vae_checked.load import load_object
            from vae_checked.monitor.once import probe_once

            config = self.config_of_model
            model, loss = self.built()
            data = load_object(config.data or "", "data", config.folder)
            if callable(data):
                try:
                    data = data()
                except Exception as error:
                    raise ModelError(f"data {config.data!r} raised {type(error).__name__}: {error}") from error
            self._probed = probe_once(
                model, data, loss, adapter=config.adapter, bind=config.bind, forward=config.forward
            )
        return self._probed

    def new_report(self) -> Any:
        """The model's audit without the findings that the baseline knows."""
        from dataclasses import replace

        report, known = self.report(), self.known()
        return replace(report, findings=tuple(each for each in report.findings if each.code not in known))

    def known(self) -> frozenset[str]:
        """What the baseline knows to fail of the model."""
        found = known_failures(self.config, self.config_of_model)
        return frozenset() if found is None else found.of(self.name)


def lock_beside(pyproject: Path) -> Path:
    """Where the lock lies."""
    from vae_checked.shapes import LOCK_NAME

    return pyproject.with_name(LOCK_NAME)
