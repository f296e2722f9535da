"""Each report is read back by something that did not write it."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, replace
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest

from vae_checked.catalogue import CATALOGUE, Judgement, Undecided, Weighted
from vae_checked.errors import UsageError
from vae_checked.facts import (
    KL,
    SYMMETRIC_UNIT,
    UNIT,
    Axis,
    Data,
    EffectiveBeta,
    Fact,
    Factor,
    Facts,
    Heads,
    Interval,
    Likelihood,
    NoiseTiming,
    Objective,
    Origin,
    Output,
    Parametrisation,
    Quantity,
    Recon,
    Reduced,
    Reduction,
    Sampler,
    StdCurve,
)
from vae_checked.finding import Finding, Place, Provenance, Related, Remark, Severity
from vae_checked.reports import FORMATS, render
from vae_checked.reports.portrait import portrait
from vae_checked.reports.text import excerpt

LINE = "        std = torch.exp(logvar)"
PLACE = Place("model.py", 42, LINE.index("torch") + 1, 42, len(LINE) + 1, text=LINE)
FOUND = Finding(
    code="VAE201",
    name="log-std-read-as-logvar",
    severity=Severity.ERROR,
    subject="model.py:VAE",
    message="the sampler uses exp(s) as std, the KL at loss.py:88 reads s as log variance",
    evidence="std at s = -1, 0, 2 is 0.368, 1, 7.389; the KL assumes 0.607, 1, 2.718",
    fix="std = torch.exp(0.5 * logvar)",
    place=PLACE,
    related=(Related(Place("loss.py", 88, 5), "the KL"),),
    how=Provenance.MEASURED,
)
FACTS = Facts(
    "model.py:VAE",
    sampler=Sampler(
        std=Fact(StdCurve(Parametrisation.LOG_STD, ((-1.0, 0.368),)), Origin("torch.exp(logvar)", PLACE)),
        shared_over=Fact(frozenset({Axis.LATENT, Axis.BATCH})),
    ),
    heads=Heads(mu=Fact(Interval(0.0, math.inf))),
    kl=KL(factor=Fact(Factor(0.5, explicit=True))),
    unobserved={"recon.kind": "no loss was given"},
)


@dataclass(frozen=True)
class AuditLike:
    findings: tuple[Finding, ...] = (FOUND,)
    judgements: tuple[Judgement, ...] = (
        Judgement("model.py:VAE", (FOUND,), ("VAE301", "VAE202"), {"VAE403": Undecided(("data.interval",))}),
    )
    facts: tuple[Facts, ...] = (FACTS,)
    recognised: tuple[str, ...] = ("model.py:VAE: mu and logvar from its outputs 1 and 2",)
    unobserved: tuple[str, ...] = ("model.py:VAE: recon.kind: no loss was given; give one with --loss",)
    unread: tuple[tuple[str, str], ...] = ()
    subjects: int = 1
    summary: str = "1 VAE, 1 finding"
    of_source: bool = False
    left_out: tuple[tuple[str, str], ...] = ()
    remarks: tuple[Remark, ...] = ()
    statistics: tuple[tuple[str, str, int], ...] | None = None


@dataclass(frozen=True)
class LintLike(AuditLike):
    unread: tuple[tuple[str, str], ...] = (("notes, 50%.py", "not Python: line 1"),)
    of_source: bool = True


CLEAN = AuditLike(findings=(), judgements=(Judgement("model.py:VAE", (), ("VAE201",), {}),), summary="nothing found")


# ------------------------------------------------------------------------------------------------------ text


def test_a_finding_reads_as_designed() -> None:
    assert render(LintLike()).split("\n\n")[0] == "\n".join(
        [
            f"model.py:42:15: VAE201 log-std-read-as-logvar: {FOUND.message}",
            "    42 |         std = torch.exp(logvar)",
            "       |               ^^^^^^^^^^^^^^^^^",
            "  measured: std at s = -1, 0, 2 is 0.368, 1, 7.389; the KL assumes 0.607, 1, 2.718",
            "  fix: std = torch.exp(0.5 * logvar)",
            "  more: vae-checked explain VAE201",
        ]
    )


def test_the_text_says_what_was_clean_undecided_and_unread() -> None:
    text = render(LintLike(), verbose=True)
    assert "checked and clean:\n  model.py:VAE: VAE202 301; 1 not decided\n" in text
    assert "not decided:\n  model.py:VAE: recon.kind: no loss was given; give one with --loss\n" in text
    assert "recognised:\n  model.py:VAE: mu and logvar from its outputs 1 and 2\n" in text
    assert "not read:\n  notes, 50%.py: not Python: line 1\n" in text
    assert text.endswith("\n\n1 VAE, 1 finding\n")


def test_of_many_vaes_the_text_says_only_what_was_clean_unless_asked() -> None:
    text = render(LintLike())
    assert "checked and clean:\n  model.py:VAE: VAE202 301; 1 not decided\n" in text
    assert "recognised:" not in text
    assert "not decided:" not in text
    assert text.splitlines()[-2:] == [
        "1 VAE, 1 finding",
        "(--verbose: what was recognised, and what could not be decided and why)",
    ]
    assert "recognised:" in render(AuditLike())


def test_judgements_of_one_vae_are_one_line_and_found_is_not_clean() -> None:
    judgements = (
        Judgement("m.py:VAE", (FOUND,), ("VAE301",), {"VAE403": Undecided(("data.interval",))}),
        Judgement("m.py:VAE", (), ("VAE201", "VAE403"), {"VAE301": Undecided(("kl.form",))}),
    )
    found = replace(FOUND, subject="m.py:VAE")
    facts = tuple(replace(FACTS, subject=judgement.subject) for judgement in judgements)
    text = render(LintLike(findings=(found,), judgements=judgements, facts=facts))
    assert "checked and clean:\n  m.py:VAE: VAE301 403\n" in text


def test_a_vae_whose_core_is_open_is_told_with_what_stopped_the_reading() -> None:
    told = replace(
        FACTS, unobserved={"kl.form": "LOSSES[name](x_hat, x) is not resolved"}, stopped_at={"kl.form": PLACE}
    )
    judgement = Judgement(
        "model.py:VAE", (), ("VAE202",), {"VAE301": Undecided(("kl.form",))}, {"VAE502": Weighted("beta")}
    )
    text = render(LintLike(findings=(), judgements=(judgement,), facts=(told,)))
    assert "\n  model.py:VAE: VAE202; weighted, not judged: 502; 1 not decided\n" in f"\n{text}"
    stopped = "the KL is not known (301): LOSSES[name](x_hat, x) is not resolved, at model.py:42"
    assert f"in part:\n  model.py:VAE: {stopped}; vae-checked audit model:VAE measures it\n" in text
    (record,) = strict(render(LintLike(findings=(), judgements=(judgement,), facts=(told,)), "json"))["examined"]
    assert record == {
        "subject": "model.py:VAE",
        "fully_checked": False,
        "clean": ["VAE202"],
        "weighted": {"VAE502": "beta"},
        "undecided": ["VAE301"],
        "stopped_at": {"path": "model.py", "line": 42, "cell": None},
    }


def test_an_audit_says_what_the_model_does() -> None:
    text = render(AuditLike())
    assert "\n  model.py:VAE: sampler: second head s used as log standard deviation, std = exp(s)\n" in text
    assert "\n  model.py:VAE: kl: factor 0.5\n" in text


def test_the_portrait_names_ranges_reductions_and_the_effective_beta() -> None:
    facts = Facts(
        "m",
        sampler=Sampler(timing=Fact(NoiseTiming(training=True, evaluation=False))),
        kl=KL(reduced=Fact(Reduced(batch=Reduction.MEAN, event=Reduction.SUM))),
        output=Output(interval=Fact(SYMMETRIC_UNIT), activations=Fact(("relu", "tanh"))),
        recon=Recon(kind=Fact(Likelihood.BCE), reduced=Fact(Reduced(event=Reduction.MIXED))),
        data=Data(interval=Fact(UNIT)),
        objective=Objective(
            effective_beta=Fact(
                EffectiveBeta(1.0, (Quantity("C*H*W", 1, 12288.0, "pixels"), Quantity("L", -1, 128.0, "latents")))
            )
        ),
    )
    assert portrait(facts) == [
        "sampler: drawn in training",
        "kl: summed over the latents; averaged over the batch",
        "reconstruction: bce; summed over some axes of each sample and averaged over others",
        (
            "ranges: decoder gives [-1, 1] by relu, then tanh; "
            "bce takes a prediction in [0, 1] and a target in [0, 1]; data in [0, 1]"
        ),
        ("effective beta: 96 (pixels 12288, latents 128), the weight of the summed KL against the summed error"),
    ]
    assert portrait(Facts("m")) == []


def test_a_finding_in_a_live_model_begins_with_its_name() -> None:
    live = replace(FOUND, place=None, related=(), subject="pkg.model:VAE")
    first, second, *_ = render(AuditLike(findings=(live,))).splitlines()
    assert first.startswith("pkg.model:VAE: VAE201 log-std-read-as-logvar: ")
    assert second.startswith("  measured: ")


def test_findings_are_sorted_by_place() -> None:
    later, earlier = replace(FOUND, place=replace(PLACE, line=7)), replace(FOUND, place=Place("data.py", 99))
    text = render(AuditLike(findings=(FOUND, later, earlier)))
    assert re.findall(r"^(\S+:\d+):\d+: VAE", text, re.MULTILINE) == ["data.py:99", "model.py:7", "model.py:42"]


@pytest.mark.parametrize(
    ("text", "column", "end_column", "marked"),
    [
        ("std = e(s)", 7, 11, "e(s)"),
        ("\tstd = e(s)", 8, 12, "e(s)"),
        ("s = 'é' + e(s)", 11, 15, "e(s)"),
        ("x" * 400 + " = e(s) + " + "y" * 400, 404, 408, "e(s)"),
        ("s = e(s)", 5, None, "e(s)"),
        ("s = e(s)", 99, 101, ""),
    ],
)
def test_carets_stand_below_what_is_marked(text: str, column: int, end_column: int | None, marked: str) -> None:
    source, carets = excerpt(Place("m.py", 3, column, 3, end_column, text=text))
    assert carets.count("^") == max(1, len(marked))
    start = carets.index("^")
    assert source[start : start + len(marked)] == marked
    assert len(source) < 200


def test_carets_allow_for_letters_that_are_two_cells_wide() -> None:
    _, carets = excerpt(Place("m.py", 3, 6, 3, 10, text="方差 = e(s)"))
    assert carets == "      |        ^^^^"


def test_a_place_of_several_lines_is_marked_to_the_end_of_the_first() -> None:
    _, carets = excerpt(Place("m.py", 3, 5, 6, 2, text="x = f("))
    assert carets.endswith("|     ^^")


def test_a_place_in_a_notebook_names_the_cell() -> None:
    cell = replace(FOUND, place=Place("walk.ipynb", 2, 5, cell=3))
    assert render(AuditLike(findings=(cell,))).startswith("walk.ipynb:cell 3:2:5: VAE201 ")


# ------------------------------------------------------------------------------------------------------ json


def strict(text: str) -> dict[str, object]:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    document: dict[str, object] = json.loads(text, parse_constant=refuse)
    return document


def test_the_json_of_a_finding() -> None:
    assert strict(render(LintLike(), "json")) == {
        "format_version": 1,
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
                "cell": None,
                "message": FOUND.message,
                "evidence": FOUND.evidence,
                "how": "measured",
                "fix": "std = torch.exp(0.5 * logvar)",
                "related": [{"path": "loss.py", "line": 88, "cell": None, "message": "the KL"}],
            }
        ],
        "left_out": [],
        "remarks": [],
        "unread": [{"path": "notes, 50%.py", "reason": "not Python: line 1"}],
        "examined": [
            {
                "subject": "model.py:VAE",
                "fully_checked": False,
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
    assert facts["kl"]["factor"]["value"] == {"value": 0.5, "explicit": True, "claimed": False}
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
    assert invocation["executionSuccessful"] is True
    (notice,) = invocation["toolExecutionNotifications"]
    assert notice["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "notes%2C%2050%25.py"


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


# ------------------------------------------------------------------------------------------------------ html


class Outline(HTMLParser):
    """Collects text, and refuses tags that do not close in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.words: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def test_html_is_well_formed_and_escapes_what_it_shows() -> None:
    odd = replace(FOUND, message="a <script>alert(1)</script> & b")
    outline = Outline()
    outline.feed(render(LintLike(findings=(odd,)), "html"))
    assert outline.open == []
    assert "script" not in outline.tags
    text = "".join(outline.words)
    assert "a <script>alert(1)</script> & b" in text
    assert LINE in text
    assert "notes, 50%.py: not Python: line 1" in text


# ------------------------------------------------------------------------------------------------- all of them


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_takes_a_report_without_findings(name: str) -> None:
    text = render(CLEAN, name)
    assert text.endswith("\n")
    assert "log-std-read-as-logvar" not in text


def test_an_unknown_format_is_refused_with_those_there_are() -> None:
    with pytest.raises(UsageError, match="no report format 'xml': choose from text, json, sarif"):
        render(CLEAN, "xml")
