"""The symbolic shapes of a model, inferred without computing anything: locked in a file, compared, annotated."""

from __future__ import annotations

from vae_checked.shapes.comparison import Difference, compare
from vae_checked.shapes.inference import infer
from vae_checked.shapes.law import evaluate
from vae_checked.shapes.listing import listing
from vae_checked.shapes.lock import LOCK_NAME, Lock, LockedModel, locked, parse_lock, read_lock, render_lock, write_lock
from vae_checked.shapes.model import Entry, ModelShapes, TensorShape
from vae_checked.shapes.report import FORMATS, ShapesReport, render_report

__all__ = [
    "FORMATS",
    "LOCK_NAME",
    "Difference",
    "Entry",
    "Lock",
    "LockedModel",
    "ModelShapes",
    "ShapesReport",
    "TensorShape",
    "compare",
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
