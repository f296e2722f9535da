"""Each report is read back by something that did not write it."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from email.message import Message
from xml.etree import ElementTree

import pytest
from report_samples import CLEAN, FOUND, LINE, PLACE, AuditLike, LintLike, strict

import vae_checked
from vae_checked.catalogue import CATALOGUE
from vae_checked.errors import UsageError
from vae_checked.facts import (
    KL,
    Fact,
    Factor,
    Facts,
)
from vae_checked.finding import Place, Severity
from vae_checked.reports import FORMATS, render

# ------------------------------------------------------------------------------------------------------ json


def test_the_json_of_a_finding() -> None:
    assert strict(render(LintLike(), "json")) == {
        "format_version": 1,
        "tool": {"name": "vae-checked", "version": vae_checked.__version__},
        "summary": {
            "findings": 1,
            "error": 1,
            "warning": 0,
            "info": 0,
            "vaes": 1,
            "core_checked": 0,
            "unread": 1,
            "words": "1 VAE, 1 finding",
        },
        "undecided": [{"subject": "model.py:VAE", "code": "VAE403", "missing": ["data.interval"], "reason": ""}],
        "findings": [
            {
                "code": "VAE201",
                "name": "log-std-read-as-logvar",
                "severity": "error",
                "subject": "model.py:VAE",
                "also": [],
                "path": "model.py",
                "line": 42,
                "end_line": 42,
                "column": 15,
                "end_column": 32,
                "cell": None,
                "message": FOUND.message,
                "evidence": FOUND.evidence,
                "how": "measured",
                "fix": "std = torch.exp(0.5 * logvar)",
                "fixed_line": None,
                "related": [{"path": "loss.py", "line": 88, "cell": None, "message": "the KL"}],
            }
        ],
        "left_out": [],
        "remarks": [],
        "unread": [{"path": "notes, 50%.py", "reason": "not Python: line 1"}],
        "examined": [
            {
                "subject": "model.py:VAE",
                "core_checked": False,
                "clean": ["VAE202", "VAE301"],
                "weighted": {},
                "undecided": ["VAE403"],
                "stopped_at": None,
            }
        ],
    }


def test_the_json_of_an_audit_adds_facts_recognised_and_unobserved() -> None:
    document = strict(render(AuditLike(), "json"))
    assert document["recognised"] == list(AuditLike.recognised)
    assert document["unobserved"] == list(AuditLike.unobserved)
    (facts,) = document["facts"]
    assert facts["subject"] == "model.py:VAE"
    assert facts["sampler"]["std"]["value"] == {"parametrisation": "log_std", "points": [[-1.0, 0.368]]}
    assert facts["sampler"]["std"]["origin"]["place"]["line"] == 42
    assert facts["sampler"]["shared_over"]["value"] == ["batch", "latent"]
    assert facts["heads"]["mu"]["value"]["high"] == "inf"
    assert facts["kl"]["factor"]["value"] == {"value": 0.5, "explicit": True, "claimed": False, "times": 1}
    assert facts["recon"]["kind"] is None
    assert facts["unobserved"] == {"recon.kind": "no loss was given"}


@pytest.mark.parametrize(("number", "written"), [(math.inf, "inf"), (-math.inf, "-inf"), (math.nan, "nan")])
def test_numbers_that_json_lacks_are_strings(number: float, written: str) -> None:
    facts = Facts("m", kl=KL(factor=Fact(Factor(number))))
    document = strict(render(AuditLike(facts=(facts,)), "json"))
    assert document["facts"][0]["kl"]["factor"]["value"]["value"] == written


# ----------------------------------------------------------------------------------------------------- sarif


def test_sarif_holds_what_the_standard_requires() -> None:
    log = strict(render(LintLike(), "sarif"))
    assert log["version"] == "2.1.0"
    assert log["$schema"].endswith("sarif-schema-2.1.0.json")
    (run,) = log["runs"]
    driver = run["tool"]["driver"]
    assert driver["name"] == "vae-checked"
    (result,) = run["results"]
    assert driver["rules"][result["ruleIndex"]]["id"] == result["ruleId"] == "VAE201"
    assert driver["rules"][0]["shortDescription"]["text"] == next(
        each.summary for each in CATALOGUE if each.code == "VAE201"
    )
    assert result["level"] == "error"
    assert result["message"]["text"].startswith(FOUND.message)
    (location,) = result["locations"]
    assert location["physicalLocation"]["artifactLocation"]["uri"] == "model.py"
    region = location["physicalLocation"]["region"]
    assert {key: region[key] for key in ("startLine", "startColumn", "endLine", "endColumn")} == {
        "startLine": 42,
        "startColumn": 15,
        "endLine": 42,
        "endColumn": 32,
    }
    assert result["relatedLocations"][0]["message"]["text"] == "the KL"
    (invocation,) = run["invocations"]
    assert invocation["executionSuccessful"] is False
    (whole,) = strict(render(AuditLike(), "sarif"))["runs"][0]["invocations"]
    assert whole["executionSuccessful"] is True
    (notice,) = invocation["toolExecutionNotifications"]
    assert notice["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "notes%2C%2050%25.py"


def test_sarif_holds_the_page_of_a_rule_and_the_edit_of_the_line() -> None:
    commented = replace(PLACE, text=f"{LINE}  # one half?")
    mended = replace(FOUND, place=commented, fixed_line="std = torch.exp(0.5 * logvar)")
    (run,) = strict(render(LintLike(findings=(mended,)), "sarif"))["runs"]
    (rule,) = run["tool"]["driver"]["rules"]
    assert rule["help"]["markdown"].startswith("# VAE201 log-std-read-as-logvar\n")
    assert "<" not in rule["help"]["markdown"].split("## Bad")[0]
    (fix,) = run["results"][0]["fixes"]
    (change,) = fix["artifactChanges"]
    (replacement,) = change["replacements"]
    region = replacement["deletedRegion"]
    assert change["artifactLocation"]["uri"] == "model.py"
    assert (region["startLine"], region["endLine"]) == (42, 42)
    start, end = region["startColumn"] - 1, region["endColumn"] - 1
    edited = commented.text[:start] + replacement["insertedContent"]["text"] + commented.text[end:]
    assert edited == "        std = torch.exp(0.5 * logvar)  # one half?"
    assert "fixes" not in strict(render(LintLike(), "sarif"))["runs"][0]["results"][0]


def test_sarif_names_the_documentation_where_the_package_states_one(monkeypatch: pytest.MonkeyPatch) -> None:
    stated = Message()
    stated["Project-URL"] = "Documentation, https://example.org/docs/"
    monkeypatch.setattr("importlib.metadata.metadata", lambda name: stated)
    (run,) = strict(render(LintLike(), "sarif"))["runs"]
    assert run["tool"]["driver"]["informationUri"] == "https://example.org/docs"
    assert run["tool"]["driver"]["rules"][0]["helpUri"] == "https://example.org/docs/catalogue/VAE201/"
    monkeypatch.setattr("importlib.metadata.metadata", lambda name: Message())
    (run,) = strict(render(LintLike(), "sarif"))["runs"]
    assert "informationUri" not in run["tool"]["driver"]


# ---------------------------------------------------------------------------------------------------- gitlab


def test_gitlab_gets_an_entry_per_finding_and_per_unread_file() -> None:
    twin = replace(FOUND, place=replace(PLACE, line=77, end_line=78), severity=Severity.WARNING)
    live = replace(FOUND, place=None, subject="pkg.model:VAE", severity=Severity.INFO)
    cell = replace(FOUND, place=Place("walk.ipynb", 2, 5, cell=3))
    entries = json.loads(render(LintLike(findings=(FOUND, twin, live, cell)), "gitlab"))
    assert [(each["check_name"], each["severity"], each["location"]) for each in entries] == [
        ("VAE201", "info", {"path": "pkg.model:VAE", "lines": {"begin": 1}}),
        ("VAE201", "major", {"path": "model.py", "lines": {"begin": 42, "end": 42}}),
        ("VAE201", "minor", {"path": "model.py", "lines": {"begin": 77, "end": 78}}),
        ("VAE201", "major", {"path": "walk.ipynb", "lines": {"begin": 1}}),
        ("unread", "major", {"path": "notes, 50%.py", "lines": {"begin": 1}}),
    ]
    assert len({each["fingerprint"] for each in entries}) == len(entries)
    assert FOUND.message in entries[1]["description"]


def test_a_fingerprint_of_gitlab_stays_where_lines_move() -> None:
    moved = replace(FOUND, place=replace(PLACE, line=50, end_line=50))
    first, second = (json.loads(render(AuditLike(findings=(each,)), "gitlab"))[0] for each in (FOUND, moved))
    assert first["fingerprint"] == second["fingerprint"]
    assert first["location"] != second["location"]


def test_sarif_names_the_cell_of_a_notebook_and_no_line_of_its_json() -> None:
    cell = replace(FOUND, place=Place("walk.ipynb", 2, 5, cell=3))
    (result,) = strict(render(AuditLike(findings=(cell,)), "sarif"))["runs"][0]["results"]
    assert "region" not in result["locations"][0]["physicalLocation"]
    assert result["locations"][0]["logicalLocations"] == [{"name": "cell 3, line 2"}]


def test_sarif_of_a_live_model_names_the_model() -> None:
    live = replace(FOUND, place=None, subject="pkg.model:VAE")
    (result,) = strict(render(AuditLike(findings=(live,)), "sarif"))["runs"][0]["results"]
    assert result["locations"] == [{"logicalLocations": [{"fullyQualifiedName": "pkg.model:VAE"}]}]


# ---------------------------------------------------------------------------------------------------- github


def test_github_annotations_are_single_lines_with_escapes() -> None:
    lines = render(LintLike(), "github").splitlines()
    assert lines[0].startswith(
        "::error title=VAE201 log-std-read-as-logvar,file=model.py,line=42,col=15,endLine=42,endColumn=32::the sampler"
    )
    assert "%0Ameasured: std at s" in lines[0]
    assert lines[1] == "::warning file=notes%2C 50%25.py::not read: not Python: line 1"
    assert lines[2] == "1 VAE, 1 finding"
    assert len(lines) == 3


# ----------------------------------------------------------------------------------------------------- junit


def test_junit_parses_back() -> None:
    suites = ElementTree.fromstring(render(LintLike(), "junit"))
    (suite,) = suites
    cases = list(suite)
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("4", "1", "1")
    assert [(case.get("classname"), case.get("name")) for case in cases] == [
        ("model.py:VAE", "VAE201 log-std-read-as-logvar"),
        ("model.py:VAE", "VAE202"),
        ("model.py:VAE", "VAE301"),
        ("notes, 50%.py", "read"),
    ]
    failure = cases[0].find("failure")
    assert failure is not None
    assert failure.get("message") == FOUND.message
    assert f"fix: {FOUND.fix}" in failure.text
    assert cases[3].find("error").get("message") == "not Python: line 1"
    assert [len(case) for case in cases[1:3]] == [0, 0]


def test_junit_survives_what_xml_cannot_hold() -> None:
    odd = replace(FOUND, message='a < b & "c" \x00 \udc80 ]]>', place=replace(PLACE, path="m\x1b<.py"))
    (suite,) = ElementTree.fromstring(render(AuditLike(findings=(odd,)), "junit"))
    assert suite[0].find("failure").get("message") == 'a < b & "c" \\x00 \\x80 ]]>'


# ------------------------------------------------------------------------------------------------- all of them


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_takes_a_report_without_findings(name: str) -> None:
    text = render(CLEAN, name)
    assert text.endswith("\n")
    assert "log-std-read-as-logvar" not in text


def test_an_unknown_format_is_refused_with_those_there_are() -> None:
    with pytest.raises(UsageError, match="no report format 'xml': choose from text, json, sarif"):
        render(CLEAN, "xml")
