"""`wrap(model)`: the same model with its stages under a contract that is learned from its first calls."""

from __future__ import annotations

from vae_checked.wrapping.report import WrapReport
from vae_checked.wrapping.wrap import unwrap, wrap, wrap_report

__all__ = ["WrapReport", "unwrap", "wrap", "wrap_report"]
