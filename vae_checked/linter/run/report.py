"""What a run of the linter says."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from vae_checked.record import dataclass
from vae_checked.text import counted

if TYPE_CHECKING:
    # A run that finds no VAE code does without the catalogue.
    from vae_checked.catalogue import Judgement
    from vae_checked.facts import Facts
    from vae_checked.finding import Finding, Remark


TOO_LARGE = "too large to be evaluated whole: what comes late in it was not examined"


@dataclass(frozen=True, slots=True)
class LintReport:
    """Findings in order of place; per VAE the facts and what was examined; what was not read or not decided.

    `files` are all that were given, `files_concerned` counts those that concern a VAE, `unread` holds (path, reason),
    `remarks` tell of comments that switch nothing off and baseline entries that nothing matches, `known` counts the
    findings that a baseline holds, `statistics` holds (code, name, how often) where they were asked for.
    """

    findings: tuple[Finding, ...]
    judgements: tuple[Judgement, ...]
    facts: tuple[Facts, ...]
    recognised: tuple[str, ...]
    unobserved: tuple[str, ...]
    unread: tuple[tuple[str, str], ...]
    files: tuple[str, ...]
    files_concerned: int
    remarks: tuple[Remark, ...] = ()
    known: int = 0
    statistics: tuple[tuple[str, str, int], ...] | None = None

    @property
    def files_read(self) -> int:
        """The number of files given."""
        return len(self.files)

    @property
    def subjects(self) -> int:
        """The number of VAEs seen."""
        return sum(map(is_vae, self.facts))

    @property
    def summary(self) -> str:
        """One line: what was checked and clean, what concerned no VAE, and what could not be read or decided."""
        vaes = [judgement for item, judgement in zip(self.facts, self.judgements, strict=True) if is_vae(item)]
        without = self.files_read - self.files_concerned
        undecided = _undecided(vaes)
        parts = [
            f"{counted(self.files_read, 'file')} read, {self.files_concerned} with VAE code"
            + (f", {without} without" if without else ""),
            f"{counted(len(vaes), 'VAE')} examined, {sum(not each.findings for each in vaes)} clean"
            + (f", {counted(undecided, 'question')} not decided" if undecided else ""),
            counted(len(self.findings), "finding") + (f", {self.known} more in the baseline" if self.known else ""),
        ]
        if self.unread:
            parts.append(f"{len(self.unread)} could not be read")
        for kind in dict.fromkeys(remark.kind for remark in self.remarks):
            number = sum(remark.kind is kind for remark in self.remarks)
            parts.append(f"1 {kind}" if number == 1 else f"{number} {kind.plural}")
        return "; ".join(parts)


def _undecided(vaes: Iterable[Judgement]) -> int:
    """The pairs of a VAE and a mistake that no judgement of it could examine."""
    decided = {(each.subject, code) for each in vaes for code in (*each.clean, *(item.code for item in each.findings))}
    return len({(each.subject, code) for each in vaes for code in each.undecided} - decided)


def is_vae(facts: Facts) -> bool:
    """Whether the facts are of a VAE, and not of a loss or model alone: a sampler or a KL is among them."""
    return facts.kl.form is not None or any(path.startswith("sampler.") for path, _ in facts.known())
