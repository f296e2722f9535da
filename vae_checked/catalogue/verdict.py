"""What a judge answers: found, clean, undecided, or weighted by the author."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from vae_checked.facts import Facts, Origin
from vae_checked.finding import Provenance, Severity
from vae_checked.record import dataclass, field


@dataclass(frozen=True, slots=True)
class Evidence:
    """What shows a mistake: the fact that is wrong, the values that its message speaks of, and the places beside it.

    `mendable` is false where the edit that the mistake has is not the answer to this one. `severity` is that of the
    mistake, where none is given. `absent` is what shows a mistake by not being there: code that was not read may
    have it.
    """

    origin: Origin
    values: Mapping[str, object] = field(default_factory=dict)
    related: tuple[tuple[Origin, str], ...] = ()
    mendable: bool = True
    severity: Severity | None = None
    absent: bool = False

    @property
    def how(self) -> Provenance:
        """Measured where every fact is; derived where one of them is; read otherwise."""
        ways = {self.origin.how, *(origin.how for origin, _ in self.related)}
        return next((how for how in (Provenance.DERIVED, Provenance.READ) if how in ways), Provenance.MEASURED)


@dataclass(frozen=True, slots=True)
class Found:
    """The mistake is made, and `evidence` shows it."""

    evidence: Evidence


@dataclass(frozen=True, slots=True)
class Clean:
    """The mistake is not made: what rules it out was observed."""


@dataclass(frozen=True, slots=True)
class Undecided:
    """The mistake is neither shown nor ruled out.

    `missing` are the paths of the facts that were not observed; `reason` says why those that were do not decide.
    """

    missing: tuple[str, ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Weighted:
    """A question of balance that the author settled by a weight or a count: neither right nor wrong, not judged."""

    by: str


Verdict = Found | Clean | Undecided | Weighted


def lacking(facts: Facts, *paths: str) -> Undecided:
    """Undecided because some of the facts at `paths` were not observed."""
    return Undecided(tuple(path for path in paths if facts.get(path) is None))


_LEFT = " says what is wrong here"


def left_to(code: str) -> Undecided:
    """Undecided because another mistake says what is wrong here."""
    return Undecided(reason=f"{code}{_LEFT}")


def is_left_to(verdict: Undecided, codes: Iterable[str]) -> bool:
    """Whether a mistake is undecided because one of these says what is wrong."""
    return any(verdict == left_to(code) for code in codes)
