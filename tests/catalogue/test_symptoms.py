"""From what people see to the mistakes that it may be, and pages without an unfilled template."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from vae_checked.catalogue import CATALOGUE, Mistake, Observer, find
from vae_checked.catalogue.symptom_search import mistakes_with, search
from vae_checked.catalogue.symptoms import SYMPTOMS, Symptom
from vae_checked.cli import main
from vae_checked.cli.linted_example import finding_in_example
from vae_checked.reports.page import markdown_page, symptom_text, text_page
from vae_checked.text import did_you_mean

ROOT = Path(__file__).resolve().parents[2]
NAMES = {each.name: each for each in SYMPTOMS}
every_mistake = pytest.mark.parametrize("mistake", CATALOGUE, ids=lambda each: each.code)


# ---------------------------------------------------------------------------------------------- the register


def test_the_names_and_titles_of_symptoms_are_unique() -> None:
    assert len(NAMES) == len(SYMPTOMS) == len({each.title for each in SYMPTOMS})


@every_mistake
def test_a_mistake_has_symptoms_that_exist_and_words_of_users(mistake: Mistake) -> None:
    assert mistake.symptoms
    assert set(mistake.symptoms) <= NAMES.keys()
    assert len(set(mistake.symptoms)) == len(mistake.symptoms)
    assert all(mistake.said)
    assert mistake.said


@pytest.mark.parametrize("symptom", SYMPTOMS, ids=lambda each: each.name)
def test_a_symptom_is_of_some_mistake_and_says_what_else_looks_the_same(symptom: Symptom) -> None:
    assert mistakes_with(symptom)
    assert symptom.said
    assert symptom.otherwise.endswith(".")


def test_the_mistake_of_which_a_symptom_tells_most_comes_first() -> None:
    assert mistakes_with(NAMES["loss-is-nan"])[0].code == "VAE208"


# ------------------------------------------------------------------------------------------------ the search

# What people wrote, and what it is about. The phrases are not those of the register.
ASKED = {
    "loss is nan": "loss-is-nan",
    "Loss becomes NaN after a few epochs": "loss-is-nan",
    "my KL explodes": "loss-is-nan",
    "KL is 0": "kl-is-0",
    "kl divergence goes to zero": "kl-is-0",
    "why does the KLD vanish?": "kl-is-0",
    "posterior collapse": "kl-is-0",
    "elements should be between 0 and 1": "not-between-0-and-1",
    "RuntimeError: all elements of input should be between 0 and 1": "not-between-0-and-1",
    "negative kl": "kl-is-negative",
    "why is my loss negative?": "loss-is-negative",
    "my reconstructions are all grey": "washed-out",
    "the pictures look hazy": "washed-out",
    "every image comes out the same": "all-alike",
    "samples are pure noise": "samples-are-noise",
    "is it sum or mean": "unbalanced",
    "the batch size changes my loss": "batch-size-matters",
    "beta seems to have no effect": "beta-does-nothing",
    "VAE forward is nondeterministic": "not-deterministic",
    "mat1 and mat2 shapes cannot be multiplied (64x128 and 256x10)": "shapes-disagree",
    "encoder weights never change": "encoder-does-not-learn",
    "really bad embeddings": "bad-embeddings",
    "KL keeps increasing": "kl-rises",
}


@pytest.mark.parametrize(("words", "name"), ASKED.items())
def test_what_people_write_leads_to_a_symptom(words: str, name: str) -> None:
    assert search(words).symptoms[0].name == name


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("should be 0.5 * logvar", "VAE201"),
        ("he uses rand instead of randn", "VAE202"),
        ("size_average is ignored", "VAE506"),
        ("redundant minus", "VAE302"),
        ("two sigmoids", "VAE405"),
    ],
)
def test_words_for_a_mistake_lead_to_it(words: str, code: str) -> None:
    assert search(words).named[0].code == code


@pytest.mark.parametrize("words", ["banana juice", "", "   ", "?!", "my the of"])
def test_words_that_tell_of_nothing_lead_nowhere(words: str) -> None:
    answer = search(words)
    assert answer.named == answer.symptoms == ()


# ----------------------------------------------------------------------------------------------- the command


def test_explain_takes_what_one_sees(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "loss is nan"]) == 0
    quoted = capsys.readouterr().out
    assert quoted.startswith("The loss is NaN or infinite\n")
    assert "  VAE208 overflowing-logvar" in quoted
    assert "also looks like this: data that are not scaled" in quoted
    assert main(["explain", "loss", "is", "nan"]) == 0
    assert capsys.readouterr().out == quoted


def test_explain_lists_a_band_of_codes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "VAE2"]) == 0
    listed = capsys.readouterr().out
    codes = [each.code for each in CATALOGUE if each.code.startswith("VAE2")]
    assert re.findall(r"^  (VAE\d+) ", listed, re.MULTILINE) == codes
    assert main(["explain", "2"]) == 0
    assert capsys.readouterr().out == listed


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["explain", "VAE2011"], "(did you mean VAE201?)"),
        (["explain", "kl-sgin"], "(did you mean kl-sign?)"),
        (["explain", "VAE201", "banana"], "no mistake 'banana'"),
        (["explain", "banana juice"], "no symptom in these words"),
        (
            ["lint", "--select", "VAE5,kl-sgin", "."],
            "'kl-sgin' names no mistake in the catalogue (did you mean kl-sign?)",
        ),
    ],
)
def test_a_mistyped_word_is_refused_with_what_is_near(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    out, err = capsys.readouterr()
    assert said in err
    assert (out, err.count("\n")) == ("", 1)


def test_find_names_what_is_near() -> None:
    with pytest.raises(Exception, match=r"did you mean pixel-scale\?"):
        find("pixel_scale")


@pytest.mark.parametrize(("word", "meant"), [("lnit", "lint"), ("LINT", "lint"), ("banana", ""), ("", "")])
def test_a_word_is_near_one_or_none(word: str, meant: str) -> None:
    assert did_you_mean(word, ["lint", "audit"]) == (f" (did you mean {meant}?)" if meant else "")


# ------------------------------------------------------------------------------------- no template is shown

HOLE = re.compile(r"<[a-z_]+>|\{[a-z_.:]*\}")


def shown(mistake: Mistake) -> list[str]:
    """What is shown of a mistake, without the two modules, which are code."""
    example = finding_in_example(mistake)
    pages = [page(mistake, (), each) for page in (text_page, markdown_page) for each in (None, example)]
    return [line for page in pages for line in page.splitlines() if line not in f"{mistake.bad}{mistake.good}"]


@every_mistake
def test_no_page_shows_an_unfilled_template(mistake: Mistake) -> None:
    lines = shown(mistake)
    assert any("fix: " in line.lower() for line in lines)
    assert [line for line in lines if HOLE.search(line)] == []


@every_mistake
def test_what_lint_finds_in_the_bad_module_is_on_the_page(mistake: Mistake) -> None:
    example = finding_in_example(mistake)
    assert (example is not None) is (Observer.LINT in mistake.seen_by)
    if example is None:
        return
    assert f"\nFix: `{example.fix}`\n" in markdown_page(mistake, (), example)


def test_no_page_of_the_documentation_shows_an_unfilled_template() -> None:
    pages = [*(ROOT / "docs" / "catalogue").glob("*.md"), ROOT / "docs" / "symptoms.md"]
    assert len(pages) > len(CATALOGUE)
    holes = [
        f"{path.name}: {line}"
        for path in pages
        for line in re.sub(r"```python\n.*?```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL).splitlines()
        if HOLE.search(line)
    ]
    assert holes == []


@pytest.mark.parametrize("line", ["std = <formula>", "take <by> away from <named>", "give {input}", "{called.mu}"])
def test_an_unfilled_template_is_seen(line: str) -> None:
    assert HOLE.search(line)


@pytest.mark.parametrize("symptom", SYMPTOMS, ids=lambda each: each.name)
def test_a_symptom_fits_a_terminal_of_80_columns(symptom: Symptom) -> None:
    page = symptom_text(symptom, mistakes_with(symptom))
    assert max(map(len, page.splitlines())) <= 80
    assert HOLE.search(page) is None


@pytest.mark.parametrize(
    ("words", "name"), [("my KL is 0", "kl-is-0"), ("KL goes to zero", "kl-is-0"), ("blurry", "blurry")]
)
def test_a_symptom_named_word_for_word_is_the_only_one(words: str, name: str) -> None:
    assert [each.name for each in search(words).symptoms] == [name]
