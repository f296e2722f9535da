"""What the catalogue says of one mistake, as a page of text or of Markdown."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Protocol

from vae_checked.catalogue.support.names import template

if TYPE_CHECKING:
    from vae_checked.catalogue import Mistake

_CONTEXT = 2


class Law(Protocol):
    """What a page says of a law."""

    @property
    def name(self) -> str: ...
    @property
    def statement(self) -> str: ...


def text_page(mistake: Mistake, laws: Sequence[Law] = ()) -> str:
    """The page for a terminal; `laws` are those that the mistake breaks."""
    bad, good = difference(mistake.bad, mistake.good)
    parts = [
        f"{mistake.code} {mistake.name} ({mistake.severity})",
        _wrapped("what", mistake.summary),
        _wrapped("why", mistake.why),
        f"bad:\n{textwrap.indent(bad, '    ')}",
        f"good:\n{textwrap.indent(good, '    ')}",
        _wrapped("fix", template(mistake.fix)),
        _wrapped("seen by", _observers(mistake)),
        "breaks the laws:\n" + "\n".join(f"  {law.name}: {law.statement}" for law in laws) if laws else "",
        "references:\n" + "\n".join(f"  {each}" for each in mistake.references),
    ]
    return "\n\n".join(part.rstrip("\n") for part in parts if part) + "\n"


def markdown_page(mistake: Mistake, laws: Sequence[Law] = ()) -> str:
    """The page of the documentation; `laws` are those that the mistake breaks."""
    bad, good = difference(mistake.bad, mistake.good)
    return "\n".join(
        [
            f"# {mistake.code} {mistake.name}",
            "",
            f"Severity: {mistake.severity}. Seen by: {_observers(mistake)}.",
            "",
            mistake.summary,
            "",
            "## Why it matters",
            "",
            mistake.why,
            "",
            "## Bad",
            "",
            f"```python\n{bad}```",
            "",
            "## Good",
            "",
            f"```python\n{good}```",
            "",
            f"Fix: `{template(mistake.fix)}`",
            "",
            *(
                ["## Laws that it breaks", "", *(f"- `{law.name}`: {law.statement}" for law in laws), ""]
                if laws
                else []
            ),
            "## References",
            "",
            *(f"- {each}" for each in mistake.references),
            "",
        ]
    )


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


def _observers(mistake: Mistake) -> str:
    return " and ".join(sorted(mistake.seen_by, reverse=True)) or "nobody yet"


def _wrapped(title: str, words: str) -> str:
    return textwrap.fill(words, width=100, initial_indent=f"{title}: ", subsequent_indent="  ")
