"""The catalogue's register and its words."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from string import Formatter

import pytest
from planted.facts import CASES, made

from vae_checked import catalogue
from vae_checked.catalogue import CATALOGUE, Mistake, find, judge
from vae_checked.errors import UsageError
from vae_checked.facts import PATHS, Facts
from vae_checked.finding import Place, Severity

NAMES = {each.code: each.name for each in CATALOGUE}
every_mistake = pytest.mark.parametrize("mistake", CATALOGUE, ids=lambda each: each.code)


# ---------------------------------------------------------------------------------------------- the register


def test_the_register_is_sorted_and_its_codes_and_names_are_unique() -> None:
    codes = [each.code for each in CATALOGUE]
    assert codes == sorted(set(codes))
    assert len({each.name for each in CATALOGUE}) == len(CATALOGUE)


def test_every_file_of_a_mistake_bears_its_code_and_name() -> None:
    folder = Path(catalogue.__file__).parent
    defining = {
        path.stem
        for path in folder.glob("*.py")
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "MISTAKE"
    }
    assert defining == {f"{code.lower()}_{name.replace('-', '_')}" for code, name in NAMES.items()}


def test_every_mistake_has_a_case() -> None:
    assert CASES.keys() == NAMES.keys()


@every_mistake
def test_a_mistake_is_documented(mistake: Mistake) -> None:
    assert all((mistake.summary.strip(), mistake.why.strip(), mistake.fix.strip(), mistake.references))
    assert mistake.summary.endswith(".")
    assert mistake.why.endswith(".")
    assert any(each.startswith("https://") or " https://" in each for each in mistake.references)


@every_mistake
def test_a_mistake_needs_facts_that_exist(mistake: Mistake) -> None:
    assert mistake.needs
    assert set(mistake.needs) <= set(PATHS)


@pytest.mark.parametrize("spelling", ["VAE302", "vae302", "302", " 302 ", "kl-sign", "KL-Sign"])
def test_a_mistake_is_found_by_code_and_by_name(spelling: str) -> None:
    assert find(spelling).code == "VAE302"


@pytest.mark.parametrize("spelling", ["VAE999", "", "kl", "02"])
def test_a_mistake_that_there_is_not_is_refused(spelling: str) -> None:
    with pytest.raises(UsageError, match=f"vae-checked rules lists the {len(CATALOGUE)} "):
        find(spelling)


def test_what_people_disagree_about_is_no_error() -> None:
    assert {find(code).severity for code in ("502", "503", "504")} == {Severity.WARNING}
    assert find("208").severity is Severity.INFO


# ------------------------------------------------------------------------------------------------- the words


def words(mistake: Mistake, facts: Facts) -> str:
    (finding,) = judge(facts, [mistake]).findings
    return f"{finding.message}\n{finding.evidence}\n{finding.fix}"


@every_mistake
def test_a_finding_says_what_was_found_and_measured(mistake: Mistake) -> None:
    case = CASES[mistake.code]
    (finding,) = judge(made(case.bad), [mistake]).findings
    assert all(said in finding.message for said in case.says), finding.message
    assert all(said in finding.evidence for said in case.measures), finding.evidence
    assert finding.fix
    assert (finding.code, finding.name, finding.severity) == (mistake.code, mistake.name, mistake.severity)
    assert finding.place == Place("model.py", case.at)


@every_mistake
def test_a_message_says_in_words_what_its_values_are_of(mistake: Mistake) -> None:
    for template in (mistake.message, mistake.evidence):
        words = " ".join(literal for literal, *_ in Formatter().parse(template))
        assert len(re.findall(r"\w+", words)) >= 2, template


@every_mistake
@pytest.mark.parametrize("located", [True, False], ids=["read", "measured"])
def test_a_finding_has_no_gaps(mistake: Mistake, located: bool) -> None:
    said = words(mistake, made(CASES[mistake.code].bad, located))
    assert "{" not in said
    assert "None" not in said
    assert "  " not in said


@every_mistake
def test_a_finding_without_a_place_names_none(mistake: Mistake) -> None:
    assert "model.py" not in words(mistake, made(CASES[mistake.code].bad, located=False))


def test_a_finding_names_its_second_place_only_where_there_is_one() -> None:
    bad = CASES["VAE201"].bad
    assert "the KL at model.py:42 reads" in words(find("201"), made(bad))
    assert "the KL reads" in words(find("201"), made(bad, located=False))
