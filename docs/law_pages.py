"""The pages on the laws, made from their register: the formula, its source, how it is put, and what breaks it."""

from __future__ import annotations

import html
import inspect
import sys
from collections.abc import Sequence

from vae_checked.catalogue import find
from vae_checked.laws import Law
from vae_checked.laws.stages import WORDS

_ABOUT = (
    "What holds for every correct VAE, whatever its layers are. `pytest` tests each law on the models of "
    "`pyproject.toml` at sizes that Hypothesis draws and shrinks ([pytest](../pytest.md)); `vae_checked.check_vae` "
    "does so in a test of your own. Each law ships a mutant, a VAE that breaks it, and a test proves that the law "
    "catches it."
)


def index(laws: Sequence[Law]) -> str:
    """The page that lists all laws with their formulas."""
    rows = [f"| [{law.name}]({law.name}.md) | {_cell(law.statement)} |" for law in laws]
    return "\n".join(["# The laws", "", _ABOUT, "", "| law | statement |", "|---|---|", *rows]) + "\n"


def law_page(law: Law) -> str:
    """The page on one law."""
    module = sys.modules[law.holds.__module__]
    blocks = [
        f"# {law.name}",
        _said(module),
        f"```text\n{law.statement}\n```",
        f"Source: {law.source}.",
        "## What it is put to",
        _needs(law),
        "## How it is checked",
        f"```python\n{inspect.getsource(law.holds)}```",
        "`trial` draws sizes and tensors, runs the stages of the model on them, and says where a comparison fails.",
        "## What breaks it",
        _broken_by(law),
        f"Its mutant, which it must catch: {_in_a_sentence(_said(law.mutant))}",
    ]
    return "\n\n".join(blocks) + "\n"


def _said(described: object) -> str:
    return inspect.getdoc(described) or ""


def _in_a_sentence(text: str) -> str:
    return text[:1].lower() + text[1:]


def _needs(law: Law) -> str:
    words = [WORDS[name] for name in law.needs]
    if law.any_of:
        words.append(" or ".join(WORDS[name] for name in law.any_of))
    return f"What must be known of a model: {', '.join(words)}. Where it is not, the law is skipped with the reason."


def _broken_by(law: Law) -> str:
    if not law.broken_by:
        return f"Linked to no mistake: {law.unlinked}."
    mistakes = [find(code) for code in law.broken_by]
    return "\n".join(f"- [{each.code}](../catalogue/{each.code}.md) {each.name}: {each.summary}" for each in mistakes)


def _cell(text: str) -> str:
    """Code in a cell of a table, whose bars Markdown's readers take differently."""
    return f"<code>{html.escape(text, quote=False).replace('|', '&#124;')}</code>"
