"""What all tests share.

The profiles that Hypothesis runs under: the suite draws the same examples every time, `make fuzz` new ones.
"""

from __future__ import annotations

import gc
import os
import tempfile
from collections.abc import Iterator

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


@pytest.fixture(autouse=True, scope="session")
def cache_of_its_own() -> Iterator[None]:
    """The tests neither use nor fill the user's cache."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", folder)
        yield


@pytest.fixture(autouse=True, scope="session")
def no_terminal() -> Iterator[None]:
    """Reports are neither wrapped nor painted, whatever the terminal is from which the tests are run."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("COLUMNS", "NO_COLOR", "FORCE_COLOR"):
            patch.delenv(name, raising=False)
        yield
