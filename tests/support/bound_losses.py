"""Whether an audit bound a loss rightly: the reconstruction is the squared error, the KL reads a log variance."""

from __future__ import annotations

from vae_checked.auditor import AuditReport
from vae_checked.facts import Likelihood, Parametrisation


def codes(report: AuditReport) -> list[str]:
    """The codes that were found, in their order."""
    return [finding.code for finding in report.findings]


def is_bound(report: AuditReport) -> bool:
    """Whether both terms of the loss were found in their roles."""
    facts = report.facts[0]
    return (
        facts.recon.kind is not None
        and facts.recon.kind.value is Likelihood.MSE
        and facts.kl.form is not None
        and facts.kl.form.value.parametrisation is Parametrisation.LOGVAR
    )
