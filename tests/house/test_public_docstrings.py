"""What the reference of the package shows: every argument described, every example run."""

from __future__ import annotations

import doctest
import inspect
import re
from collections.abc import Callable
from dataclasses import is_dataclass
from typing import Any

import pytest

import vae_checked
from vae_checked import shapes

_SECTION = re.compile(r"^(\w+):\n((?: {4}.*\n|\n)*)", re.MULTILINE)
_ARGUMENT = re.compile(r"^ {4}(\w+): \S", re.MULTILINE)
# Their docstrings say what they mean; nobody writes the arguments of what is only handed out.
_IS_HANDED_OUT = ("AuditReport", "Facts", "Finding", "WrapReport", "VaeCheckedError")


def called() -> dict[str, Callable[..., Any]]:
    """The functions and classes of the package that a user calls, by their names."""
    names = [name for name in vae_checked.__all__ if name != "__version__" and name not in _IS_HANDED_OUT]
    return {**{name: getattr(vae_checked, name) for name in names}, "shapes.infer": shapes.infer}


def undescribed(function: Callable[..., Any]) -> list[str]:
    """The arguments of a function, or of a class's constructor, that its docstring does not describe."""
    sections = dict(_SECTION.findall(inspect.getdoc(function) + "\n"))
    described = _ARGUMENT.findall(sections.get("Args", ""))
    return [name for name in inspect.signature(function).parameters if name not in described]


@pytest.mark.parametrize("name", sorted(called()))
def test_every_argument_is_described(name: str) -> None:
    assert undescribed(called()[name]) == []


@pytest.mark.parametrize("name", ["Monitor", "audit", "checked", "lint", "shapes.infer", "wrap"])
def test_the_example_runs_as_it_is_shown(name: str) -> None:
    function = called()[name]
    tests = doctest.DocTestFinder(recurse=False).find(function, name, module=inspect.getmodule(function), globs={})
    runner = doctest.DocTestRunner(verbose=False)
    tried = [runner.run(test) for test in tests]
    assert sum(each.attempted for each in tried) >= 3
    assert sum(each.failed for each in tried) == 0


@pytest.mark.parametrize("name", _IS_HANDED_OUT)
def test_what_is_handed_out_is_no_function(name: str) -> None:
    kind = getattr(vae_checked, name)
    assert [is_dataclass(kind), issubclass(kind, Exception)].count(True) == 1


def test_an_argument_that_is_not_described_is_seen() -> None:
    def scale(x: float, by: float, to: float) -> float:
        """Scale a number.

        Args:
            x: the number.
            by:
        """
        return x * by + to

    assert undescribed(scale) == ["by", "to"]
