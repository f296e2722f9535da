"""Which laws a mistake breaks, for the pages on it: read from the laws' source, because importing them takes torch."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

_FOLDER = Path(__file__).parent.parent / "laws"


class LinkedLaw(NamedTuple):
    """A law by its name and statement, and the codes of the mistakes that break it."""

    name: str
    statement: str
    broken_by: tuple[str, ...]


def laws_broken_by(code: str) -> list[LinkedLaw]:
    """The laws that name this code, by name: `VAE302` breaks `kl-nonnegative` and others."""
    return [law for law in linked_laws() if code in law.broken_by]


@cache
def linked_laws() -> tuple[LinkedLaw, ...]:
    """Every law, in the order of the names; no law where the package is installed without its source."""
    return tuple(_read())


def _read() -> Iterator[LinkedLaw]:
    for path in sorted(_FOLDER.glob("*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            match node:
                case ast.Assign(targets=[ast.Name(id="LAW")], value=ast.Call(keywords=keywords)):
                    said = {each.arg: each.value for each in keywords}
                    codes = ast.literal_eval(said["broken_by"]) if "broken_by" in said else ()
                    yield LinkedLaw(ast.literal_eval(said["name"]), ast.literal_eval(said["statement"]), codes)
                case _:
                    pass
