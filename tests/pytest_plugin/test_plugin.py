"""The pytest plugin: items of pyproject.toml, fixtures, selection, xdist, and its cost unused.

What can be seen in one run is looked at in one run, and what needs no process of its own is run in this one.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
import torch._dynamo  # noqa: F401  pytester forgets what a run imports, and this cannot be imported twice
from locks import signed
from preloaded import run_python

from vae_checked.auditor.check import laws_of_models
from vae_checked.catalogue import CATALOGUE, Observer, find
from vae_checked.cli.shapes import infer_configured
from vae_checked.config import ModelConfig
from vae_checked.shapes import locked, read_lock, write_lock

ROOT = Path(__file__).resolve().parents[2]
PLUGIN = "vae_checked.pytest_plugin"
INSTALLED = any(entry.value == PLUGIN for entry in entry_points(group="pytest11"))
FAILING = "kl-closed-form"
NAMES = ["build", *(law.name for law in laws_of_models()), "audit", "shapes"]

Run = Callable[..., pytest.RunResult]


def table(name: str, module: str, **more: str) -> str:
    keys = {
        "model": f"{module}:VAE",
        "input": "B 3 8 12",
        "loss": f"{module}:loss_function",
        **more,
    }
    lines = [f'{key} = "{value}"' for key, value in keys.items()]
    return "\n".join([f"[tool.vae-checked.models.{name}]", *lines, "data_range = [0, 1]", ""])


REFERENCE = (
    '[tool.vae-checked.models.reference]\nmodel = "vae_checked.reference:VAE"\ninput = "B 1 4 6"\n'
    'loss = "loss_function"\n'
    'kwargs = {shape = [1, 4, 6], latents = 3, encoder = "mlp", decoder = "mlp", hidden = 7}\n'
)
OF_REFERENCE = ModelConfig(
    "reference",
    "vae_checked.reference:VAE",
    {"shape": [1, 4, 6], "latents": 3, "encoder": "mlp", "decoder": "mlp", "hidden": 7},
    input="B 1 4 6",
    loss="loss_function",
)


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A project with a right and a wrong model; called with tables and arguments it runs pytest there.

    A fresh process has nothing imported, one of its own torch alone, and this process more.
    """
    monkeypatch.setenv("PYTHONPATH", str(ROOT), prepend=os.pathsep)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.delenv("HYPOTHESIS_PROFILE", raising=False)
    pytester.makepyfile(right=find("VAE201").good, wrong=find("VAE201").bad)
    pytester.makepyfile(test_own="def test_own():\n    assert 1 + 1 == 2\n")

    def run(
        *arguments: str, tables: str | None = "", own_process: bool = True, fresh: bool = False
    ) -> pytest.RunResult:
        if tables is not None:
            pytester.makefile(".toml", pyproject=f'[project]\nname = "mine"\n\n{tables}')
        plugin = () if INSTALLED else ("-p", PLUGIN)
        words = ("-p", "no:cacheprovider", *plugin, *arguments)
        if fresh:
            return pytester.run(sys.executable, "-m", "pytest", *words)
        if own_process:
            begun, done = time.perf_counter(), run_python("-m", "pytest", *words, cwd=pytester.path)
            took = time.perf_counter() - begun
            return pytest.RunResult(done.returncode, done.stdout.splitlines(), done.stderr.splitlines(), took)
        pytester.syspathinsert()
        return pytester.runpytest_inprocess(*words)

    return run


def lock_with(pytester: pytest.Pytester, *, altered: str = "") -> Path:
    """A lock that has the reference as it is, or with `altered` as its constraint, and a model that nobody names."""
    path = pytester.path / "vae-shapes.lock"
    as_it_is = locked(infer_configured(OF_REFERENCE))
    write_lock(path, {"reference": as_it_is, "stale": as_it_is})
    if altered:
        text, entry = path.read_text(encoding="utf-8"), f'"{as_it_is.facts["constraint"]}"'
        assert text.count(f"constraint = {entry}") == 2
        text = text.replace(f"constraint = {entry}", f'constraint = "{altered}"', 1)
        path.write_text(signed(text), encoding="utf-8")
    return path


# ----------------------------------------------------------------------------------------------------- unused


@pytest.mark.parametrize("tables", [None, ""], ids=["no pyproject", "no table"])
def test_it_costs_nothing_until_it_is_used(project: Run, pytester: pytest.Pytester, tables: str | None) -> None:
    pytester.makeconftest(
        """
        import sys

        def pytest_sessionfinish():
            ours = sorted(name for name in sys.modules if name.split(".")[0] == "vae_checked")
            heavy = sorted({"torch", "hypothesis.strategies", "beartype", "jaxtyping", "numpy"} & set(sys.modules))
            print("\\nOURS", ours, "HEAVY", heavy)
        """
    )
    result = project("-s", "-p", "no:hypothesispytest", "-p", "no:jaxtyping", tables=tables, fresh=True)
    result.assert_outcomes(passed=1)
    ours = ["vae_checked", "vae_checked.pytest_plugin", "vae_checked.pytest_plugin.configuration"]
    assert f"OURS {ours} HEAVY []" in result.outlines
    result.stdout.no_fnmatch_line("vae-checked: *")
    assert (pytester.path / "pyproject.toml").exists() == (tables is not None)


# ----------------------------------------------------------------------------------------------------- items


def test_a_run_that_names_its_tests_runs_only_those(project: Run) -> None:
    result = project("test_own.py", tables=table("b", "wrong"), own_process=False)
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["vae-checked: 1 model (b) of */pyproject.toml; left out: this run names its tests"])


CONTRACTS = """
import pytest
import torch
from vae_checked.contracts import Float, Tensor, checked

@checked
def first(x: Float[Tensor, "B 3"]) -> Float[Tensor, "B"]:
    return x[:, 0]

@checked
def never(x: Float[Tensor, "B 3"]) -> Float[Tensor, "B"]:
    return x[:, 0]

def test_on():
    with pytest.raises(TypeError):
        first(torch.zeros(2, 4))

@pytest.mark.vae_contracts(off=True)
def test_off():
    assert first(torch.zeros(2, 4)).shape == (2,)

@pytest.mark.vae_contracts(off=False)
def test_said_to_be_on():
    assert first(torch.zeros(2, 3)).shape == (2,)
    assert first(torch.zeros(2, 3)).shape == (2,)

@pytest.mark.vae_contracts("off")
def test_misspelled():
    pass
"""
FIXTURES = """
import right
import wrong

def test_right(vae_check, vae_audit, vae_shapes):
    assert vae_check(right.VAE(), right.INPUT, right.loss_function).findings == ()
    assert vae_audit(wrong.VAE(), wrong.INPUT, wrong.loss_function).findings[0].code == "VAE201"
    assert vae_shapes(right.VAE(), "B 3 8 12").input == "B 3 8 12"

def test_wrong(vae_check):
    vae_check(wrong.VAE(), wrong.INPUT, wrong.loss_function, data_range=(0, 1))
"""
LISTING = """
from pathlib import Path

def pytest_collection_modifyitems(config, items):
    if getattr(config, "workerinput", {}).get("workerid", "gw0") == "gw0":
        Path("items.txt").write_text("\\n".join(item.nodeid for item in items))
"""


def test_a_run_of_a_folder(project: Run, pytester: pytest.Pytester) -> None:
    raising = find("VAE201").good.replace("    def forward(self, x):\n", "    def forward(self, x):\n        1 / 0\n")
    pytester.makepyfile(raising=raising, test_contracts=CONTRACTS, test_fixtures=FIXTURES)
    pytester.makeconftest(LISTING)
    before = lock_with(pytester, altered="H % 2 == 0").read_bytes()
    tables = table("a", "right") + table("b", "wrong") + table("gone", "nowhere") + table("r", "raising") + REFERENCE
    only = f"test_ or build or audit or shapes or {FAILING}"
    result = project(
        ".", "-k", f"not (reference and not shapes) and ({only})", *("-v", "-rs"), "--vae-shapes", tables=tables
    )

    items = (pytester.path / "items.txt").read_text().splitlines()
    models = ("a", "b", "gone", "r", "reference")
    assert [each for each in items if not each.startswith("test_")] == [
        *(f"vae::{model}::{name}" for model in models for name in NAMES),
        "vae::stale::shapes",
    ]
    assert before == (pytester.path / "vae-shapes.lock").read_bytes()

    result.stdout.fnmatch_lines(
        [
            "vae-checked: 5 models (a, b, gone, r, reference) of */pyproject.toml",
            "test_contracts.py::test_on PASSED*",
            "test_contracts.py::test_off PASSED*",
            "test_contracts.py::test_said_to_be_on PASSED*",
            "test_contracts.py::test_misspelled FAILED*",
            "test_fixtures.py::test_right PASSED*",
            "test_fixtures.py::test_wrong FAILED*",
            "test_own.py::test_own PASSED*",
            "vae::a::build PASSED*",
            f"vae::a::{FAILING} PASSED*",
            "vae::a::audit PASSED*",
            "vae::a::shapes FAILED*",
            "vae::b::build PASSED*",
            f"vae::b::{FAILING} FAILED*",
            "vae::b::audit FAILED*",
            "vae::b::shapes FAILED*",
            "vae::gone::build FAILED*",
            f"vae::gone::{FAILING} SKIPPED*",
            "vae::gone::shapes SKIPPED*",
            "vae::r::build FAILED*",
            "vae::r::audit SKIPPED*",
            "vae::r::shapes FAILED*",
            "vae::reference::shapes FAILED*",
            "vae::stale::shapes FAILED*",
            "*write @pytest.mark.vae_contracts(off=True)*",
            "*FindingsError: VAE: 1 finding and 1 broken law",
            "*VAE201 log-std-read-as-logvar*",
            "*law kl-closed-form*",
            f"*_ vae::b::{FAILING} _*",
            "b: law kl-closed-form is broken: kl = *",
            "  kl(mu, s) is * at sample *, with std = exp(s), the law says * (B=2, C=3, H=8, W=12, L=5, seed 0)",
            "  source: Kingma and Welling 2014*",
            "  mistakes that break it: VAE201, VAE301, VAE306; more: vae-checked explain VAE201",
            f'  reproduce: pytest "vae::b::{FAILING}" --vae-case 2,0',
            "*VAE201 log-std-read-as-logvar*",
            "*reproduce: vae-checked audit b",
            "*_ vae::b::shapes _*",
            "vae-shapes.lock:1: b: *",
            "*there is no module 'nowhere' to import*",
            "*ZeroDivisionError: division by zero*",
            "*_ vae::reference::shapes _*",
            "vae-shapes.lock:*: reference: *H % 2 == 0*",
            '  reproduce: pytest "vae::reference::shapes" --vae-shapes; --vae-shapes-update accepts what is *',
            "*_ vae::stale::shapes _*",
            "vae-shapes.lock:*: stale: *",
            "vae-checked: 3 models active, 2 laws tested; 18 items: 4 held, 9 failed, 5 not tested",
            "vae-checked: 1 of 2 contracts active, 3 calls checked",
            "SKIPPED*the model cannot be built or run: see vae::gone::build",
        ]
    )
    result.stdout.no_fnmatch_line("*Traceback*")
    result.assert_outcomes(passed=9, failed=11, skipped=5, deselected=5 * len(NAMES) + 1 - 18)


XFAIL = f"""
import pytest

@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    for item in items:
        if item.nodeid == "vae::known::{FAILING}":
            item.add_marker(pytest.mark.xfail(reason="an old one", strict=True))
"""


def found(document: dict[str, Any]) -> set[tuple[str, str, str, str | None]]:
    """The findings of a report: code, name, subject and path of each."""
    return {(each["code"], each["name"], each["subject"], each["path"]) for each in document["findings"]}


def test_workers_marker_xfail_import_mode_lock_and_report_go_together(project: Run, pytester: pytest.Pytester) -> None:
    pytest.importorskip("xdist", reason="pytest-xdist runs the items in parallel")
    # By a name that no test here has: what is imported in this process already would be taken for it.
    pytester.makepyfile(test_marked_contracts=CONTRACTS)
    pytester.makeconftest(XFAIL)
    pytester.makepyfile(listing=LISTING)
    path = lock_with(pytester, altered="H % 2 == 0")
    only = f"VAE201 or {FAILING} or test_said_to_be_on or shapes"
    run = ("-p", "listing", "-p", "no:randomly", "--import-mode=importlib", "-rx", "-v", "-k", only)
    asked = (*run, "--vae-audit", "--vae-case", "3,11", "--vae-shapes-update", "--vae-report")
    tables = table("known", "wrong") + table("wrong", "wrong") + REFERENCE
    workers, alone, before = pytester.path / "workers", pytester.path / "alone", path.read_bytes()
    result = project("-n", "2", "--dist", "loadscope", *asked, f"json:{workers}", tables=tables)
    result.assert_outcomes(passed=7, failed=3, xfailed=1)
    items = (pytester.path / "items.txt").read_text().splitlines()
    audited = [mistake.code for mistake in CATALOGUE if Observer.AUDIT in mistake.seen_by]
    names = [*NAMES[: NAMES.index("audit")], *audited, "shapes"]
    assert [each for each in items if each.startswith("vae::known")] == [f"vae::known::{name}" for name in names]
    for line in (
        f"*XFAIL vae::known::{FAILING}*",
        "*FAILED vae::known::VAE201*",
        f"*PASSED vae::reference::{FAILING}*",
        "*PASSED vae::reference::VAE201*",
        "*PASSED vae::stale::shapes*",
        "*reproduce: vae-checked audit known --select VAE201",
        f"XFAIL vae::known::{FAILING} - an old one",
        "vae-checked: 3 models active, 3 laws tested; 10 items: 6 held, 3 failed, 1 known to fail, 0 not tested",
        "vae-checked: vae-shapes.lock written for known, reference, stale, wrong: review it, and commit it",
        "vae-checked: 1 of 2 contracts active, 2 calls checked",
    ):
        result.stdout.fnmatch_lines([line])
    written = read_lock(path).models
    assert sorted(written) == ["known", "reference", "wrong"]
    assert written["reference"] == locked(infer_configured(OF_REFERENCE))
    # What workers report is what one process does.
    path.write_bytes(before)
    project(*asked, f"json:{alone}", tables=None, own_process=False).assert_outcomes(passed=7, failed=3, xfailed=1)
    one, other = (json.loads(path.read_text(encoding="utf-8")) for path in (alone, workers))
    assert {(code, name) for code, name, subject, _ in found(one) if subject == "wrong"} == {
        ("VAE201", "log-std-read-as-logvar"),
        ("LAW", "kl-closed-form"),
    }
    assert found(one) == found(other)
    for document in (one, other):
        assert [each["subject"] for each in document["examined"]] == ["known", "reference", "wrong"]
    assert one["summary"]["words"] == other["summary"]["words"]


def test_one_item_is_named_and_a_run_in_which_no_model_ran_is_no_success(project: Run) -> None:
    result = project(
        f"vae::gone::{FAILING}", "vae::gone::audit", "-m", "vae", tables=table("gone", "nowhere"), own_process=False
    )
    result.assert_outcomes(skipped=2)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        [
            "vae-checked: 0 models active, 0 laws tested; 2 items: 0 held, 0 failed, 2 not tested",
            "  gone: 2 not tested: 2 because the model cannot be built or run: see vae::gone::build",
            "vae-checked: no model ran, so nothing was checked: see the build items",
        ]
    )
    again = project(f"vae::b::{FAILING}", "--vae-case", "3,11", tables=table("b", "wrong"), own_process=False)
    again.assert_outcomes(failed=1)
    again.stdout.fnmatch_lines(["*(B=3, C=3, H=8, W=12, L=5, seed 11)*", "*--vae-case 3,11"])


def test_files_are_linted_on_request_each_as_an_item(project: Run, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(broken="def f(:\n    logvar = 1\n    reparameterize kl\n", old=find("VAE201").bad)
    configured = '[tool.vae-checked]\nexclude = ["old.py"]\n'
    result = project("--vae-lint", "--ignore-glob=test_*", "-v", tables=configured, own_process=False)
    result.assert_outcomes(passed=2, failed=2)
    result.stdout.fnmatch_lines(
        [
            "broken.py::vae-lint FAILED*",
            "old.py::vae-lint PASSED*",
            "right.py::vae-lint PASSED*",
            "wrong.py::vae-lint FAILED*",
            "*broken.py*",
            "*wrong.py:*: VAE201 log-std-read-as-logvar: *",
        ]
    )
    result.stdout.no_fnmatch_line("*Traceback*")


# --------------------------------------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("tables", "arguments", "message"),
    [
        ("[tool.vae-checked.models.a]\nmodle = 'right:VAE'\n", (), "*unknown key 'modle' (did you mean model?)*"),
        ("[tool.vae-checked.models.a]\nmodel = \n", (), "*not readable as TOML*"),
        ("", ("--vae-case=2",), "*--vae-case is '2': give a batch size and a seed, such as 2,17*"),
        ("", ("--vae-case=0,1",), "*--vae-case is '0,1': give a batch size and a seed, such as 2,17*"),
        ("", ("--vae-shapes",), "*--vae-shapes: there is no model: name one in *pyproject.toml as *"),
        ("[tool.vae-checked.models]\n", (), "*tool.vae-checked.models] names no model*"),
    ],
)
def test_what_cannot_be_meant_stops_the_run(
    project: Run, tables: str, arguments: tuple[str, ...], message: str
) -> None:
    result = project(*arguments, "--rootdir", ".", "-c", "/dev/null", tables=tables, own_process=False)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([message])


def test_an_item_that_there_is_not_stops_the_run(project: Run) -> None:
    result = project("vae::aa::build", tables=table("a", "right"), own_process=False)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*not found: vae::aa::build: pytest --collect-only -m vae lists what there is"])


# ----------------------------------------------------------------------------------- which configuration, and its keys


@pytest.mark.parametrize("ini", ["pytest.ini", "tests/pytest.ini"])
def test_the_configuration_is_the_nearest_above_the_tests(project: Run, pytester: pytest.Pytester, ini: str) -> None:
    inner = pytester.path / "tests"
    inner.mkdir()
    (inner / "test_inner.py").write_text("def test_inner():\n    pass\n", encoding="utf-8")
    # A file of pytest's own makes its folder the rootdir, and a pyproject.toml without our table configures nothing.
    (pytester.path / ini).write_text("[pytest]\n", encoding="utf-8")
    (inner / "pyproject.toml").write_text('[project]\nname = "inner"\n', encoding="utf-8")
    result = project("tests", "-k", "build or inner", "-v", tables=table("outer", "right"), own_process=False)
    result.assert_outcomes(passed=2, deselected=len(laws_of_models()) + 1)
    result.stdout.fnmatch_lines([f"vae-checked: 1 model (outer) of {pytester.path}/pyproject.toml"])


def test_items_are_skipped_or_known_to_fail_by_configuration(project: Run) -> None:
    keys = (
        'skip = { sample-moments = "takes long here" }\n'
        f'xfail = {{ {FAILING} = "reads the head as log std", kl-nonnegative = "is fine" }}\n'
    )
    chosen = f"sample-moments or {FAILING} or kl-nonnegative"
    result = project("-k", chosen, "-rsxX", tables=table("b", "wrong") + keys, own_process=False)
    result.assert_outcomes(skipped=1, xfailed=1, failed=1, deselected=len(laws_of_models()) - 1 + 1)
    result.stdout.fnmatch_lines_random(
        ["SKIPPED*takes long here", "XFAIL*reads the head as log std*", "*XPASS(strict)*"]
    )


def test_a_mistake_that_the_table_ignores_is_not_reported(project: Run) -> None:
    keys = 'ignore = ["VAE201"]\n'
    names = ("vae::b::VAE201", "vae::b::VAE204")
    result = project(*names, "--vae-audit", "-rs", tables=table("b", "wrong") + keys, own_process=False)
    result.assert_outcomes(passed=1, skipped=1)
    result.stdout.fnmatch_lines(["  b: 1 not tested: 1 because the model's table ignores it"])
    project("vae::b::audit", tables=None, own_process=False).assert_outcomes(passed=1)


def test_a_law_that_lacks_the_loss_names_the_key(project: Run, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(apart=find("VAE201").good.replace("def loss_function", "def other"))
    bare = '[tool.vae-checked.models.c]\nmodel = "apart:VAE"\ninput = "B 3 8 12"\n'
    asks = ("recon-least-at-target", "kl-even-in-mu", "decoder-shape", "VAE301", "VAE104", "effective-beta")
    asked = bare + "max_effective_beta = 4\nskip = { decoder-shape = 'slow' }\n"
    result = project(*(f"vae::c::{name}" for name in asks), "--vae-audit", tables=asked, own_process=False)
    result.assert_outcomes(skipped=6)
    told = "the key loss would add up to 4; the key data_range would add up to 1; 1 because slow"
    result.stdout.fnmatch_lines([f"  c: 6 not tested: {told}"])


COUNTED = """
from collections import Counter

from vae_checked.pytest_plugin.items import LawItem

puts = Counter()
put_once = LawItem.check

def counted(self, staged, batch, seed):
    puts[self.law.name] += 1
    return put_once(self, staged, batch, seed)

LawItem.check = counted

def pytest_unconfigure():
    LawItem.check = put_once

def pytest_terminal_summary(terminalreporter):
    terminalreporter.write_line(f"PUTS {sorted(puts.items())}")
"""


def test_the_fast_mode_puts_each_law_twice(project: Run, pytester: pytest.Pytester) -> None:
    pytester.makeconftest(COUNTED)
    only = ("-k", "kl-nonnegative or sample-moments", "-m", "vae")
    full = project(*only, tables=table("a", "right"), own_process=False)
    full.stdout.fnmatch_lines(["PUTS [[]('kl-nonnegative', 10), ('sample-moments', 2)]"])
    fast = project(*only, "--vae-fast", tables=None, own_process=False)
    fast.stdout.fnmatch_lines(["PUTS [[]('kl-nonnegative', 2), ('sample-moments', 2)]"])


def test_a_key_that_names_no_item_stops_the_run(project: Run) -> None:
    result = project(tables=table("a", "right") + 'skip = { sample-moment = "slow" }\n', own_process=False)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*skip names 'sample-moment', which is no item (did you mean sample-moments?)*"])
    unknown = project(tables=table("a", "right") + 'ignore = ["VAE999"]\n', own_process=False)
    assert unknown.ret == pytest.ExitCode.USAGE_ERROR
    unknown.stderr.fnmatch_lines(["*models.a]: ignore: 'VAE999' names no mistake in the catalogue*"])
    again = project(tables=table("a", "right") + "xfail = ['audit']\n", own_process=False)
    assert again.ret == pytest.ExitCode.USAGE_ERROR
    again.stderr.fnmatch_lines(["*xfail is ?'audit'?, not a table of reasons such as *"])


def test_the_sources_that_are_named_are_linted_and_not_the_tests(project: Run, pytester: pytest.Pytester) -> None:
    for path, text in (("src/model.py", find("VAE201").bad), ("src/deep/other.py", find("VAE201").good)):
        (pytester.path / path).parent.mkdir(parents=True, exist_ok=True)
        (pytester.path / path).write_text(text, encoding="utf-8")
    own = '[tool.vae-checked]\nsources = ["src"]\n'
    result = project("--vae-lint", "test_own.py", "-v", tables=own, own_process=False)
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines_random(["*model.py::vae-lint FAILED*", "*other.py::vae-lint PASSED*"])
    result.stdout.no_fnmatch_line("*wrong.py::vae-lint*")
    gone = project("--vae-lint", tables='[tool.vae-checked]\nsources = ["scr"]\n', own_process=False)
    assert gone.ret == pytest.ExitCode.USAGE_ERROR
    gone.stderr.fnmatch_lines(["*sources: *scr: no such file or folder*"])
