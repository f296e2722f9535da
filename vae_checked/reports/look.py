"""How a report for a person looks: how wide its lines are, and in which colours."""

from __future__ import annotations

import re
from enum import StrEnum

from vae_checked.record import dataclass
from vae_checked.text import cells

_RESET = "\x1b[0m"
_END = r"-?(?:inf|[\d.]+(?:e[-+]?\d+)?)"
_WORDS = re.compile(rf"[\[(]{_END}, {_END}[\])]\S*|\S+")
PAINT = re.compile(r"\x1b\[[0-9;]*m")
"""What a painted line holds besides its letters: what a report on a terminal may be obeyed in."""


class Role(StrEnum):
    """What words in a report are, by the colour that they have."""

    ERROR = "1;31"
    WARNING = "1;33"
    INFO = "1;36"
    GOOD = "1;32"
    TITLE = "1"
    FAINT = "2"


@dataclass(frozen=True, slots=True)
class Look:
    """`width` is the number of columns, None where no line is wrapped; `colour` is whether words are painted."""

    width: int | None = None
    colour: bool = False

    def paint(self, words: str, role: Role | None) -> str:
        """`words` in the colour of their role."""
        return f"\x1b[{role}m{words}{_RESET}" if self.colour and role and words else words

    def wrap(self, line: str, indent: int = 4) -> list[str]:
        """`line` in lines of the width, broken between words; those after the first are indented by so many more.

        A word that is longer than a line stays whole, and so does an interval.
        """
        if self.width is None or cells(line) <= self.width:
            return [line]
        margin = " " * (len(line) - len(line.lstrip(" ")))
        made: list[str] = []
        current = ""
        for word in _WORDS.findall(line):
            head = margin if not made else margin + " " * indent
            if current and cells(f"{current} {word}") > self.width:
                made.append(current)
                current = margin + " " * indent + word
            else:
                current = f"{current} {word}" if current else head + word
        return [*made, current]


PLAIN = Look()
