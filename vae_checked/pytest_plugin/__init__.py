"""The pytest plugin: laws, audit and shapes of the models in pyproject.toml as test items, lint items, fixtures.

Nothing of the project is imported before a model is configured, an option is given or a fixture is used: this module
holds hooks, and the other modules of the room are imported inside them.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from vae_checked.pytest_plugin.configuration import (
    ROOT,
    TABLE,
    changed_models,
    configured_models,
    names_sources,
    pyproject,
)

if TYPE_CHECKING:
    from vae_checked.contracts.package import Package

_LINTED = (".py", ".ipynb")
_BLOCK = pytest.StashKey[AbstractContextManager["Package"]]()
_CONTRACTS = pytest.StashKey["Package"]()
_NAMED = pytest.StashKey[list[str]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of the plugin."""
    group = parser.getgroup("vae-checked")
    group.addoption(
        "--vae-audit", action="store_true", help="one item per mistake of the catalogue, instead of one audit"
    )
    group.addoption("--vae-lint", action="store_true", help="one item per Python file and notebook that is collected")
    group.addoption("--vae-shapes", action="store_true", help="compare the models' shapes with vae-shapes.lock")
    group.addoption(
        "--vae-shapes-update", action="store_true", help="write the models' shapes to vae-shapes.lock where they differ"
    )
    group.addoption(
        "--vae-changed",
        metavar="REV",
        action="append",
        default=[],
        help="only models that import what changed since this revision of git, or this file; may be repeated",
    )
    group.addoption("--vae-fast", action="store_true", help="test each law at two sizes and seeds, not at ten")
    group.addoption(
        "--vae-contracts",
        metavar="PACKAGE",
        action="append",
        default=[],
        help="check what PACKAGE annotates, or says in comments on shapes, as a contract from its import on",
    )
    group.addoption(
        "--vae-write-baseline",
        action="store_true",
        help="write what fails to the file that models-baseline of pyproject.toml names, and drop what holds",
    )
    group.addoption("--vae-case", metavar="B,SEED", help="test the laws at this batch size and seed alone")
    group.addoption(
        "--vae-report",
        metavar="FORMAT:FILE",
        action="append",
        default=[],
        help="write what was found to a file, in a format of vae-checked audit, as in html:vae.html; may be repeated",
    )


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Iterator[None]:
    """Put packages under contract before a conftest.py imports them; UsageError for one that is imported already."""
    packages = early_config.known_args_namespace.vae_contracts
    if packages:
        from vae_checked.contracts import check_package
        from vae_checked.errors import UsageError

        block = check_package(*packages)
        try:
            early_config.stash[_CONTRACTS] = block.__enter__()
        except UsageError as error:
            raise pytest.UsageError(f"--vae-contracts: {error}") from None
        early_config.stash[_BLOCK] = block
    return (yield)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Leave imports alone again."""
    block = config.stash.get(_BLOCK, None)
    if block is not None:
        from vae_checked.errors import UsageError

        with suppress(UsageError):  # nothing was imported, which the line after the run says
            block.__exit__(None, None, None)


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known, and refuse an option that cannot be meant before anything runs."""
    case = config.getoption("--vae-case")
    if case is not None:
        from vae_checked.pytest_plugin.items import parsed_case

        parsed_case(case)
    if config.getoption("--vae-report"):
        from vae_checked.pytest_plugin.run_report import prepare

        prepare(config, config.getoption("--vae-report"))
    config.addinivalue_line("markers", "vae: a law or an audit of a model that pyproject.toml names, or a linted file")
    config.addinivalue_line("markers", "vae_contracts(off=True): run the test with shape contracts switched off")


def pytest_report_header(config: pytest.Config) -> str | None:
    """Which models are under test, and whether contracts are, where there are any."""
    configured = configured_models(config)
    if configured is None:
        return None
    from vae_checked.pytest_plugin.summary import header

    left = set(configured) - set(changed_models(config))
    return header(list(configured), str(pyproject(config)), left_out=not _models_run(config), unchanged=left)


@pytest.hookimpl(tryfirst=True)
def pytest_collection(session: pytest.Session) -> None:
    """Keep arguments such as `vae::NAME::kl-nonnegative` from being taken for paths."""
    config = session.config
    named = [argument for argument in config.args if argument.startswith(ROOT)]
    if named:
        config.stash[_NAMED] = named
        config.args[:] = [argument for argument in config.args if not argument.startswith(ROOT)]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(session: pytest.Session, config: pytest.Config, items: list[pytest.Item]) -> None:
    """Add the models' items before anyone selects among them."""
    if config.getoption("--vae-lint") and names_sources(config):
        from vae_checked.pytest_plugin.linting import of_sources

        items.extend(of_sources(session, pyproject(config)))
    configured = configured_models(config)
    wanted = [name for name in ("--vae-audit", "--vae-shapes", "--vae-shapes-update") if config.getoption(name)]
    named = config.stash.get(_NAMED, [])
    if not configured and (wanted or named):
        raise pytest.UsageError(
            f"{(wanted + named)[0]}: there is no model: name one in {pyproject(config)} as [{TABLE}.models.NAME]"
        )
    if not configured or not _models_run(config):
        return
    for argument in named:
        if argument.split("::")[1] not in configured:
            raise _not_found(argument)
    from vae_checked.pytest_plugin.models import Root, refuse_unknown_items

    if any(model.skip or model.xfail or model.ignore for model in configured.values()):
        refuse_unknown_items(configured, pyproject(config))
    if config.getoption("--vae-write-baseline") and all(model.baseline is None for model in configured.values()):
        raise pytest.UsageError(
            f'--vae-write-baseline: name the file in {pyproject(config)}: [{TABLE}] models-baseline = "vae-known.json"'
        )
    chosen_models = changed_models(config)
    root = Root.from_parent(
        session, name="vae", nodeid="vae", models=configured, chosen=chosen_models, pyproject=pyproject(config)
    )
    found = list(session.genitems(root))
    if not named:
        items.extend(found)
        return
    for argument in named:
        chosen = [item for item in found if item.nodeid == argument or item.nodeid.startswith(f"{argument}::")]
        if not chosen and argument.split("::")[1] in chosen_models:
            raise _not_found(argument)
        items.extend(chosen)


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """With `--vae-lint`, every file that the linter reads."""
    if not parent.config.getoption("--vae-lint") or file_path.suffix not in _LINTED or names_sources(parent.config):
        return None
    from vae_checked.pytest_plugin.linting import FILES, LintFile

    parent.config.stash.setdefault(FILES, []).append(file_path)
    return LintFile.from_parent(parent, path=file_path)


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


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Add what a worker of pytest-xdist found, and the contracts that it checked, to those of this process."""
    output = getattr(node, "workeroutput", {})
    if "vae_checked" in output:
        from vae_checked.pytest_plugin.summary import remember

        remember(node.config, output["vae_checked"])
    if "vae_checked_report" in output:
        from vae_checked.pytest_plugin.run_report import unpack

        unpack(node.config, output["vae_checked_report"])


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Tell the process that gathers reports what contracts did here, and fail a run in which no model ran."""
    if _has_contracts() and hasattr(session.config, "workeroutput"):
        from vae_checked.pytest_plugin.summary import told

        session.config.workeroutput["vae_checked"] = told()
    if session.config.getoption("--vae-report") and hasattr(session.config, "workeroutput"):
        from vae_checked.pytest_plugin.run_report import packed

        session.config.workeroutput["vae_checked_report"] = packed(session.config)
    if session.exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED and not _any_concerned(session.config):
        session.exitstatus = pytest.ExitCode.OK
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None and session.exitstatus == pytest.ExitCode.OK and configured_models(session.config):
        from vae_checked.pytest_plugin.summary import none_ran

        if none_ran(reporter):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
    package = session.config.stash.get(_CONTRACTS, None)
    # With workers the imports are theirs.
    imported_here = not session.config.pluginmanager.hasplugin("dsession")
    if package is not None and not package.checked and imported_here and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """How many models, laws and contracts were active, where there were any."""
    if configured_models(config) or _has_contracts() or _CONTRACTS in config.stash or _has_workers(config):
        from vae_checked.pytest_plugin.summary import lines

        for line in lines(terminalreporter, config, config.stash.get(_CONTRACTS, None)):
            terminalreporter.write_line(line)
    if any(model.baseline is not None for model in (configured_models(config) or {}).values()):
        from vae_checked.pytest_plugin.baseline import settled

        for line in settled(terminalreporter, config):
            terminalreporter.write_line(line)
    if config.getoption("--vae-report"):
        from vae_checked.pytest_plugin.run_report import write_reports

        for line in write_reports(terminalreporter, config):
            terminalreporter.write_line(line)


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


@pytest.fixture(scope="session")
def vae_latents() -> Any:
    """`vae_latents(encode, decode, vae=vae, pictures=x)`: one AssertionError where the helpers do not fit the VAE."""
    from vae_checked.auditor import audit_latents

    def check(*helpers: Any, **given: Any) -> Any:
        report = audit_latents(*helpers, **given)
        report.raise_for_findings()
        return report

    return check


@pytest.fixture(scope="session")
def vae_shapes() -> Any:
    """`vae_shapes(model, "B 3 H W")`: the symbolic shapes of the model's stages and layers."""
    from vae_checked.shapes import infer

    return infer


def _models_run(config: pytest.Config) -> bool:
    """Whether the run is of folders or of models, and not of the test files or tests that its command names."""
    if config.args_source is not pytest.Config.ArgsSource.ARGS or _NAMED in config.stash:
        return True
    return all(
        argument.startswith(ROOT) or ("::" not in argument and Path(config.invocation_params.dir, argument).is_dir())
        for argument in config.args
    )


def _any_concerned(config: pytest.Config) -> bool:
    """Whether there are models, and the change that the command names concerns one."""
    return not configured_models(config) or bool(changed_models(config))


def _not_found(argument: str) -> pytest.UsageError:
    return pytest.UsageError(f"not found: {argument}: pytest --collect-only -m vae lists what there is")


def _has_contracts() -> bool:
    return "vae_checked.contracts" in sys.modules


def _has_workers(config: pytest.Config) -> bool:
    return "vae_checked.pytest_plugin.summary" in sys.modules and config.pluginmanager.hasplugin("dsession")
