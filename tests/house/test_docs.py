"""What the pages show is what the code does now."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"
sys.path.insert(0, str(DOCS))

import catalogue_pages  # noqa: E402
import generate  # noqa: E402
import law_pages  # noqa: E402

import examples  # noqa: E402  docs/ is no package
from vae_checked.catalogue import find  # noqa: E402
from vae_checked.laws import find as find_law  # noqa: E402

FILE = "<!-- file: hello.py -->\n```python\nNAME = 'Ada'\n```\n\n"


def test_every_page_is_up_to_date_and_every_example_runs() -> None:
    assert [path.name for path in generate.outdated(generate.pages())] == []


def test_pages_are_made_without_their_examples_too(monkeypatch: pytest.MonkeyPatch) -> None:
    run: list[str] = []
    monkeypatch.setattr(generate, "page", run.append)
    monkeypatch.setattr(generate, "CATALOGUE", generate.CATALOGUE[:1])
    monkeypatch.setattr(generate, "SYMPTOMS", generate.SYMPTOMS[:1])
    made = generate.pages(run_examples=False)
    assert not run
    path = DOCS / "getting-started.md"
    assert made[path] == path.read_text(encoding="utf-8")


def test_what_an_example_prints_is_written_below_it() -> None:
    stale = f"{FILE}```python\nfrom hello import NAME\nprint(NAME, 2.0)\n```\n\n```text\nBob\n```\n"
    assert examples.page(stale) == stale.replace("Bob", "Ada 2.0")


def test_what_a_command_prints_is_written_below_it() -> None:
    made = examples.page("```console\n$ vae-checked --version\nold\n$ vae-checked explain 999\n```\n")
    lines = made.splitlines()
    assert lines[1] == "$ vae-checked --version"
    assert lines[2].startswith("vae-checked ")
    assert any(line.startswith("vae-checked: error: no mistake '999'") for line in lines)
    assert "old" not in made


def test_an_example_that_fails_or_prints_unseen_fails_the_page() -> None:
    with pytest.raises(ZeroDivisionError):
        examples.page("```python\n1 / 0\n```\n")
    with pytest.raises(ValueError, match="no text block below"):
        examples.page("```python\nprint(3)\n```\n")
    with pytest.raises(ValueError, match="not a command of vae-checked"):
        examples.page("```console\n$ rm -r everything\n```\n")


@pytest.mark.parametrize(("left", "right", "alike"), [("in 3.4 s", "in 12.9 s", True), ("a 3.4 s", "b 3.4 s", False)])
def test_times_are_no_difference(left: str, right: str, alike: bool) -> None:
    assert examples.same(left, right) is alike


def test_blocks_of_other_kinds_are_for_reading() -> None:
    text = "```sh\nrm -r everything\n```\n"
    assert examples.page(text) == text


def test_a_missing_and_a_surplus_page_are_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generate, "PAGES", tmp_path)
    monkeypatch.setattr(generate, "LAW_PAGES", tmp_path / "laws")
    monkeypatch.setattr(generate, "PICTURES", tmp_path / "pictures")
    kept, missing, surplus = (tmp_path / name for name in ("VAE201.md", "VAE202.md", "VAE999.md"))
    kept.write_text("same", encoding="utf-8")
    law = tmp_path / "laws" / "gone.md"
    law.parent.mkdir()
    law.write_text("old", encoding="utf-8")
    surplus.write_text("old", encoding="utf-8")
    assert generate.outdated({kept: "same", missing: "new"}) == [missing, surplus, law]
    assert generate.outdated({kept: "changed", surplus: "old", law: "old"}) == [kept]


def test_the_page_of_a_law_has_its_formula_source_and_mistakes() -> None:
    page = law_pages.law_page(find_law("kl-closed-form"))
    assert "```text\nkl = 0.5 * sum(std^2 + mu^2 - 1) - sum(log std)\n```" in page
    assert "Kingma and Welling 2014, appendix B" in page
    assert "- [VAE201](../catalogue/VAE201.md) log-std-read-as-logvar" in page
    assert "return trial.differs(" in page


def test_the_page_of_a_mistake_shows_it_and_says_how_sure_it_is() -> None:
    page = catalogue_pages.catalogue_page(find("VAE502"), "VAE502.svg")
    parts = [
        page.index(each) for each in ("](../pictures/VAE502.svg)", "## Bad", "## How sure", "## When to", "## Ref")
    ]
    assert parts == sorted(parts)
    assert "A warning: very likely unwanted." in page
    assert "`# noqa: VAE502` on the line" in page
    assert "![" not in catalogue_pages.catalogue_page(find("VAE506"), None)


@pytest.mark.parametrize("code", ["VAE201", "VAE305", "VAE502"])
def test_the_picture_of_a_mistake_stands_alone(code: str) -> None:
    drawn = catalogue_pages.flow_picture(find(code))
    assert drawn is not None
    root = ElementTree.fromstring(drawn)
    words = [each.text for each in root.iter("{http://www.w3.org/2000/svg}text")]
    assert code in words
    assert {"sampler", "decoder", "KL", "loss"} <= set(words)
    (style,) = root.iter("{http://www.w3.org/2000/svg}style")
    assert "prefers-color-scheme: dark" in str(style.text)
    assert "--ink: #1c2430" in str(style.text)


def test_a_loss_alone_has_no_picture() -> None:
    assert catalogue_pages.flow_picture(replace(find("VAE201"), bad="x = 1\n")) is None
