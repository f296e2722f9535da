"""What a report shows: a place in a file, one mistake found there, and what is worth saying beside the mistakes."""

from __future__ import annotations

from enum import StrEnum

from vae_checked.record import dataclass, field

LAW, SHAPES = "LAW", "SHAPES"
"""What stands in the place of a mistake's code where a run of pytest tells of a law, or of the lock of shapes."""

OUTSIDE_THE_CATALOGUE = {
    LAW: "A law that every correct VAE obeys is broken.",
    SHAPES: "The shapes of a model are not those of its lock.",
}


class Severity(StrEnum):
    """How sure and how grave: `error` is a fact of mathematics or data flow, `info` is off by default."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


class Provenance(StrEnum):
    """How something came to be known: read off the source, derived from what was read or run, or measured."""

    READ = "read"
    DERIVED = "derived"
    MEASURED = "measured"


@dataclass(frozen=True, slots=True)
class Place:
    """A stretch of source text.

    Lines and columns are 1-based; `end_column` points behind the last character. In a notebook `cell` counts from 0
    over all cells and `line` is the line in the cell. `text` is the whole first line, for excerpts.
    """

    path: str
    line: int
    column: int = 1
    end_line: int | None = None
    end_column: int | None = None
    cell: int | None = None
    text: str = field(default="", compare=False)

    @property
    def sort_key(self) -> tuple[str, int, int, int]:
        """Order by file, cell, line, column."""
        return (self.path, -1 if self.cell is None else self.cell, self.line, self.column)

    def __str__(self) -> str:
        cell = "" if self.cell is None else f":cell {self.cell}"
        return f"{self.path}{cell}:{self.line}"


@dataclass(frozen=True, slots=True)
class Related:
    """A second place that a finding speaks of, and its part in it."""

    place: Place
    message: str


class RemarkKind(StrEnum):
    """What a remark is about."""

    UNUSED_SUPPRESSION = "unused suppression"
    STALE_BASELINE = "stale baseline entry"
    AGREEMENT = "agreement of source and live model"
    DISAGREEMENT = "disagreement of source and live model"
    UNCONFIRMED = "unconfirmed finding"
    UNEXAMINED = "unexamined part"
    INTERNAL_ERROR = "internal error"

    @property
    def plural(self) -> str:
        """Several of them."""
        head, of, tail = self.partition(" of ")
        return f"{head[:-1]}ies" if head.endswith("y") else f"{head}s{of}{tail}"


@dataclass(frozen=True, slots=True)
class Remark:
    """Something worth saying that is no mistake itself: of a comment or entry that can go, or of a finding's proof."""

    kind: RemarkKind
    message: str
    place: Place

    def __str__(self) -> str:
        return f"{self.place}: {self.message}"


@dataclass(frozen=True, slots=True)
class Finding:
    """One mistake in one VAE, in words.

    `subject` names the VAE (`model.py:VAE`, `package.module:VAE`), `also` others that the same place is wrong for;
    `place` is None when only a live model was measured. `message` says what, `evidence` by which values and `how` these
    came to be known, `fix` one remedy. `mendable` is whether the edit that the mistake has, where it has one, is the
    answer; `fixed_line` is the flagged line as that edit leaves it, without its comment, empty where there is none.
    """

    code: str
    name: str
    severity: Severity
    subject: str
    message: str
    evidence: str
    fix: str
    place: Place | None = None
    related: tuple[Related, ...] = ()
    how: Provenance = Provenance.READ
    mendable: bool = True
    also: tuple[str, ...] = ()
    fixed_line: str = field(default="", compare=False)

    @property
    def grounds(self) -> str:
        """The evidence with the way in which it came to be known: `measured: ...`."""
        return f"{self.how}: {self.evidence}"

    @property
    def sort_key(self) -> tuple[tuple[str, int, int, int], str, str]:
        """Order by place, then code; findings without a place come first."""
        return (self.place.sort_key if self.place else ("", -1, 0, 0), self.code, self.subject)


def is_named(subject: str) -> bool:
    """Whether a subject is one name in a file, as that of a class is: a file has none, and a method has two."""
    _, colon, name = subject.rpartition(":")
    return bool(colon) and name.isidentifier()
