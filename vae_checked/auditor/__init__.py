"""The dynamic observer: runs a model, measures what it does, judges it, and leaves it as it was."""

from __future__ import annotations

from vae_checked.auditor.audit import audit as audit
from vae_checked.auditor.check import check_vae as check_vae
from vae_checked.auditor.latents.audit_latents import audit_latents as audit_latents
from vae_checked.auditor.report import AuditReport as AuditReport

__all__ = ["AuditReport", "audit", "audit_latents", "check_vae"]
