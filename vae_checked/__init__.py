"""vae_checked finds the mistakes that VAE code makes in silence, in source and in live models."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vae_checked.auditor import AuditReport as AuditReport
    from vae_checked.auditor import audit_latents as audit_latents
    from vae_checked.auditor import check_vae as check_vae
    from vae_checked.auditor.audit import audit as audit
    from vae_checked.contracts import check_package as check_package
    from vae_checked.contracts import checked as checked
    from vae_checked.contracts import contracts_off as contracts_off
    from vae_checked.contracts import shapes_of as shapes_of
    from vae_checked.errors import VaeCheckedError as VaeCheckedError
    from vae_checked.facts import Facts as Facts
    from vae_checked.finding import Finding as Finding
    from vae_checked.linter import lint as lint
    from vae_checked.monitor import Monitor as Monitor
    from vae_checked.monitor import monitor_callback as monitor_callback
    from vae_checked.wrapping import WrapReport as WrapReport
    from vae_checked.wrapping import unwrap as unwrap
    from vae_checked.wrapping import wrap as wrap
    from vae_checked.wrapping import wrap_report as wrap_report

__version__ = "0.2.0"

_HOME = {
    "AuditReport": "vae_checked.auditor",
    "audit": "vae_checked.auditor",
    "audit_latents": "vae_checked.auditor",
    "check_vae": "vae_checked.auditor",
    "check_package": "vae_checked.contracts",
    "checked": "vae_checked.contracts",
    "contracts_off": "vae_checked.contracts",
    "shapes_of": "vae_checked.contracts",
    "VaeCheckedError": "vae_checked.errors",
    "Facts": "vae_checked.facts",
    "Finding": "vae_checked.finding",
    "lint": "vae_checked.linter",
    "Monitor": "vae_checked.monitor",
    "monitor_callback": "vae_checked.monitor",
    "WrapReport": "vae_checked.wrapping",
    "unwrap": "vae_checked.wrapping",
    "wrap": "vae_checked.wrapping",
    "wrap_report": "vae_checked.wrapping",
}
# Rooms that are used under their own names: `vae_checked.shapes.infer(model, "B 3 H W")`.
_ROOMS = ("reference", "shapes", "strategies")
__all__ = ["__version__", *sorted(_HOME)]  # noqa: PLE0604  the names are strings; the linter cannot see through sorted()


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return importlib.import_module(f"vae_checked.{name}")
    if name not in _HOME:
        raise AttributeError(f"module 'vae_checked' has no attribute {name!r}; it has {', '.join(__all__)}")
    try:
        return getattr(importlib.import_module(_HOME[name]), name)
    except (ImportError, AttributeError):
        from vae_checked.load import require_torch  # noqa: PLC0415  a failure pays for it

        if _HOME[name] not in ("vae_checked.errors", "vae_checked.facts", "vae_checked.finding", "vae_checked.linter"):
            require_torch(f"vae_checked.{name}")
        raise


def load_ipython_extension(ipython: Any) -> None:
    """Give a notebook the magic `%%vae_lint`: `%load_ext vae_checked`."""
    from vae_checked.notebook import load  # noqa: PLC0415  importing the package imports nothing of it

    load(ipython)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME, *_ROOMS})
