"""The words of messages, help, pages and docstrings: plain ones of the field, held by a list of those that are not."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# What a reader of today stumbles over, and what says it.
WORDS = {
    "told": "reported, named, distinguished",
    "mend": "correct, repair, fix",
    "mends": "corrects",
    "mended": "corrected, fixed",
    "exchanged": "swapped",
    "turned down": "refused",
    "for want of": "without",
    "before its time": "early",
    "of others": "of other ...",
    "no change of": "changing ... does not",
    "not decided yet": "undecided",
    "second head": "head for std",
}
# What a reader of the source knows, and a reader of a report does not.
SHOWN = {**WORDS, "beside": "next to, with"}


def stumbles(text: str, words: Mapping[str, str] = SHOWN) -> list[str]:
    """The words of the list in `text`, each with what says it."""
    found = re.finditer(rf"\b({'|'.join(words)})\b", text, re.IGNORECASE)
    return [f"{each[0]}: say {words[each[0].lower()]}" for each in found]


def strings(source: str) -> Iterator[tuple[int, str]]:
    """The strings of a module that may be shown: all but its docstrings, those in pieces as one."""
    nodes = list(ast.walk(ast.parse(source)))
    within = {
        id(node.body[0].value)
        for node in nodes
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef))
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in within:
            yield node.lineno, node.value


def explanations(source: str) -> Iterator[tuple[int, str]]:
    """The comments and docstrings of a module line by line, without the code that they quote."""
    comments = ((token.start[0], token.string) for token in _tokens(source) if token.type == tokenize.COMMENT)
    docstrings = (
        (node.body[0].lineno + number, line)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef))
        if (docstring := ast.get_docstring(node, clean=False)) is not None
        for number, line in enumerate(docstring.splitlines())
    )
    for number, line in chain(comments, docstrings):
        yield number, re.sub(r"`[^`]*`", "", line)


def _tokens(source: str) -> Iterator[tokenize.TokenInfo]:
    return tokenize.generate_tokens(io.StringIO(source).readline)


def test_no_message_uses_a_word_of_the_list() -> None:
    complaints = [
        f"{path.relative_to(ROOT)}:{line}: {complaint}"
        for path in sorted((ROOT / "vae_checked").rglob("*.py"))
        for line, text in strings(path.read_text(encoding="utf-8"))
        for complaint in stumbles(text)
    ]
    assert complaints == []


def test_no_page_for_users_uses_a_word_of_the_list() -> None:
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "docs/catalogue").glob("*.md"))]
    complaints = [
        f"{path.relative_to(ROOT)}:{number}: {complaint}"
        for path in pages
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        for complaint in stumbles(line)
    ]
    assert complaints == []


def test_no_docstring_and_no_comment_uses_a_word_of_the_list() -> None:
    complaints = [
        f"{path.relative_to(ROOT)}:{line}: {complaint}"
        for path in sorted((ROOT / "vae_checked").rglob("*.py"))
        # To find its comments takes Python's own tokenizer, line by line: a file without any of the words has none.
        if stumbles(source := path.read_text(encoding="utf-8"), WORDS)
        for line, text in explanations(source)
        for complaint in stumbles(text, WORDS)
    ]
    assert complaints == []


@pytest.mark.parametrize(
    "text",
    ["the loss is told", "Mend it by hand", "their axes are exchanged", "for want of memory", "a mean beside a sum"],
)
def test_a_word_of_the_list_is_seen(text: str) -> None:
    assert len(stumbles(text)) == 1


@pytest.mark.parametrize("text", ["recommended", "an amendment", "the exchange of z", "retold", "commend", "besides"])
def test_words_that_only_hold_one_are_none(text: str) -> None:
    assert stumbles(text) == []


def test_what_is_no_message_is_not_looked_at() -> None:
    source = 'def f():\n    "What is told."\n    # mended\n    return f"a {x} b", "shown"\n'
    assert sorted(text for _, text in strings(source)) == [" b", "a ", "shown"]


def test_docstrings_and_comments_are_looked_at_without_quoted_code() -> None:
    source = 'def f():\n    """Say `told`.\n\n    What is told.\n    """\n    return "shown"  # mended\n'
    found = [(line, stumbles(text)) for line, text in explanations(source) if stumbles(text)]
    assert [line for line, _ in sorted(found)] == [4, 6]
