"""What one entry of the catalogue is."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

from vae_checked.catalogue.support.edits import Fixer
from vae_checked.catalogue.verdict import Undecided, Verdict
from vae_checked.facts import Facts
from vae_checked.finding import Severity
from vae_checked.record import dataclass


class Observer(StrEnum):
    """Who can see a mistake."""

    LINT = "lint"
    AUDIT = "audit"


Judge = Callable[[Facts], Verdict]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """One silent mistake.

    `summary` says what it is in a sentence, `why` what it does to the model. `message`, `evidence` and `fix` are
    format strings over the values of the evidence: what was found, what was read or measured, one remedy. `judge` is
    pure: it answers for a file and for a live model alike. `bad` is a module that makes the mistake, its line marked by
    a comment that bears the code; `good` is its corrected twin. `seen_by` names the observers that tell the two apart.
    `symptoms` name what people see of it, the most telling first (`symptoms.py`); `said` are words in which they report
    it once they know. `fixer` makes the edit of the expression at fault, where there is one right answer.
    """

    code: str
    name: str
    severity: Severity
    summary: str
    why: str
    message: str
    evidence: str
    fix: str
    bad: str
    good: str
    references: tuple[str, ...]
    seen_by: frozenset[Observer]
    judge: Judge
    symptoms: tuple[str, ...] = ()
    said: tuple[str, ...] = ()
    fixer: Fixer | None = None

    @property
    def needs(self) -> tuple[str, ...]:
        """The paths of the facts that decide whether the mistake is made: those that the judge misses without any."""
        verdict = self.judge(Facts(""))
        return verdict.missing if isinstance(verdict, Undecided) else ()
