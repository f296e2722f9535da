"""The pytest plugin: laws and audit of the models in pyproject.toml as test items, lint items, a marker and fixtures.

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
    from vae_checked.linter import LintReport

EXAMPLES = 10
LARGEST_BATCH = 4
LARGEST_SEED = 2**16
_TABLE = "tool.vae-checked"
_LINTED = (".py", ".ipynb")
_FILES = pytest.StashKey[list[Path]]()
_LINT_REPORT: pytest.StashKey[tuple[LintReport, dict[Path, str]]] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of the plugin."""
    group = parser.getgroup("vae-checked")
    group.addoption(
        "--vae-audit", action="store_true", help="one item per mistake of the catalogue, instead of one audit"
    )
    group.addoption("--vae-lint", action="store_true", help="one item per Python file and notebook that is collected")
    group.addoption("--vae-case", metavar="B,SEED", help="put the laws to this batch size and seed alone")


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known, and refuse an option that cannot be meant before anything runs."""
    case = config.getoption("--vae-case")
    if case is not None:
        _case(case)
    config.addinivalue_line("markers", "vae: a law or an audit of a model that pyproject.toml names, or a linted file")
    config.addinivalue_line("markers", "vae_contracts(off=True): run the test with shape contracts switched off")


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


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """With `--vae-lint`, every file that the linter reads."""
    if not parent.config.getoption("--vae-lint") or file_path.suffix not in _LINTED:
        return None
    parent.config.stash.setdefault(_FILES, []).append(file_path)
    return _LintFile.from_parent(parent, path=file_path)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Switch contracts off for a test that says so."""
    marker = item.get_closest_marker("vae_contracts")
    if marker is None:
        return (yield)
    if marker.args or set(marker.kwargs) != {"off"}:
        raise pytest.UsageError(f"{item.nodeid}: write @pytest.mark.vae_contracts(off=True)")
    if not marker.kwargs["off"]:
        return (yield)
    from vae_checked.contracts import contracts_off

    with contracts_off():
        return (yield)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """What came of the models' items, where there were any."""
    counts = {
        outcome: sum(
            isinstance(report, pytest.TestReport) and report.nodeid.startswith("vae::")
            for report in terminalreporter.stats.get(outcome, [])
        )
        for outcome in ("passed", "failed", "skipped")
    }
    if any(counts.values()):
        held, failed, skipped = counts.values()
        terminalreporter.write_line(f"vae-checked: {held} held, {failed} failed, {skipped} not put (-rs says why)")


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


class _HouseItem(pytest.Item):
    """An item that is selected by `-m vae` and fails with the house's own message."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.add_marker("vae")

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """The house message for what the house raised."""
        from vae_checked.errors import VaeCheckedError

        if isinstance(excinfo.value, VaeCheckedError):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)


class _LintFile(pytest.File):
    """One file that is linted."""

    def collect(self) -> Iterator[pytest.Item]:
        """One item."""
        yield _LintItem.from_parent(self, name="vae-lint")


class _LintItem(_HouseItem):
    """What the linter finds in one file; all files are read together, once, since a VAE may be spread over them."""

    def runtest(self) -> None:
        from vae_checked.errors import FindingsError
        from vae_checked.finding import Severity

        stash = self.config.stash
        if _LINT_REPORT not in stash:
            stash[_LINT_REPORT] = _linted(stash[_FILES])
        report, refused = stash[_LINT_REPORT]
        lines = [refused[self.path]] if self.path in refused else []
        lines += [f"{path}: {why}" for path, why in report.unread if Path(path.partition(":cell ")[0]) == self.path]
        lines += [
            f"{f.place}: {f.code} {f.name}: {f.message} ({f.measured}); fix: {f.fix}"
            for f in report.findings
            if f.place is not None and Path(f.place.path) == self.path and f.severity is not Severity.INFO
        ]
        if lines:
            raise FindingsError("\n".join(lines))

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """The item's place: the file."""
        return self.path, None, self.name


def _linted(files: list[Path]) -> tuple[LintReport, dict[Path, str]]:
    """The report on all files that can be read, and for the others why not."""
    from vae_checked.errors import UsageError
    from vae_checked.linter import lint

    refused: dict[Path, str] = {}
    for path in files:
        try:
            lint([path])
        except UsageError as error:
            refused[path] = str(error)
    return lint([str(path) for path in files if path not in refused]), refused


class _VaeItem(_HouseItem):
    """An item of one model."""

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


class _BuildItem(_VaeItem):
    """The model can be built and run, and its stages are seen."""

    def runtest(self) -> None:
        from vae_checked.errors import ModelError
        from vae_checked.laws import LAWS

        staged = self.node.staged()
        self.add_report_section("call", "stages not seen", "\n".join(staged.unobserved))
        if all(law.inapplicable(staged.stages) for law in LAWS):
            raise ModelError(f"none of the {len(LAWS)} laws can be put to it: {'; '.join(staged.unobserved)}")


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
