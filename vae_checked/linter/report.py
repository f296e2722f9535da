"""What a run of the linter says."""

from __future__ import annotations

from dataclasses import dataclass

from vae_checked.catalogue import Judgement
from vae_checked.facts import Facts
from vae_checked.finding import Finding


@dataclass(frozen=True, slots=True)
class LintReport:
    """Findings in order of place; per VAE the facts and what was examined; what was not read or not decided.

    `files_read` counts every file given, `files_concerned` those that concern a VAE, `unread` holds (path, reason).
    """

    findings: tuple[Finding, ...]
    judgements: tuple[Judgement, ...]
    facts: tuple[Facts, ...]
    recognised: tuple[str, ...]
    unobserved: tuple[str, ...]
    unread: tuple[tuple[str, str], ...]
    files_read: int
    files_concerned: int

    @property
    def subjects(self) -> int:
        """The number of VAEs seen."""
        return len(self.facts)

    @property
    def summary(self) -> str:
        """One line: what was checked and clean, what concerned no VAE, and what could not be read."""
        clean = sum(1 for judgement in self.judgements if not judgement.findings)
        parts = [
            f"{_count(self.files_read, 'file')} read, {self.files_concerned} with VAE code",
            f"{_count(self.subjects, 'VAE')} examined, {clean} clean",
            _count(len(self.findings), "finding"),
        ]
        if self.unread:
            parts.append(f"{_count(len(self.unread), 'file')} could not be read")
        return "; ".join(parts)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
