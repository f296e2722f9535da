"""The items of one model share what is recorded of it, and let go of it when the run has come past them."""

from __future__ import annotations

import re

import pytest
from test_plugin import Run, project, table

__all__ = ["project"]  # a fixture, which pytest finds by its name

# Each recorded pass and who asked for it; how many are held before a model's first item, and at the end.
COUNTED = """
import gc
import sys

from vae_checked.auditor import audit, stages
from vae_checked.auditor.observe import observe

done = []

def tapes():
    gc.collect()
    return sum(type(each).__name__ == "Tape" for each in gc.get_objects())

BEFORE = tapes()

def noting(room):
    def noted(*args, **kwargs):
        done.append(room.__name__.rpartition(".")[2])
        return observe(*args, **kwargs)
    room.observe = noted

ROOMS = [sys.modules["vae_checked.auditor.audit"], stages]
for each in ROOMS:
    noting(each)

def pytest_runtest_setup(item):
    if item.name == "build":
        terminal(item.config).write_line(f"HELD before {item.parent.name} {tapes() - BEFORE}")

def terminal(config):
    return config.pluginmanager.getplugin("terminalreporter")

def pytest_unconfigure():
    for each in ROOMS:
        each.observe = observe

def pytest_terminal_summary(terminalreporter):
    terminalreporter.write_line(f"PASSES audit {done.count('audit')} laws {done.count('stages')}")
    terminalreporter.write_line(f"HELD at the end {tapes() - BEFORE}")
"""


def passes(result: pytest.RunResult, audit: int, laws: int) -> None:
    result.stdout.fnmatch_lines([f"PASSES audit {audit} laws {laws}"])


# The model draws in evaluation, which is therefore recorded once more.
def test_the_laws_take_the_passes_of_the_audit(project: Run, pytester: pytest.Pytester) -> None:
    pytester.makeconftest(COUNTED)
    chosen = ("vae::a::build", "vae::a::sample-is-affine", "vae::a::posterior-shape")
    whole = project(*chosen, "vae::a::audit", "--vae-case", "7,1", tables=table("a", "right"), own_process=False)
    whole.assert_outcomes(passed=4)
    passes(whole, audit=3, laws=1)
    alone = project(*chosen, "--vae-case", "7,1", tables=None, own_process=False)
    alone.assert_outcomes(passed=3)
    passes(alone, audit=0, laws=2)
    audit = project("vae::a::audit", tables=None, own_process=False)
    audit.assert_outcomes(passed=1)
    passes(audit, audit=3, laws=1)


def test_a_wrong_model_is_named_by_the_same_items(project: Run, pytester: pytest.Pytester) -> None:
    pytester.makeconftest(COUNTED)
    case = ("vae::a", "--vae-case", "7,1", "-rf")
    whole = project(*case, tables=table("a", "wrong"), own_process=False)
    laws = project(*case, "-k", "not audit", tables=None, own_process=False)
    failed = [{line for line in run.outlines if line.startswith("FAILED")} for run in (whole, laws)]
    assert {line for line in failed[0] if "::audit" not in line} == failed[1]
    assert any("kl-closed-form" in line for line in failed[1])
    assert [line for line in failed[0] if "::audit" in line and "VAE201" in line]
    counts = [re.findall(r"laws (\d+)", line) for run in (whole, laws) for line in run.outlines if "PASSES" in line]
    assert int(counts[1][0]) - int(counts[0][0]) == 1


def test_nothing_recorded_is_held_when_the_items_of_a_model_are_over(project: Run, pytester: pytest.Pytester) -> None:
    pytester.makeconftest(COUNTED)
    tables = table("a", "right") + table("b", "right")
    result = project("vae::a", "vae::b::build", "--vae-fast", tables=tables, own_process=False)
    result.stdout.fnmatch_lines(["*HELD before b 0*", "HELD at the end 0"])
