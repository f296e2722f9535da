"""What all tests share.

The profiles that Hypothesis runs under: the suite draws the same examples every time, `make fuzz` new ones.
"""

from __future__ import annotations

import gc
import importlib
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = ["pytester"]

settings.register_profile("suite", derandomize=True, deadline=None, database=None, max_examples=50)
settings.register_profile(
    "fuzz", deadline=None, max_examples=5000, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "suite"))


# What is imported and collected lives as long as the run: the collector of garbage need not look at it, then or later,
# and the tests make more objects than one that looks at every few hundred can follow.
gc.disable()


def pytest_collection_finish() -> None:
    """Let the collector look at what the tests make from here on."""
    gc.freeze()
    gc.set_threshold(20_000, 20, 10)
    gc.enable()


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Iterator[None]:
    """Let each worker import the tests from another one of them on: what one has compiled, the others find compiled.

    All at once at the first, as they would without, compile everything as often as there are workers.
    """
    worker = getattr(session.config, "workerinput", None)
    if worker is not None:
        asked = [session.config.invocation_params.dir / each.partition("::")[0] for each in session.config.args]
        files = [file for path in asked for file in (sorted(path.rglob("test_*.py")) if path.is_dir() else [path])]
        first = int(worker["workerid"].removeprefix("gw")) * len(files) // worker["workercount"]
        for file in (*files[first:], *files[:first]):
            _import(file)
    return (yield)


def _import(file: Path) -> None:
    """Import a test as pytest does; what keeps it from being imported is said when pytest comes to it."""
    if str(file.parent) not in sys.path:
        sys.path.insert(0, str(file.parent))
    with suppress(Exception, pytest.skip.Exception):
        importlib.import_module(file.stem)


@pytest.fixture(autouse=True, scope="session")
def cache_of_its_own() -> Iterator[None]:
    """The tests neither use nor fill the user's cache."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", folder)
        yield


@pytest.fixture
def tmp_path(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for one test, which is made without a look at those of the tests before: pytest's own reads them all."""
    name = re.sub(r"\W", "_", request.node.name)[:30]
    return Path(tempfile.mkdtemp(prefix=f"{name}-", dir=tmp_path_factory.getbasetemp()))


@pytest.fixture(autouse=True, scope="session")
def no_terminal() -> Iterator[None]:
    """Reports are neither wrapped nor painted, whatever the terminal is from which the tests are run."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("COLUMNS", "NO_COLOR", "FORCE_COLOR"):
            patch.delenv(name, raising=False)
        yield
