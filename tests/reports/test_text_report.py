"""The report for a person: what it says, in which order, and what stands below what."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from report_samples import CLEAN, FACTS, FOUND, PLACE, AuditLike, LintLike, strict

from vae_checked.catalogue import Judgement, Undecided, Weighted
from vae_checked.facts import (
    KL,
    SYMMETRIC_UNIT,
    UNIT,
    Data,
    EffectiveBeta,
    Fact,
    Facts,
    Likelihood,
    NoiseTiming,
    Objective,
    Output,
    Quantity,
    Recon,
    Reduced,
    Reduction,
    Sampler,
)
from vae_checked.finding import Place, Severity
from vae_checked.reports import render
from vae_checked.reports.portrait import portrait
from vae_checked.reports.source_excerpt import excerpt


def test_a_finding_reads_as_designed() -> None:
    assert render(LintLike()).split("\n\n")[1] == "\n".join(
        [
            f"model.py:42:15: error: VAE201 log-std-read-as-logvar: {FOUND.message}",
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
    assert "not decided:\n  model.py:VAE: not seen in the source: the range of the data (403); " in text
    audited = render(AuditLike(), verbose=True)
    told = "not decided:\n  model.py:VAE: VAE403: not observed: the range of the data\n"
    assert f"{told}  model.py:VAE: recon.kind: no loss was given; give one with --loss\n" in audited
    assert "recognised:\n  model.py:VAE: mu and logvar from its outputs 1 and 2\n" in text
    assert "not read:\n  notes, 50%.py: not Python: line 1\n" in text
    assert text.endswith("\n\n1 VAE, 1 finding\n1 error\n")


@pytest.mark.parametrize("kind", [LintLike, AuditLike])
def test_the_text_says_in_a_line_how_a_vae_stands_and_the_rest_if_asked(kind: type[AuditLike]) -> None:
    text = render(kind())
    assert text.startswith("model.py:VAE: 1 error; 2 checked and clean, 1 not decided; checked in part\n\n")
    for title in ("recognised:", "checked and clean:\n", "facts:"):
        assert title not in text
        assert title in render(kind(), verbose=True)
    assert text.splitlines()[-3:] == [
        "(--verbose: what was recognised, measured and checked)",
        "1 VAE, 1 finding",
        "1 error",
    ]


def test_open_questions_are_told_by_code_with_what_settles_them() -> None:
    gap = "the range of the data is not known (403): nothing was seen of it; vae-checked audit model:VAE measures it"
    assert f"not decided:\n  model.py:VAE: {gap}\n" in render(LintLike())
    undecided = {
        "VAE403": Undecided(("data.interval",)),
        "VAE104": Undecided(("data.interval",)),
        "VAE602": Undecided(("training.without_optimizer",)),
        "VAE603": Undecided(("training.always_on_dropout",)),
    }
    why = {"data.interval": "the data's interval was not given: --data-range LOW HIGH settles it"}
    judgement = Judgement("model.py:VAE", (FOUND,), (), undecided)
    text = render(AuditLike(judgements=(judgement,), facts=(replace(FACTS, unobserved=why),)))
    assert f"\n  model.py:VAE: VAE403 104: {why['data.interval']}\n" in text
    assert "\n  model.py:VAE: VAE602: a model alone does not tell: vae-checked lint reads the source\n" in text
    assert "\n  model.py:VAE: VAE603: not observed: whether dropout is on in evaluation\n" in text


def test_vaes_without_a_finding_are_told_after_those_with_some() -> None:
    sound = replace(FACTS, subject="b.py:VAE")
    judgements = (*LintLike.judgements, Judgement("b.py:VAE", (), ("VAE301",), {}))
    text = render(LintLike(judgements=judgements, facts=(FACTS, sound)))
    assert "\nother VAEs:\n  b.py:VAE: no finding; 1 checked and clean; checked in part\n" in text
    alone = render(LintLike(findings=(), judgements=judgements[1:], facts=(sound,)))
    assert alone.startswith("VAEs:\n  b.py:VAE: no finding; ")
    assert alone.endswith("\nno finding\n")


def test_findings_are_told_by_vae_and_each_code_is_explained_once() -> None:
    other = replace(FOUND, subject="b.py:VAE", place=replace(PLACE, path="b.py"), severity=Severity.WARNING)
    later = replace(other, place=replace(other.place, line=50), severity=Severity.INFO)
    text = render(LintLike(findings=(FOUND, other, later)))
    titles = re.findall(r"^\S+:VAE: .*", text, re.MULTILINE)
    assert titles[0] == "b.py:VAE: 1 warning, 1 note"
    assert titles[1].startswith("model.py:VAE: 1 error; ")
    assert re.findall(r"^(\S+:\d+):15: (\w+): VAE201 ", text, re.MULTILINE) == [
        ("b.py:42", "warning"),
        ("b.py:50", "info"),
        ("model.py:42", "error"),
    ]
    assert text.count("more: vae-checked explain VAE201") == 1
    assert text.endswith("\n1 error, 1 warning, 1 note\n")


def test_where_no_vae_was_recognised_what_was_seen_is_told() -> None:
    alone = Facts("train.py:loss", recon=Recon(kind=Fact(Likelihood.MSE)))
    seen = ("train.py:loss: reconstruction at train.py:12",)
    report = LintLike(findings=(), judgements=(Judgement("train.py:loss", (), ()),), facts=(alone,), recognised=seen)
    assert f"seen, but no VAE:\n  {seen[0]}\n" in render(report)
    assert "seen, but no VAE" not in render(LintLike())


def test_quiet_is_a_line_per_finding_and_nothing_without_any() -> None:
    later = replace(FOUND, place=replace(PLACE, line=50))
    lines = render(LintLike(findings=(later, FOUND)), quiet=True).splitlines()
    assert [line.split(": ")[0] for line in lines] == ["model.py:42:15", "model.py:50:15"]
    assert render(CLEAN, quiet=True) == ""


def test_judgements_of_one_vae_are_one_line_and_found_is_not_clean() -> None:
    judgements = (
        Judgement("m.py:VAE", (FOUND,), ("VAE301",), {"VAE403": Undecided(("data.interval",))}),
        Judgement("m.py:VAE", (), ("VAE201", "VAE403"), {"VAE301": Undecided(("kl.form",))}),
    )
    found = replace(FOUND, subject="m.py:VAE")
    facts = tuple(replace(FACTS, subject=judgement.subject) for judgement in judgements)
    text = render(LintLike(findings=(found,), judgements=judgements, facts=facts), verbose=True)
    assert "checked and clean:\n  m.py:VAE: VAE301 403\n" in text


def test_a_vae_whose_core_is_open_is_told_with_what_stopped_the_reading() -> None:
    told = replace(
        FACTS, unobserved={"kl.form": "LOSSES[name](x_hat, x) is not resolved"}, stopped_at={"kl.form": PLACE}
    )
    judgement = Judgement(
        "model.py:VAE", (), ("VAE202",), {"VAE301": Undecided(("kl.form",))}, {"VAE502": Weighted("beta")}
    )
    brief = render(LintLike(findings=(), judgements=(judgement,), facts=(told,)))
    text = render(LintLike(findings=(), judgements=(judgement,), facts=(told,)), verbose=True)
    assert "\n  model.py:VAE: VAE202; weighted, not judged: 502; 1 not decided\n" in f"\n{text}"
    stopped = "the KL is not known (301): LOSSES[name](x_hat, x) is not resolved, at model.py:42"
    assert f"in part:\n  model.py:VAE: {stopped}; vae-checked audit model:VAE measures it\n" in text
    assert f"not decided:\n  model.py:VAE: {stopped}; vae-checked audit model:VAE measures it\n" in brief
    (record,) = strict(render(LintLike(findings=(), judgements=(judgement,), facts=(told,)), "json"))["examined"]
    assert record == {
        "subject": "model.py:VAE",
        "core_checked": False,
        "clean": ["VAE202"],
        "weighted": {"VAE502": "beta"},
        "undecided": ["VAE301"],
        "stopped_at": {"path": "model.py", "line": 42, "cell": None},
    }


def test_an_audit_says_what_the_model_does() -> None:
    text = render(AuditLike(), verbose=True)
    assert "\n  model.py:VAE: sampler: head for std s used as log standard deviation, std = exp(s)\n" in text
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


@pytest.mark.parametrize(("in_loss", "expected"), [(True, []), (None, []), (False, ["kl: not in the loss"])])
def test_only_a_kl_that_is_known_to_be_left_out_is_called_so(in_loss: bool | None, expected: list[str]) -> None:
    assert portrait(Facts("m", kl=KL(in_loss=Fact(in_loss)))) == expected


@pytest.mark.parametrize(
    ("training", "evaluation", "expected"),
    [
        (None, None, []),
        (False, False, ["sampler: not drawn in training"]),
        (False, True, ["sampler: drawn in evaluation"]),
        (None, True, ["sampler: drawn in evaluation"]),
    ],
)
def test_when_noise_is_drawn_is_said_where_it_is_known(
    training: bool | None, evaluation: bool | None, expected: list[str]
) -> None:
    timing = NoiseTiming(training=training, evaluation=evaluation)
    assert portrait(Facts("m", sampler=Sampler(timing=Fact(timing)))) == expected


def test_a_finding_in_a_live_model_begins_with_its_name() -> None:
    live = replace(FOUND, place=None, related=(), subject="pkg.model:VAE")
    title, _, first, second, *_ = render(AuditLike(findings=(live,))).splitlines()
    assert title == "pkg.model:VAE: 1 error"
    assert first.startswith("pkg.model:VAE: error: VAE201 log-std-read-as-logvar: ")
    assert second.startswith("  measured: ")


def test_findings_are_sorted_by_place() -> None:
    later, earlier = replace(FOUND, place=replace(PLACE, line=7)), replace(FOUND, place=Place("data.py", 99))
    text = render(AuditLike(findings=(FOUND, later, earlier)))
    assert re.findall(r"^(\S+:\d+):\d+: error: VAE", text, re.MULTILINE) == ["data.py:99", "model.py:7", "model.py:42"]


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
    assert "\nwalk.ipynb:cell 3:2:5: error: VAE201 " in render(AuditLike(findings=(cell,)))
