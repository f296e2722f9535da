"""Syntax of Python 3.12 and later as an earlier Python parses it; what stays keeps its line and column."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from vae_checked.record import dataclass

_STRING = re.compile(r"(?<!\w)([rRbBuUfF]{0,2})('''|\"\"\"|'|\")")
# What the text outside of strings is gone through by: a comment, a string, a definition with type parameters, an alias.
_CODE = re.compile(
    r"#[^\n]*+"
    rf"|{_STRING.pattern}"
    r"|(?P<head>\b(?:def|class)[ \t]++\w++[ \t]*+)\["
    r"|(?P<alias>^[ \t]*+type[ \t])(?=[ \t]*+\w++[ \t]*+(?:\[[^\]\n]*+\][ \t]*+)?=(?!=))",
    re.MULTILINE,
)
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

    A string in a field of an f-string gets the other quotes; where that is not enough, what the f-string shows is
    unknown. None where nothing of the kind stands in the text, or where a string or a bracket is not closed.
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
            if "\n" not in text[at:end]:
                yield at - 1, end, " " * (end - at + 1)
            at = end
        elif found["alias"] is not None:
            # `type Pair = ...` binds a name, as `____=Pair = ...` does.
            yield at - len("type "), at, "____="
            name = re.compile(r"[ \t]*+\w++[ \t]*+").match(text, at)
            if name is not None and text[name.end()] == "[":
                yield name.end(), (end := _closed(text, name.end() + 1)), " " * (end - name.end())


def _literal(text: str, head: re.Match[str]) -> _Literal:
    start, prefix, quote = head.start(), head[1].lower(), head[2]
    inner, at = list[_Literal](), head.end()
    while True:
        letter = text[at : at + 1]
        if not letter or (letter == "\n" and len(quote) == 1):
            raise _UnfinishedError
        if text.startswith(quote, at):
            return _Literal(start, head.end(), quote, at + len(quote), tuple(inner), "f" in prefix)
        if letter == "\\":
            named = _ESCAPED_NAME.match(text, at) if "r" not in prefix else None
            at = (
                named.end() if named is not None else at + (1 if "f" in prefix and text[at + 1 : at + 2] in "{}" else 2)
            )
        elif "f" in prefix and letter in "{}":
            if text[at + 1 : at + 2] == letter:
                at += 2
            else:
                at = _field(text, at + 1, inner) if letter == "{" else at + 1
        else:
            at += 1


def _field(text: str, at: int, inner: list[_Literal]) -> int:
    """Where a field of an f-string ends whose content starts here; its literals are added to the `inner` ones."""
    depth = 0
    while letter := text[at : at + 1]:
        string = _STRING.match(text, at)
        if string is not None:
            inner.append(_literal(text, string))
            at = inner[-1].end
            continue
        if letter == "#":
            at = text.find("\n", at)
            if at < 0:
                break
        elif depth == 0 and letter == "}":
            return at + 1
        elif depth == 0 and letter == ":":
            return _specification(text, at + 1, inner)
        depth += (letter in _OPEN) - (letter in _CLOSED)
        at += 1
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
    depth = 1
    while letter := text[at : at + 1]:
        string = _STRING.match(text, at)
        if string is not None:
            at = _literal(text, string).end
            continue
        depth += (letter in _OPEN) - (letter in _CLOSED)
        at += 1
        if depth == 0:
            return at
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
    # A line of a string goes on after a backslash; it stands after all that is on its line.
    lines = [" " * len(line) for line in inside.split("\n")]
    first = next((number for number, line in enumerate(lines) if len(line) >= len(_UNKNOWN)), 0)
    lines[first] = _UNKNOWN + lines[first][len(_UNKNOWN) :]
    joined = ("\n" if len(literal.quote) == 3 else "\\\n").join(lines)
    return f"{text[literal.start : literal.first]}{joined}{literal.quote}"


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
