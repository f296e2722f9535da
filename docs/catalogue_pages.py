"""The pages on the mistakes: what the catalogue says of one, with a picture, how sure it is, and when to ignore it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from vae_checked.catalogue import Mistake, Observer
from vae_checked.catalogue.coverage import examined
from vae_checked.catalogue.symptoms import SYMPTOMS
from vae_checked.cli.linked_laws import laws_broken_by
from vae_checked.cli.linted_example import finding_in_example
from vae_checked.finding import Severity
from vae_checked.html_page import STYLE
from vae_checked.linter import lint
from vae_checked.reports.page import markdown_page
from vae_checked.reports.pictures import pictures

_SURE = {
    Severity.ERROR: "An error: what is found follows from mathematics or from the flow of data.",
    Severity.WARNING: "A warning: very likely unwanted. Some do it on purpose; the evidence says what it amounts to.",
    Severity.INFO: "A note, for whoever asks for notes: no mistake by itself.",
}
_SEES = {
    frozenset({Observer.LINT, Observer.AUDIT}): "`lint` says what it read or derived from the source, `audit` what it "
    "measured on the live model; where both see one VAE, `lint --confirm` sets the two side by side.",
    frozenset({Observer.LINT}): "`lint` alone sees it, in the source: a model that is handed over does not show it.",
    frozenset({Observer.AUDIT}): "`audit` alone sees it, measured on the live model.",
}
# What a picture in a page of its own needs of the report's style: colours, light and dark, and the rules of pictures.
_RULES = re.compile(r"^(?::root \{.*?\}|@media \(prefers-color-scheme: dark\) \{.*?\} \}|svg[ .].*?)$", re.M | re.S)


def catalogue_page(mistake: Mistake, picture: str | None) -> str:
    """The page on one mistake; `picture` is the name of a file in docs/pictures, where there is one."""
    page = markdown_page(mistake, laws_broken_by(mistake.code), finding_in_example(mistake))
    head, references, tail = page.partition("## References")
    if picture:
        alt = f"The flow of the bad VAE below, {mistake.code} marked where it happens"
        head = head.replace("\n## Bad\n", f"\n![{alt}](../pictures/{picture})\n\n## Bad\n", 1)
    return head + "\n\n".join(_sections(mistake)) + f"\n\n{references}{tail}"


def _sections(mistake: Mistake) -> Iterator[str]:
    yield "## How sure it is"
    unknown = "Where neither source nor model tells, the answer is undecided, and no finding."
    yield " ".join(filter(None, [_SURE[mistake.severity], _SEES.get(mistake.seen_by), unknown]))
    yield "## When to ignore it"
    otherwise = [each for each in SYMPTOMS if each.name in mistake.symptoms]
    if otherwise:
        yield "What it shows has other causes, too:"
        yield "\n".join(f"- {each.title}: {each.otherwise}" for each in otherwise)
    yield (
        f"Where the code is meant as it is, `# noqa: {mistake.code}` on the line says so to whoever reads it next; "
        f'`ignore = ["{mistake.code}"]` in `[tool.vae-checked]` holds for the project.'
    )


def flow_picture(mistake: Mistake) -> str | None:
    """The flow of the bad module as SVG that stands alone; None where there is no whole VAE in it, or no finding."""
    report = lint(["model.py"], texts={"model.py": mistake.bad})
    for each in examined(report.facts, report.judgements):
        found = [finding for finding in each.findings if finding.code == mistake.code]
        if found and each.is_vae:
            drawn = next(picture for _, picture in pictures(each.views, found))
            head, _, body = drawn.partition(">")
            rules = "\n".join(_RULES.findall(STYLE)).replace("svg.flow { min-width: 44rem; }", "")
            paper = '<rect width="100%" height="100%" rx="8" style="fill: var(--paper)"/>'
            named = head.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ')
            return f"{named}>\n<style>{rules}</style>{paper}{body}\n"
    return None
