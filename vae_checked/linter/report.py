"""What a run of the linter says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vae_checked.record import dataclass

if TYPE_CHECKING:
    # A run that finds no VAE code does without the catalogue.
    from vae_checked.catalogue import Judgement
    from vae_checked.facts import Facts
    from vae_checked.finding import Finding


@dataclass(frozen=True, slots=True)
class LintReport:
    """Findings in order of place; per VAE the facts and what was examined; what was not read or not decided.

    `files_read` counts every file given, `files_concerned` those that concern a VAE, `unread` holds (path, reason),
    `unused_suppressions` one line per comment that switches nothing off.
    """

    findings: tuple[Finding, ...]
    judgements: tuple[Judgement, ...]
    facts: tuple[Facts, ...]
    recognised: tuple[str, ...]
    unobserved: tuple[str, ...]
    unread: tuple[tuple[str, str], ...]
    files_read: int
    files_concerned: int
    unused_suppressions: tuple[str, ...] = ()

    @property
    def subjects(self) -> int:
        """The number of VAEs seen."""
        return sum(map(is_vae, self.facts))

    @property
    def summary(self) -> str:
        """One line: what was checked and clean, what concerned no VAE, and what could not be read or decided."""
        vaes = [judgement for item, judgement in zip(self.facts, self.judgements, strict=True) if is_vae(item)]
        clean = sum(1 for judgement in vaes if not judgement.findings)
        parts = [
            f"{_count(self.files_read, 'file')} read, {self.files_concerned} with VAE code",
            f"{_count(len(vaes), 'VAE')} examined, {clean} clean",
            _count(len(self.findings), "finding"),
        ]
        if self.unread:
            parts.append(f"{len(self.unread)} could not be read")
        if self.unused_suppressions:
            parts.append(f"{_count(len(self.unused_suppressions), 'unused suppression')}")
        return "; ".join(parts)


def is_vae(facts: Facts) -> bool:
    """Whether the facts are of a VAE, and not of a loss or model alone: a sampler or a KL is among them."""
    return facts.kl.form is not None or any(path.startswith("sampler.") for path, _ in facts.known())


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
