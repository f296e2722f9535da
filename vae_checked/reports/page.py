"""What the catalogue says of one mistake, or of a symptom, as a page of text or of Markdown."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Protocol

from vae_checked.catalogue.support.names import in_general
from vae_checked.catalogue.symptoms import SYMPTOMS

if TYPE_CHECKING:
    from vae_checked.catalogue import Mistake
    from vae_checked.catalogue.symptoms import Symptom
    from vae_checked.finding import Finding

_CONTEXT = 2
_WIDTH = 80


class Law(Protocol):
    """What a page says of a law."""

    @property
    def name(self) -> str: ...
    @property
    def statement(self) -> str: ...


def text_page(mistake: Mistake, laws: Sequence[Law] = (), example: Finding | None = None) -> str:
    """The page for a terminal; `laws` are those that the mistake breaks, `example` a finding in its bad module."""
    bad, good = difference(mistake.bad, mistake.good)
    found = [] if example is None else _found(example)
    fix = _fix(mistake, example)
    seen = [_wrapped("-", each.title, indent="  ") for each in _symptoms(mistake)]
    said = ", ".join(f'"{each}"' for each in mistake.said)
    parts = [
        f"{mistake.code} {mistake.name} ({mistake.severity})",
        _wrapped("what", mistake.summary),
        _wrapped("why", mistake.why),
        "what you see:\n" + "\n".join(seen) if seen else "",
        _wrapped("in users' words", said) if said else "",
        f"bad:\n{textwrap.indent(bad, '    ')}",
        f"good:\n{textwrap.indent(good, '    ')}",
        "found in the bad one:\n" + "\n".join(map(_indented, found)) if found else "",
        _wrapped("fix", fix) if fix else "",
        _wrapped("seen by", _observers(mistake)),
        "breaks the laws:\n" + "\n".join(f"  {law.name}: {law.statement}" for law in laws) if laws else "",
        "references:\n" + "\n".join(f"  {each}" for each in mistake.references),
    ]
    return "\n\n".join(part.rstrip("\n") for part in parts if part) + "\n"


def markdown_page(mistake: Mistake, laws: Sequence[Law] = (), example: Finding | None = None) -> str:
    """The page of the documentation; `laws` are those that the mistake breaks, `example` a finding of it."""
    bad, good = difference(mistake.bad, mistake.good)
    fix = _fix(mistake, example)
    seen = _symptoms(mistake)
    blocks = [
        f"# {mistake.code} {mistake.name}",
        f"Severity: {mistake.severity}. Seen by: {_observers(mistake)}.",
        mistake.summary,
        "## Why it matters",
        mistake.why,
        "## What you see" if seen else "",
        "\n".join(f"- {each.title}" for each in seen),
        f"In users' words: {', '.join(f'`{each}`' for each in mistake.said)}." if mistake.said else "",
        "## Bad",
        f"```python\n{bad}```",
        *([] if example is None else ["What is found there:", _fenced(_found(example))]),
        "## Good",
        f"```python\n{good}```",
        f"Fix: `{fix}`" if fix else "",
        "## Laws that it breaks" if laws else "",
        "\n".join(f"- [{law.name}](../laws/{law.name}.md): {law.statement}" for law in laws),
        "## References",
        "\n".join(f"- {each}" for each in mistake.references),
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


def symptom_text(symptom: Symptom, mistakes: Sequence[Mistake]) -> str:
    """What may be behind a symptom, for a terminal: the mistakes that cause it, and what else does."""
    title = f"{symptom.title[0].upper()}{symptom.title[1:]}"
    behind = f"mistakes that may be behind it:\n{listed(mistakes)}"
    return f"{title}\n\n{behind}\n\n{_wrapped('also looks like this', symptom.otherwise)}"


def listed(mistakes: Sequence[Mistake]) -> str:
    """Each mistake with its severity and what it is, on lines for a terminal."""
    width = max((len(each.name) for each in mistakes), default=0)
    return "\n".join(
        line
        for each in mistakes
        for line in (f"  {each.code} {each.name:{width}}  {each.severity}", _indented(each.summary))
    )


def symptoms_page(rows: Sequence[tuple[Symptom, Sequence[Mistake]]]) -> Iterator[str]:
    """The blocks of the page on all symptoms, in Markdown; each of `rows` is one of them with its mistakes."""
    for symptom, mistakes in rows:
        yield f"## {symptom.title[0].upper()}{symptom.title[1:]}"
        yield f"Also said: {', '.join(f'`{each}`' for each in (said.replace('`', '') for said in symptom.said))}."
        yield "\n".join(f"- [{each.code}](catalogue/{each.code}.md) {each.name}: {each.summary}" for each in mistakes)
        yield f"Also looks like this: {symptom.otherwise}"


def difference(bad: str, good: str) -> tuple[str, str]:
    """The lines in which two modules differ, with a little of what stands around them; gaps are shown as `...`."""
    left, right = bad.splitlines(keepends=True), good.splitlines(keepends=True)
    groups = list(SequenceMatcher(None, left, right, autojunk=False).get_grouped_opcodes(_CONTEXT))
    if not groups:
        return bad, good
    return (
        _joined([left[group[0][1] : group[-1][2]] for group in groups]),
        _joined([right[group[0][3] : group[-1][4]] for group in groups]),
    )


def _joined(blocks: list[list[str]]) -> str:
    return "    ...\n".join(textwrap.dedent("".join(block)).strip("\n") + "\n" for block in blocks)


def _fix(mistake: Mistake, example: Finding | None) -> str | None:
    """One remedy: the example's, else the one that holds for all; None where there is none without a finding."""
    return in_general(mistake.fix) if example is None else example.fix


def _found(example: Finding) -> list[str]:
    return [example.message, *([example.grounds] if example.evidence else [])]


def _fenced(lines: Sequence[str]) -> str:
    return "\n".join(["```text", *lines, "```"])


def _symptoms(mistake: Mistake) -> list[Symptom]:
    return [each for each in SYMPTOMS if each.name in mistake.symptoms]


def _observers(mistake: Mistake) -> str:
    return " and ".join(sorted(mistake.seen_by, reverse=True)) or "nobody yet"


def _wrapped(title: str, words: str, indent: str = "") -> str:
    head = f"{indent}{title}{'' if title == '-' else ':'} "
    return textwrap.fill(words, _WIDTH, initial_indent=head, subsequent_indent=f"{indent}  ", break_long_words=False)


def _indented(words: str) -> str:
    return textwrap.fill(words, _WIDTH, initial_indent="    ", subsequent_indent="    ", break_long_words=False)
