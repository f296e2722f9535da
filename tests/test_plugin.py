"""The pytest plugin, in subprocesses: items of pyproject.toml, fixtures, selection, xdist, and its cost unused."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from vae_checked.catalogue import CATALOGUE, Observer, find
from vae_checked.laws import LAWS

ROOT = Path(__file__).resolve().parent.parent
PLUGIN = "vae_checked.pytest_plugin"
INSTALLED = any(entry.value == PLUGIN for entry in entry_points(group="pytest11"))
FAILING = "kl-closed-form"

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


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A project with a right and a wrong model; called with tables and arguments it runs pytest there."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.delenv("HYPOTHESIS_PROFILE", raising=False)
    pytester.makepyfile(right=find("VAE201").good, wrong=find("VAE201").bad)
    pytester.makepyfile(test_own="def test_own():\n    assert 1 + 1 == 2\n")

    def run(*arguments: str, tables: str | None = "") -> pytest.RunResult:
        if tables is not None:
            pytester.makefile(".toml", pyproject=f'[project]\nname = "mine"\n\n{tables}')
        plugin = () if INSTALLED else ("-p", PLUGIN)
        return pytester.run(sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *plugin, *arguments)

    return run


# ----------------------------------------------------------------------------------------------------- unused


def test_it_costs_nothing_until_it_is_used(project: Run, pytester: pytest.Pytester) -> None:
    pytester.makeconftest(
        """
        import sys

        def pytest_sessionfinish():
            ours = sorted(name for name in sys.modules if name.split(".")[0] == "vae_checked")
            heavy = sorted({"torch", "hypothesis.strategies", "beartype", "jaxtyping", "numpy"} & set(sys.modules))
            print("\\nOURS", ours, "HEAVY", heavy)
        """
    )
    result = project("-s", "-p", "no:hypothesispytest", "-p", "no:jaxtyping")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["OURS ['vae_checked', 'vae_checked.pytest_plugin'] HEAVY []"])
    result.stdout.no_fnmatch_line("vae-checked: *")


def test_a_project_without_pyproject_is_left_alone(project: Run, pytester: pytest.Pytester) -> None:
    result = project("-q", tables=None)
    result.assert_outcomes(passed=1)
    assert not (pytester.path / "pyproject.toml").exists()


# ----------------------------------------------------------------------------------------------------- items


def test_every_law_and_the_audit_of_every_model_are_items_of_a_run_of_a_folder(project: Run) -> None:
    result = project(".", "--collect-only", "-q", tables=table("a", "right") + table("b", "wrong"))
    listed = [line for line in result.outlines if "::" in line]
    names = ["build", *(law.name for law in LAWS), "audit"]
    assert listed == ["test_own.py::test_own", *(f"vae::{model}::{name}" for model in "ab" for name in names)]


def test_a_run_that_names_its_tests_runs_only_those(project: Run) -> None:
    result = project("test_own.py", tables=table("b", "wrong"))
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["vae-checked: models b (left out: this run names its tests)"])


def test_right_passes_and_wrong_is_told_with_what_reproduces_it(project: Run, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        raising=find("VAE201").good.replace("    def forward(self, x):\n", "    def forward(self, x):\n        1 / 0\n")
    )
    tables = table("a", "right") + table("b", "wrong") + table("gone", "nowhere") + table("r", "raising")
    only = f"test_own or build or audit or {FAILING} or kl-monte-carlo"
    result = project("-k", only, "-v", "-rs", tables=tables)
    result.assert_outcomes(passed=5, failed=4, skipped=8, deselected=4 * (len(LAWS) - 2))
    result.stdout.fnmatch_lines(
        [
            "vae-checked: models a, b, gone, r",
            "test_own.py::test_own PASSED*",
            "vae::a::build PASSED*",
            f"vae::a::{FAILING} PASSED*",
            "vae::a::audit PASSED*",
            "vae::b::build PASSED*",
            f"vae::b::{FAILING} FAILED*",
            "vae::b::audit FAILED*",
            "vae::gone::build FAILED*",
            f"vae::gone::{FAILING} SKIPPED*",
            "vae::r::build FAILED*",
            "vae::r::audit SKIPPED*",
            f"*_ vae::b::{FAILING} _*",
            "b: law kl-closed-form is broken: kl = *",
            "  kl(mu, s) is * at sample *, with std = exp(s), the law says * (B=2, C=3, H=8, W=12, L=5, seed 0)",
            "  source: Kingma and Welling 2014*",
            f'  reproduce: pytest -k "vae and b and {FAILING}" --vae-case 2,0',
            "*VAE201 log-std-read-as-logvar*",
            "*there is no module 'nowhere' to import*",
            "*ZeroDivisionError: division by zero*",
            "vae-checked: 4 held, 4 failed, 8 not put (-rs says why)",
            "SKIPPED*not known of this model: kl_scale",
            "SKIPPED*the model cannot be built or run: see vae::gone::build",
        ]
    )
    result.stdout.no_fnmatch_line("*Traceback*")


def test_the_items_run_in_parallel(project: Run) -> None:
    pytest.importorskip("xdist", reason="pytest-xdist runs the items in parallel")
    only = f"test_own or build or audit or {FAILING}"
    result = project("-n", "2", "-k", only, tables=table("a", "right") + table("b", "wrong"))
    result.assert_outcomes(passed=5, failed=2)
    result.stdout.fnmatch_lines(["2 workers*", f"*_ vae::b::{FAILING} _*"])


def test_mistakes_marker_xfail_import_mode_kwargs_and_case_go_together(project: Run, pytester: pytest.Pytester) -> None:
    pytester.makeconftest(
        f"""
        import pytest

        def pytest_collection_modifyitems(items):
            for item in items:
                if item.nodeid == "vae::known::{FAILING}":
                    item.add_marker(pytest.mark.xfail(reason="an old one", strict=True))
        """
    )
    reference = (
        '[tool.vae-checked.models.reference]\nmodel = "vae_checked.reference:VAE"\ninput = "B 1 4 6"\n'
        'loss = "loss_function"\n'
        'kwargs = {shape = [1, 4, 6], latents = 3, encoder = "mlp", decoder = "mlp", hidden = 7}\n'
    )
    result = project(
        *("--import-mode=importlib", "-m", "vae", "-k", f"VAE201 or {FAILING} or test_own", "-rx", "-v"),
        *("--vae-audit", "--vae-case", "3,11"),
        tables=table("known", "wrong") + table("wrong", "wrong") + reference,
    )
    audited = [mistake.code for mistake in CATALOGUE if Observer.AUDIT in mistake.seen_by]
    result.assert_outcomes(passed=2, failed=3, xfailed=1, deselected=1 + 3 * (len(LAWS) + len(audited) - 1))
    result.stdout.fnmatch_lines(
        [
            f"vae::known::{FAILING} XFAIL*",
            "vae::known::VAE201 FAILED*",
            f"vae::wrong::{FAILING} FAILED*",
            "vae::wrong::VAE201 FAILED*",
            f"vae::reference::{FAILING} PASSED*",
            "vae::reference::VAE201 PASSED*",
            "*(B=3, C=3, H=8, W=12, L=5, seed 11)*",
            "*--vae-case 3,11",
            f"XFAIL vae::known::{FAILING} - an old one",
        ]
    )


def test_files_are_linted_on_request_each_as_an_item(project: Run, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(broken="def f(:\n    logvar = 1\n    reparameterize kl\n")
    result = project("--vae-lint", "--ignore-glob=test_*", "-v", tables="")
    result.assert_outcomes(passed=1, failed=2)
    result.stdout.fnmatch_lines(
        [
            "broken.py::vae-lint FAILED*",
            "right.py::vae-lint PASSED*",
            "wrong.py::vae-lint FAILED*",
            "*broken.py*",
            "*wrong.py:*: VAE201 log-std-read-as-logvar: *",
        ]
    )
    result.stdout.no_fnmatch_line("*Traceback*")


def test_contracts_are_switched_off_for_the_tests_that_say_so(project: Run, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        test_contracts="""
        import pytest
        import torch
        from vae_checked.contracts import Float, Tensor, checked

        @checked
        def first(x: Float[Tensor, "B 3"]) -> Float[Tensor, "B"]:
            return x[:, 0]

        def test_on():
            with pytest.raises(TypeError):
                first(torch.zeros(2, 4))

        @pytest.mark.vae_contracts(off=True)
        def test_off():
            assert first(torch.zeros(2, 4)).shape == (2,)

        @pytest.mark.vae_contracts(off=False)
        def test_said_to_be_on():
            with pytest.raises(TypeError):
                first(torch.zeros(2, 4))

        @pytest.mark.vae_contracts("off")
        def test_misspelled():
            pass
        """
    )
    result = project("test_contracts.py", "--strict-markers")
    result.assert_outcomes(passed=3, failed=1)
    result.stdout.fnmatch_lines(["*write @pytest.mark.vae_contracts(off=True)*"])


# --------------------------------------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        ("[tool.vae-checked.models.a]\nmodle = 'right:VAE'\n", "*unknown key 'modle' (did you mean model?)*"),
        ("[tool.vae-checked]\nmodels = 3\n", "*is not a table of tables*"),
        ("[tool.vae-checked.models.a]\nmodel = \n", "*not readable as TOML*"),
    ],
)
def test_a_table_that_cannot_be_meant_stops_the_run(project: Run, tables: str, message: str) -> None:
    result = project("--rootdir", ".", "-c", "/dev/null", tables=tables)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([message])


@pytest.mark.parametrize("case", ["2", "0,1"])
def test_a_case_that_cannot_be_meant_stops_the_run(project: Run, case: str) -> None:
    result = project(f"--vae-case={case}", tables=table("a", "right"))
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*--vae-case is '{case}': give a batch size and a seed, such as 2,17*"])


# ----------------------------------------------------------------------------------------------------- fixtures


def test_the_fixtures_check_a_model_of_the_test(project: Run, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        test_fixtures="""
        import pytest
        import right
        import wrong

        def test_right(vae_check, vae_audit):
            assert vae_check(right.VAE(), right.INPUT, right.loss_function).findings == ()
            assert vae_audit(wrong.VAE(), wrong.INPUT, wrong.loss_function).findings[0].code == "VAE201"

        def test_wrong(vae_check):
            vae_check(wrong.VAE(), wrong.INPUT, wrong.loss_function, data_range=(0, 1))
        """
    )
    result = project("test_fixtures.py")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        ["*FindingsError: VAE: 1 finding and 1 broken law", "*VAE201 log-std-read-as-logvar*", "*law kl-closed-form*"]
    )
