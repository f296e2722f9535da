"""Syntax of Python 3.12 and later as an earlier Python parses it; what stays keeps its line and column."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from vae_checked.record import dataclass

_STRING = re.compile(r"(?<!\w)([rRbBuUfFtT]{0,2})('''|\"\"\"|'|\")")
# What the text outside of strings is gone through by: a comment, a string, a definition with type parameters, an alias,
# exceptions without brackets around them.
_CODE = re.compile(
    r"#[^\n]*+"
    rf"|{_STRING.pattern}"
    r"|(?P<head>\b(?:def|class)[ \t]++\w++[ \t]*+)\["
    r"|(?P<alias>^[ \t]*+type[ \t])(?=[ \t]*+\w++[ \t]*+(?:\[[^\]\n]*+\][ \t]*+)?=(?!=))"
    r"|(?P<caught>^[ \t]*+except\*?[ \t]+[\w.]++)(?P<others>(?:[ \t]*+,[ \t]*+[\w.]++)++)(?=[ \t]*+:)",
    re.MULTILINE,
)
_NAME = re.compile(r"[ \t]*+\w++[ \t]*+")
_AS_FORMATTED = str.maketrans("tT", "fF")
# No name that a program has: what an f-string shows there is not known.
_UNKNOWN = "{__}"
_ESCAPED_NAME = re.compile(r"\\N\{[^}\n]*+\}")
_OPEN, _CLOSED = frozenset("([{"), frozenset(")]}")


class _UnfinishedError(Exception):
    """A string or a bracket that nothing closes: the text is wrong in every Python."""


@dataclass(frozen=True, slots=True)
class _Literal:
    """A string literal of a text: where it and its content stand, and the literals in the fields of an f-string."""

    start: int
    first: int
    quote: str
    end: int
    inner: tuple[_Literal, ...] = ()
    formatted: bool = False

    def content(self, text: str) -> str:
        return text[self.first : self.end - len(self.quote)]


def as_earlier(text: str) -> str | None:
    """A text without the f-strings (PEP 701), type parameters and aliases (PEP 695) that Python 3.12 brought.

    And without the templates (PEP 750) and the bare exceptions (PEP 758) of 3.14. A string in a field of an f-string
    gets the other quotes; where that is not enough, what the f-string shows is unknown. None where nothing of the kind
    stands in the text, or where a string or a bracket is not closed.
    """
    try:
        parts = list(_rewritten(text))
    except (_UnfinishedError, RecursionError):
        return None
    if not parts:
        return None
    done, at = [], 0
    for start, end, new in parts:
        done += [text[at:start], new]
        at = end
    return "".join((*done, text[at:]))


def _rewritten(text: str) -> Iterator[tuple[int, int, str]]:
    """The spans of a text that an earlier Python does not parse, each with what stands there instead."""
    at = 0
    while (found := _CODE.search(text, at)) is not None:
        at = found.end()
        string = _STRING.match(text, found.start())
        if string is not None:
            literal = _literal(text, string)
            at = literal.end
            if literal.formatted and not _is_parsed(text[literal.start : literal.end]):
                yield literal.start, literal.end, _earlier(text, literal)
        elif found["head"] is not None:
            end = _closed(text, at)
            yield at - 1, end, _blank(text[at - 1 : end])
            at = end
        elif found["alias"] is not None:
            # `type Pair = ...` binds a name, as `____=Pair = ...` does.
            yield at - len("type "), at, "____="
            name = _NAME.match(text, at)
            if name is not None and text[name.end()] == "[":
                end = _closed(text, name.end() + 1)
                yield name.end(), end, _blank(text[name.end() : end])
        elif found["caught"] is not None:
            yield found.start("others"), at, _blank(found["others"])


def _blank(text: str) -> str:
    """Nothing but spaces in the place of a text; a line of a statement goes on after a backslash."""
    return "\\\n".join(" " * len(line) for line in text.split("\n"))


def _literal(text: str, head: re.Match[str]) -> _Literal:
    start, prefix, quote = head.start(), head[1].lower(), head[2]
    formatted = "f" in prefix or "t" in prefix
    inner, at = list[_Literal](), head.end()
    while True:
        letter = text[at : at + 1]
        if not letter or (letter == "\n" and len(quote) == 1):
            raise _UnfinishedError
        if text.startswith(quote, at):
            return _Literal(start, head.end(), quote, at + len(quote), tuple(inner), formatted)
        following = text[at + 1 : at + 2]
        named = _ESCAPED_NAME.match(text, at) if letter == "\\" and "r" not in prefix else None
        if named is not None:
            at = named.end()
        elif letter == "\\":
            # Before a field it escapes nothing.
            at += 1 if formatted and following in "{}" else 2
        elif formatted and letter == "{" != following:
            at = _field(text, at + 1, inner)
        else:
            at += 2 if formatted and letter == following and letter in "{}" else 1


def _in_code(text: str, at: int, inner: list[_Literal]) -> Iterator[tuple[int, str, int]]:
    """The letters of code from a place on, and how many brackets are open before each; no strings and no comments.

    The strings are added to the `inner` ones.
    """
    depth = 0
    while letter := text[at : at + 1]:
        string = _STRING.match(text, at)
        if string is not None:
            inner.append(_literal(text, string))
            at = inner[-1].end
        elif letter == "#":
            end = text.find("\n", at)
            at = len(text) if end < 0 else end
        else:
            yield at, letter, depth
            depth += (letter in _OPEN) - (letter in _CLOSED)
            at += 1


def _field(text: str, at: int, inner: list[_Literal]) -> int:
    """Where a field of an f-string ends whose content starts here; its literals are added to the `inner` ones."""
    for place, letter, depth in _in_code(text, at, inner):
        if depth == 0 and letter == "}":
            return place + 1
        if depth == 0 and letter == ":":
            return _specification(text, place + 1, inner)
    raise _UnfinishedError


def _specification(text: str, at: int, inner: list[_Literal]) -> int:
    """Where a field ends whose format specification starts here."""
    while letter := text[at : at + 1]:
        if letter == "}":
            return at + 1
        at = _field(text, at + 1, inner) if letter == "{" else at + 1
    raise _UnfinishedError


def _closed(text: str, at: int) -> int:
    """Where a bracket closes whose content starts here."""
    for place, letter, depth in _in_code(text, at, []):
        if depth == 0 and letter in _CLOSED:
            return place + 1
    raise _UnfinishedError


def _is_parsed(literal: str) -> bool:
    try:
        ast.parse(f"({literal})", mode="eval")
    except (SyntaxError, ValueError):
        return False
    return True


def _earlier(text: str, literal: _Literal) -> str:
    quoted = _quoted_otherwise(text, literal)
    if quoted is not None and _is_parsed(quoted):
        return quoted
    inside = literal.content(text)
    # A line of a string goes on after a backslash too; it stands after all that is on its line.
    lines = [" " * len(line) for line in inside.split("\n")]
    first = next((number for number, line in enumerate(lines) if len(line) >= len(_UNKNOWN)), 0)
    lines[first] = _UNKNOWN + lines[first][len(_UNKNOWN) :]
    joined = ("\n" if len(literal.quote) == 3 else "\\\n").join(lines)
    return f"{text[literal.start : literal.first].translate(_AS_FORMATTED)}{joined}{literal.quote}"


def _quoted_otherwise(text: str, literal: _Literal) -> str | None:
    """An f-string whose fields quote by what does not end it; None where their strings hold quotes or backslashes."""
    other = {"'": '"', '"': "'"}[literal.quote[0]]
    done, at = [], literal.start
    for each in literal.inner:
        inside = each.content(text)
        if each.formatted or any(letter in inside for letter in "'\"\\\n"):
            return None
        done += [text[at : each.first - len(each.quote)], other * len(each.quote), inside, other * len(each.quote)]
        at = each.end
    return "".join((*done, text[at : literal.end]))
