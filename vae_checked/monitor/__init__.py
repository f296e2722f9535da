"""Watches a VAE in training: KL per latent, active units, effective beta, ranges, and why its posterior collapses."""

from __future__ import annotations

from vae_checked.monitor.callback import monitor_callback as monitor_callback
from vae_checked.monitor.monitor import Monitor as Monitor
from vae_checked.monitor.reading import Balance as Balance
from vae_checked.monitor.reading import Cause as Cause
from vae_checked.monitor.reading import Diagnosis as Diagnosis
from vae_checked.monitor.reading import Reading as Reading

__all__ = ["Balance", "Cause", "Diagnosis", "Monitor", "Reading", "monitor_callback"]
