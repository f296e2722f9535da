"""What is known to fail of models: written, left alone by later runs, new beside it, and dropped when it holds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from test_plugin import Run, project, table

from vae_checked.cli import main
from vae_checked.config import load_models
from vae_checked.errors import UsageError
from vae_checked.known_failures import KnownFailures, load_known

__all__ = ["project"]  # a fixture, which pytest finds by its name

NAMED = '[tool.vae-checked]\nmodels-baseline = "known.json"\n'
ITEMS = ("vae::b::kl-closed-form", "vae::b::kl-nonnegative", "vae::b::audit")


def test_a_known_failure_is_none_and_a_new_one_is(
    project: Run, pytester: pytest.Pytester, capsys: pytest.CaptureFixture[str]
) -> None:
    tables = NAMED + table("b", "wrong")
    known = pytester.path / "known.json"
    written = project(*ITEMS, "--vae-write-baseline", tables=tables, own_process=False)
    written.assert_outcomes(passed=1, xfailed=2)
    assert written.ret == 0
    entries = {("b", "kl-closed-form"), ("b", "VAE201")}
    written.stdout.fnmatch_lines([f"vae-checked: {known}: 2 failures known from now on: commit it"])
    assert load_known(known) == KnownFailures(known, frozenset(entries))

    # The audit of the command line reads the same file, and says what it left out.
    assert main(["audit", "b"]) == 0
    assert "0 findings, 1 more in the baseline; " in capsys.readouterr().out

    KnownFailures(known, frozenset({("b", "kl-closed-form"), ("b", "kl-nonnegative"), ("gone", "audit")})).write()
    later = project(*ITEMS, tables=tables, own_process=False)
    later.assert_outcomes(passed=1, failed=1, xfailed=1)
    later.stdout.fnmatch_lines(
        [
            "*VAE201 log-std-read-as-logvar: *",
            f"vae-checked: {known}: kl-nonnegative of b holds: --vae-write-baseline drops the entry",
            f"vae-checked: {known}: there is no model gone: --vae-write-baseline drops the entry",
        ]
    )
    # What did not run keeps its entry; what holds loses it, also by the audit of the command line.
    KnownFailures(known, frozenset({("b", "kl-closed-form"), ("b", "VAE301"), ("gone", "audit")})).write()
    assert main(["audit", "b"]) == 1
    assert "VAE301 of b is gone: --write-baseline drops it" in capsys.readouterr().out
    assert main(["audit", "b", "--write-baseline"]) == 0
    assert capsys.readouterr().out == f"3 failures known from now on: {known}\n"
    assert load_known(known) == KnownFailures(known, frozenset({*entries, ("gone", "audit")}))


def test_what_is_no_baseline_of_models_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "known.json"
    assert load_known(None) is None
    assert load_known(file, may_be_absent=True) == KnownFailures(file)
    for text, said in {
        "{": "no JSON",
        "[]": "no list of what is known",
        '{"format_version": 2, "known": []}': "format_version 2, and 1 is understood",
        '{"format_version": 1, "known": [{"model": "b"}]}': "entry 0 has not the keys fails and model",
        '{"format_version": 1, "known": [{"model": "b", "fails": 3}]}': "entry 0 is not of texts",
    }.items():
        file.write_text(text, encoding="utf-8")
        with pytest.raises(UsageError, match=f"not one, {said}"):
            load_known(file)
    KnownFailures(file, frozenset({("b", "VAE301"), ("a", "kl-gradient")})).write()
    document = json.loads(file.read_text(encoding="utf-8"))
    assert document["known"] == [{"model": "a", "fails": "kl-gradient"}, {"model": "b", "fails": "VAE301"}]
    file.unlink()
    with pytest.raises(UsageError, match="no such file: pytest --vae-write-baseline writes it"):
        load_known(file)
    pyproject = tmp_path / "pyproject.toml"
    pyproject.write_text("[tool.vae-checked]\nmodels-baseline = 3\n" + table("a", "right"), encoding="utf-8")
    with pytest.raises(UsageError, match="models-baseline is 3, not the path of a file"):
        load_models(pyproject)
    assert main(["audit", "right:VAE", "--write-baseline"]) == 2
    assert "--write-baseline needs to know the file: give --baseline FILE" in capsys.readouterr().err


def test_a_baseline_is_written_to_a_file_that_is_named(project: Run) -> None:
    result = project("--vae-write-baseline", tables=table("a", "right"), own_process=False)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*--vae-write-baseline: name the file in *: [[]tool.vae-checked] models-baseline = *"])
