"""What an audit hands over."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

from vae_checked.catalogue import Judgement
from vae_checked.errors import FindingsError
from vae_checked.facts import Facts
from vae_checked.finding import Finding, Severity


@dataclass(frozen=True, slots=True)
class AuditReport:
    """The findings of an audit and what they rest on.

    `recognised` says what was recognised and why, `unobserved` what could not be decided, why, and what settles it.
    `facts` and `judgements` hold one entry per latent. `seconds` is the time the audit took.
    """

    findings: tuple[Finding, ...]
    judgements: tuple[Judgement, ...]
    facts: tuple[Facts, ...]
    recognised: tuple[str, ...]
    unobserved: tuple[str, ...]
    seconds: float
    subjects: int = 1
    unread: tuple[tuple[str, str], ...] = ()

    @property
    def summary(self) -> str:
        """The closing line."""
        count = len(self.findings)
        found = "no finding" if not count else "1 finding" if count == 1 else f"{count} findings"
        clean = len({code for judgement in self.judgements for code in judgement.clean})
        return f"{found}; {clean} kinds of mistake checked and clean; {self.seconds:.1f} s"

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
        from vae_checked.reports import render  # noqa: PLC0415  as below

        # A page of its own inside the notebook's, so that neither's style touches the other.
        return f'<iframe srcdoc="{escape(render(self, "html"))}" style="width: 100%; height: 40em; border: 0"></iframe>'

    def __str__(self) -> str:
        from vae_checked.reports import render  # noqa: PLC0415  only a report that is printed needs it

        return render(self)
