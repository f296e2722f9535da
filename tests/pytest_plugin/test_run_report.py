"""`--vae-report FORMAT:FILE`: what the items of a run found, in every format, from every process."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import jsonschema
import pytest
from test_plugin import REFERENCE, Run, found, lock_with, project, table

from vae_checked.reports import FORMATS

__all__ = ["project"]  # a fixture, which pytest finds by its name

SCHEMA = Path(__file__).resolve().parents[2] / "docs" / "schemas" / "report.schema.json"
CHOSEN = ("-k", "build or audit or kl-closed-form or kl-even-in-mu or shapes or vae-lint")


def files(folder: Path) -> list[str]:
    """The options that ask for a report of every format, in files of this folder."""
    return [word for name in FORMATS for word in ("--vae-report", f"{name}:{folder / name}")]


def test_a_run_is_reported_in_every_format(project: Run, pytester: pytest.Pytester) -> None:
    lock_with(pytester, altered="H % 99 == 0")
    known = 'xfail = {audit = "until then", kl-closed-form = "until then"}\n'
    tables = REFERENCE + table("wrong", "wrong") + table("known", "wrong") + known + table("gone", "missing")
    result = project("--vae-lint", "--vae-shapes", *CHOSEN, *files(pytester.path), tables=tables, own_process=False)
    assert result.ret == 1
    result.stdout.fnmatch_lines([f"vae-checked: html report written to {pytester.path / 'html'}"])
    page = (pytester.path / "html").read_text(encoding="utf-8")
    assert re.search(r"<p><code>pytest [^<]*--vae-lint --vae-shapes [^<]*</code></p>", page)
    document = json.loads((pytester.path / "json").read_text(encoding="utf-8"))
    jsonschema.validate(document, json.loads(SCHEMA.read_text(encoding="utf-8")))
    assert {
        ("VAE201", "log-std-read-as-logvar", "wrong", "wrong.py"),
        ("VAE201", "log-std-read-as-logvar", "wrong.py:VAE", "wrong.py"),
        ("LAW", "kl-closed-form", "wrong", "pyproject.toml"),
        ("SHAPES", "changed", "reference", "vae-shapes.lock"),
        ("SHAPES", "missing", "wrong", "vae-shapes.lock"),
    } <= found(document)
    assert ("LAW", "kl-even-in-mu") not in {(code, name) for code, name, *_ in found(document)}
    assert {each["code"] for each in document["findings"] if each["subject"] == "known"} == {"SHAPES"}
    assert "known" in {each["subject"] for each in document["examined"]}
    assert [each["path"] for each in document["unread"]] == ["gone"]
    law = next(each for each in document["findings"] if each["code"] == "LAW")
    toml = (pytester.path / "pyproject.toml").read_text(encoding="utf-8").splitlines()
    assert toml[law["line"] - 1] == "[tool.vae-checked.models.wrong]"
    assert (law["how"], law["severity"]) == ("measured", "error")
    assert "the law says" in law["evidence"]
    log = json.loads((pytester.path / "sarif").read_text(encoding="utf-8"))["runs"][0]
    rules = [rule["id"] for rule in log["tool"]["driver"]["rules"]]
    assert {"LAW", "SHAPES", "VAE201"} <= set(rules)
    assert all(rules[each["ruleIndex"]] == each["ruleId"] for each in log["results"])
    assert log["invocations"][0]["executionSuccessful"] is False
    cases = ElementTree.parse(pytester.path / "junit").getroot().iter("testcase")
    assert ("wrong", "LAW kl-closed-form") in {(each.get("classname"), each.get("name")) for each in cases}
    assert {each["check_name"] for each in json.loads((pytester.path / "gitlab").read_text())} >= {"LAW", "VAE201"}
    annotated = (pytester.path / "github").read_text(encoding="utf-8")
    assert "::error title=LAW kl-closed-form,file=pyproject.toml," in annotated
    page = (pytester.path / "html").read_text(encoding="utf-8")
    assert "<h2>wrong</h2>" in page
    assert "LAW kl-closed-form: the law is broken" in page
    assert page.count('<svg class="flow"') >= 2
    assert "LAW kl-closed-form" in (pytester.path / "text").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("html", "write FORMAT:FILE, FORMAT one of text, json"),
        ("pdf:vae.pdf", "write FORMAT:FILE"),
        ("html:", "write FORMAT:FILE"),
        ("html:no/where.html", "no file can be written to"),
    ],
)
def test_a_report_that_cannot_be_written_is_refused_at_once(project: Run, asked: str, said: str) -> None:
    result = project("--vae-report", asked, tables=None, own_process=False)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*--vae-report is {asked!r}: *{said}*"])
