"""The symbolic shapes of a model, inferred without computing anything: locked in a file, compared, annotated."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from vae_checked.shapes.comparison import Difference, What, compare
from vae_checked.shapes.formula import evaluate
from vae_checked.shapes.listing import listing
from vae_checked.shapes.lock import DamagedLockError, Lock, LockedModel, locked
from vae_checked.shapes.lock_file import LOCK_NAME, read_lock, write_lock
from vae_checked.shapes.lock_text import parse_lock, render_lock
from vae_checked.shapes.model import Entry, ModelShapes, TensorShape
from vae_checked.shapes.report import FORMATS, ShapesReport, render_report

if TYPE_CHECKING:
    from vae_checked.shapes.accepted import accepted_choices, accepted_range, accepts, condition, distinct_sizes
    from vae_checked.shapes.annotation import annotate
    from vae_checked.shapes.exported import crosscheck
    from vae_checked.shapes.inference import infer

# What needs torch is imported on first use: locks are compared without it.
_LAZY = {
    **dict.fromkeys(
        ("accepted_choices", "accepted_range", "accepts", "condition", "distinct_sizes"), "vae_checked.shapes.accepted"
    ),
    "annotate": "vae_checked.shapes.annotation",
    "crosscheck": "vae_checked.shapes.exported",
    "infer": "vae_checked.shapes.inference",
}

__all__ = [
    "FORMATS",
    "LOCK_NAME",
    "DamagedLockError",
    "Difference",
    "Entry",
    "Lock",
    "LockedModel",
    "ModelShapes",
    "ShapesReport",
    "TensorShape",
    "What",
    "accepted_choices",
    "accepted_range",
    "accepts",
    "annotate",
    "compare",
    "condition",
    "crosscheck",
    "distinct_sizes",
    "evaluate",
    "infer",
    "listing",
    "locked",
    "parse_lock",
    "read_lock",
    "render_lock",
    "render_report",
    "write_lock",
]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'vae_checked.shapes' has no attribute {name!r}; it has {', '.join(__all__)}")
    return getattr(importlib.import_module(_LAZY[name]), name)
