"""How several tensors are written in a lock, and read again: in what they are returned, and which is which."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple, Protocol

_WHOLE = "output"
_BRACKETS = {"tuple": ("(", ")"), "list": ("[", "]"), "dict": ("{", "}")}
_MORE = "tuple of more than tensors"
_REST = "..."
_ITEM = r"\w+\[[^\]]*\](?: of (?P<source>[^,()\[\]{}]+))?"
_TENSOR = re.compile(_ITEM)
_NAMED = re.compile(rf"(?:(?P<name>[\w.]+): )?{_ITEM}")
_OBJECT = re.compile(r"(\w+)\((.*)\)")
_KINDS = {"(": "a tuple", "[": "a list", "{": "a mapping"}


class Placed(Protocol):
    """A tensor whose text is its dtype and axes, at a place such as `output[1]`, and the call that gave it."""

    @property
    def path(self) -> str: ...
    @property
    def source(self) -> str: ...


class Arrangement(NamedTuple):
    """In what a stage returns its tensors: `kind` in words, and the name of each of them, empty by place.

    `kind` is empty where the line has several tensors and does not say.
    """

    kind: str
    names: tuple[str, ...]


def told_apart(tensors: Sequence[Placed]) -> list[str]:
    """Each tensor as it is written, with its source where another has the same shape and another source."""
    texts = [str(each) for each in tensors]
    sources = Counter((text, each.source) for text, each in zip(texts, tensors, strict=True))
    alike = Counter(texts)
    return [
        f"{text} of {each.source}" if each.source and sources[text, each.source] == 1 < alike[text] else text
        for text, each in zip(texts, tensors, strict=True)
    ]


def arranged(form: str, tensors: Sequence[Placed]) -> str:
    """The tensors in what the stage returns: `(a, b)`, `[a, b]`, `{mu: a, logvar: b}` or `Posterior(mu: a)`."""
    if not tensors:
        return "()"
    texts = told_apart(tensors)
    if tensors[0].path == _WHOLE:
        return texts[0]
    names = [_name(each.path) for each in tensors]
    if names != [str(number) for number in range(len(names))]:
        texts = [f"{name}: {text}" for name, text in zip(names, texts, strict=True)]
    if form == _MORE:
        return f"({', '.join(texts)}, {_REST})"
    opening, closing = _BRACKETS.get(form, (f"{form}(", ")"))
    return f"{opening}{', '.join(texts)}{closing}"


def _name(path: str) -> str:
    """`output['mu']` and `output.mu` as `mu`, `output[0][1]` as `0.1`."""
    words = re.findall(r"\w+", path.partition(_WHOLE)[2])
    return ".".join(words)


def arrangement(text: str) -> Arrangement:
    """In what the stage whose line `text` is returns its tensors."""
    given = text.partition(" -> ")[2]
    names = tuple(found["name"] or "" for found in _NAMED.finditer(given))
    shell = _OBJECT.fullmatch(given)
    if shell is not None:
        return Arrangement(f"a {shell[1]}", names)
    kind = _KINDS.get(given[:1], "one tensor" if len(names) == 1 else "")
    return Arrangement(f"{kind} with more than tensors" if given.endswith(f", {_REST})") else kind, names)


def in_order_of(was: str, now: str) -> str:
    """The line `now` with the entries of a returned mapping in the order of those of the line `was`."""
    before, after = arrangement(was), arrangement(now)
    if after.kind != _KINDS["{"] or before.kind != after.kind or sorted(before.names) != sorted(after.names):
        return now
    head, _, given = now.partition(" -> ")
    entries = {found["name"]: found[0] for found in _NAMED.finditer(given)}
    return f"{head} -> {{{', '.join(entries[name] for name in before.names)}}}"


def sources(text: str) -> tuple[str, ...]:
    """The source of each tensor in a part of a line, empty where none is written."""
    return tuple(found["source"] or "" for found in _TENSOR.finditer(text))


def without_sources(text: str) -> str:
    """The line with nothing said of where tensors come from."""
    return _TENSOR.sub(lambda found: found[0].partition(" of ")[0], text)
