"""The pytest plugin: laws and audit of the models in pyproject.toml as test items, and two fixtures.

Nothing of the project is imported before a model is configured or a fixture is used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from vae_checked.auditor.staged import Staged
    from vae_checked.config import ModelConfig
    from vae_checked.laws import Law

EXAMPLES = 10
LARGEST_BATCH = 4
LARGEST_SEED = 2**16
_TABLE = "tool.vae-checked"


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of the plugin."""
    group = parser.getgroup("vae-checked")
    group.addoption(
        "--vae-audit", action="store_true", help="one item per mistake of the catalogue, instead of one audit"
    )
    group.addoption("--vae-case", metavar="B,SEED", help="put the laws to this batch size and seed alone")


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known, and refuse an option that cannot be meant before anything runs."""
    case = config.getoption("--vae-case")
    if case is not None:
        _case(case)
    config.addinivalue_line("markers", "vae: a law or an audit of a model that pyproject.toml names")


def pytest_report_header(config: pytest.Config) -> str | None:
    """How many models are under test, where there are any."""
    configured = _configured(config)
    if configured is None:
        return None
    names = ", ".join(configured) or "none"
    return f"vae-checked: models {names}" + ("" if _whole_run(config) else " (left out: this run names its tests)")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(session: pytest.Session, config: pytest.Config, items: list[pytest.Item]) -> None:
    """Add the models' items before anyone selects among them."""
    configured = _configured(config)
    if configured and _whole_run(config):
        items.extend(session.genitems(_Root.from_parent(session, name="vae", nodeid="vae")))


@pytest.fixture(scope="session")
def vae_check() -> Any:
    """`vae_check(model, inputs, loss)`: laws and audit, one AssertionError with everything that was found."""
    from vae_checked.auditor import check_vae

    return check_vae


@pytest.fixture(scope="session")
def vae_audit() -> Any:
    """`vae_audit(model, inputs, loss)`: the audit's report."""
    from vae_checked.auditor import audit

    return audit


# ------------------------------------------------------------------------------------------------ collection


def _pyproject(config: pytest.Config) -> Path:
    return config.rootpath / "pyproject.toml"


def _configured(config: pytest.Config) -> dict[str, ModelConfig] | None:
    """The models of pyproject.toml; None where it has no table of ours. UsageError stops the run."""
    path = _pyproject(config)
    try:
        if _TABLE not in path.read_text(encoding="utf-8", errors="replace"):
            return None
    except OSError:
        return None
    from vae_checked.config import load_models
    from vae_checked.errors import UsageError

    try:
        return load_models(path)
    except UsageError as error:
        raise pytest.UsageError(str(error)) from None


def _whole_run(config: pytest.Config) -> bool:
    """Whether the run is of folders, and not of the test files or tests that its command names."""
    if config.args_source is not pytest.Config.ArgsSource.ARGS:
        return True
    return all(
        "::" not in argument and Path(config.invocation_params.dir, argument).is_dir() for argument in config.args
    )


class _Root(pytest.Collector):
    """All models."""

    def collect(self) -> Iterator[pytest.Collector]:
        """Every model, in the order of pyproject.toml."""
        for model in (_configured(self.config) or {}).values():
            yield _ModelNode.from_parent(self, name=model.name, model=model)


class _ModelNode(pytest.Collector):
    """One model: built when its first item runs, and once."""

    def __init__(self, *, model: ModelConfig, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.model = model
        self._built: tuple[Any, Any] | Exception | None = None
        self._staged: Staged | None = None
        self._report: Any = None

    def collect(self) -> Iterator[pytest.Item]:
        """One item that builds the model, one per law, and the audit's."""
        from vae_checked.laws import LAWS

        yield _BuildItem.from_parent(self, name="build")
        for law in LAWS:
            yield _LawItem.from_parent(self, name=law.name, law=law)
        if self.config.getoption("--vae-audit"):
            from vae_checked.catalogue import CATALOGUE, Observer

            for mistake in CATALOGUE:
                if Observer.AUDIT in mistake.seen_by:
                    yield _MistakeItem.from_parent(self, name=mistake.code, code=mistake.code)
        else:
            yield _AuditItem.from_parent(self, name="audit")

    def built(self) -> tuple[Any, Any]:
        """The model and its loss; the error of the first attempt at every later one."""
        from vae_checked.errors import VaeCheckedError
        from vae_checked.load import build_model, load_object

        if self._built is None:
            model = self.model
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

    def staged(self) -> Staged:
        """The model's stages."""
        if self._staged is None:
            from vae_checked.auditor.check import stages_for

            model, loss = self.built()
            self._staged = stages_for(
                model, self.model.input, loss, data_range=self.model.data_range, adapter=self.model.adapter
            )
        return self._staged

    def report(self) -> Any:
        """The model's audit."""
        if self._report is None:
            from vae_checked.auditor import audit

            model, loss = self.built()
            config = self.model
            self._report = audit(
                model, config.input, loss, name=config.name, data_range=config.data_range, adapter=config.adapter
            )
        return self._report


# ----------------------------------------------------------------------------------------------------- items


class _VaeItem(pytest.Item):
    """An item of one model."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.add_marker("vae")

    @property
    def node(self) -> _ModelNode:
        """The model."""
        parent = self.parent
        if not isinstance(parent, _ModelNode):
            raise TypeError(f"{self.nodeid} hangs under {parent!r}, not under a model")
        return parent

    def needs_model(self) -> None:
        """Skip where the model cannot be built or run: its `build` item tells of that, once."""
        from vae_checked.errors import VaeCheckedError

        try:
            self.node.staged()
        except VaeCheckedError:
            pytest.skip(f"the model cannot be built or run: see {self.node.nodeid}::build")

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """The item's place: the table that asks for it."""
        return _pyproject(self.config), None, self.nodeid

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """The house message for what the house raised."""
        from vae_checked.errors import VaeCheckedError

        if isinstance(excinfo.value, VaeCheckedError):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)


class _BuildItem(_VaeItem):
    """The model can be built and run, and its stages are seen."""

    def runtest(self) -> None:
        staged = self.node.staged()
        lines = [f"not seen: {line}" for line in staged.unobserved]
        self.add_report_section("call", "stages", "\n".join(lines))


class _LawItem(_VaeItem):
    """One law, put to the model at batch sizes and seeds that Hypothesis draws and shrinks."""

    def __init__(self, *, law: Law, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.law = law

    def runtest(self) -> None:
        from vae_checked.laws import InapplicableError

        self.needs_model()
        staged = self.node.staged()
        reasons: list[str] = []

        def put(batch: int, seed: int) -> None:
            try:
                self.check(staged, batch, seed)
            except InapplicableError as error:
                reasons.append(str(error))

        case = self.config.getoption("--vae-case")
        tried = 1 if case is not None else _drawn(put, min(LARGEST_BATCH, staged.largest_batch))
        if case is not None:
            put(*_case(case))
        if len(reasons) == tried:
            pytest.skip(reasons[-1])

    def check(self, staged: Staged, batch: int, seed: int) -> None:
        """Put the law once; InapplicableError where it cannot be put."""
        from vae_checked.errors import FindingsError, ModelError
        from vae_checked.laws import InapplicableError

        try:
            violation = self.law.check(staged.stages, staged.sizes(batch), seed)
        except ModelError as error:
            raise InapplicableError(str(error)) from error
        if violation is not None:
            raise FindingsError(
                f"{self.node.name}: law {self.law.name} is broken: {self.law.statement}\n"
                f"  {violation}\n"
                f"  source: {self.law.source}\n"
                f'  reproduce: pytest -k "vae and {self.node.name} and {self.law.name}" --vae-case {batch},{seed}'
            )


def _drawn(put: Callable[[int, int], None], largest_batch: int) -> int:
    """Call `put` with batch sizes and seeds that Hypothesis draws, and shrinks on failure; how often it was called."""
    try:
        from hypothesis import HealthCheck, Phase, given, settings
        from hypothesis import strategies as st
    except ImportError:
        from vae_checked.errors import MissingDependencyError

        raise MissingDependencyError("hypothesis", "pytest", "drawing the sizes of a law") from None
    count = 0

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        report_multiple_bugs=False,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    @given(st.integers(1, largest_batch), st.integers(0, LARGEST_SEED))
    def drawn(batch: int, seed: int) -> None:
        nonlocal count
        count += 1
        put(batch, seed)

    drawn()
    return count


class _AuditItem(_VaeItem):
    """The whole audit."""

    def runtest(self) -> None:
        self.needs_model()
        self.node.report().raise_for_findings()


class _MistakeItem(_VaeItem):
    """One mistake of the catalogue."""

    def __init__(self, *, code: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.code = code

    def runtest(self) -> None:
        from vae_checked.errors import FindingsError
        from vae_checked.finding import Severity

        self.needs_model()
        report = self.node.report()
        found = [f for f in report.findings if f.code == self.code and f.severity is not Severity.INFO]
        if found:
            lines = [f"{f.subject}: {f.code} {f.name}: {f.message} ({f.measured}); fix: {f.fix}" for f in found]
            raise FindingsError("\n".join(lines))
        if not any(self.code in judgement.clean for judgement in report.judgements):
            lacking = [path for judgement in report.judgements for path in judgement.unexamined.get(self.code, ())]
            pytest.skip(f"not observed: {', '.join(dict.fromkeys(lacking))}")


def _case(text: str) -> tuple[int, int]:
    batch, _, seed = text.partition(",")
    if not (batch.strip().isdigit() and seed.strip().isdigit() and int(batch) > 0):
        raise pytest.UsageError(f"--vae-case is {text!r}: give a batch size and a seed, such as 2,17")
    return int(batch), int(seed)
