"""An audit held against what is known to fail of its model."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from vae_checked.finding import Place, Remark, RemarkKind, Severity

if TYPE_CHECKING:
    from vae_checked.auditor.report import AuditReport
    from vae_checked.known_failures import KnownFailures


def settled(report: AuditReport, known: KnownFailures, model: str) -> tuple[KnownFailures, AuditReport]:
    """What is known after the audit, and the audit without what was known before it.

    A known mistake is gone where the audit decided that it is not there: what is undecided stays known.
    """
    before = known.of(model)
    found = {each.code for each in report.findings if each.severity is not Severity.INFO}
    gone = sorted(before & checked_and_clean(report) - found)
    after = known.with_outcome(((model, code) for code in found), ((model, code) for code in gone))
    findings = tuple(each for each in report.findings if each.code not in before)
    remarks = tuple(
        Remark(
            RemarkKind.STALE_BASELINE,
            f"{code} of {model} is gone: --write-baseline drops it",
            Place(str(known.file), 1),
        )
        for code in gone
    )
    left = len(report.findings) - len(findings)
    return after, replace(report, findings=findings, known=left, remarks=(*report.remarks, *remarks))


def checked_and_clean(report: AuditReport) -> frozenset[str]:
    """The codes that were decided for every latent, and are no mistake in any."""
    clean = [frozenset(judgement.clean) for judgement in report.judgements]
    return frozenset.intersection(*clean) if clean else frozenset()
