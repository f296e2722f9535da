"""What an audit hands over."""

from __future__ import annotations

from dataclasses import dataclass

from vae_checked.catalogue import Judgement
from vae_checked.catalogue.coverage import Examined, examined
from vae_checked.errors import FindingsError
from vae_checked.facts import Facts
from vae_checked.finding import Finding, Remark, Severity
from vae_checked.session import Printer
from vae_checked.text import CORE_CHECKED, counted


@dataclass(frozen=True, slots=True)
class AuditReport:
    """The findings of an audit and what they rest on.

    `recognised` says what was recognised and why, `unobserved` what could not be decided, why, and what settles it.
    `facts` and `judgements` hold one entry per latent. `seconds` is the time the audit took. `known` counts the
    findings that a baseline holds, `remarks` tell of its entries that nothing matches.
    """

    findings: tuple[Finding, ...]
    judgements: tuple[Judgement, ...]
    facts: tuple[Facts, ...]
    recognised: tuple[str, ...]
    unobserved: tuple[str, ...]
    seconds: float
    subjects: int = 1
    unread: tuple[tuple[str, str], ...] = ()
    remarks: tuple[Remark, ...] = ()
    known: int = 0

    @property
    def of_source(self) -> bool:
        """A model was run, no source was read."""
        return False

    @property
    def left_out(self) -> tuple[tuple[str, str], ...]:
        """What is left out of a walk over files alone."""
        return ()

    @property
    def statistics(self) -> None:
        """What is counted over many files alone."""
        return

    @property
    def summary(self) -> str:
        """The closing line."""
        latents = self.examined
        clean = len({code for each in latents for code in each.clean})
        whole = CORE_CHECKED if all(each.core_checked for each in latents) else "checked in part"
        found = counted(len(self.findings), "finding") + (f", {self.known} more in the baseline" if self.known else "")
        parts = (found, f"{clean} kinds of mistake checked and clean", whole)
        return f"{'; '.join(parts)}; {self.seconds:.1f} s"

    @property
    def examined(self) -> list[Examined]:
        """How far each latent was examined."""
        return examined(self.facts, self.judgements)

    def raise_for_findings(self) -> None:
        """Raise FindingsError, an AssertionError, with all findings but mere information; nothing without any."""
        lines = [
            f"{f.subject}: {f.code} {f.name}: {f.message} ({f.grounds}); fix: {f.fix}"
            for f in self.findings
            if f.severity is not Severity.INFO
        ]
        if lines:
            raise FindingsError("\n".join(lines))

    def _repr_html_(self) -> str:
        from vae_checked.reports.html import fragment  # noqa: PLC0415  only a notebook needs it

        return fragment(self)

    def _repr_pretty_(self, printer: Printer, cycle: bool) -> None:
        printer.text(str(self).rstrip("\n"))

    def __repr__(self) -> str:
        subjects = dict.fromkeys(facts.subject for facts in self.facts)
        return f"<AuditReport of {', '.join(subjects)}: {self.summary}>"

    def __str__(self) -> str:
        from vae_checked.reports import render  # noqa: PLC0415  only a report that is printed needs it

        return render(self)
