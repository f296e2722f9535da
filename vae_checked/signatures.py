"""The parameters of a callable, whatever its annotations name: they are evaluated on demand from Python 3.14 on."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from typing import Any

if sys.version_info >= (3, 14):
    import annotationlib


def signature_of(function: Callable[..., Any]) -> inspect.Signature:
    """As `inspect.signature`; an annotation that names what does not exist stays a name, and is no error.

    Raises ValueError or TypeError where there is none.
    """
    if sys.version_info >= (3, 14):
        return inspect.signature(function, annotation_format=annotationlib.Format.FORWARDREF)
    return inspect.signature(function)


def annotations_of(function: Callable[..., Any]) -> dict[str, tuple[Any, str | None]]:
    """Each annotation of a function, and its text where it is one, or where it may name what does not exist."""
    if sys.version_info >= (3, 14):
        texts = annotationlib.get_annotations(function, format=annotationlib.Format.STRING)
        try:
            values = annotationlib.get_annotations(function, format=annotationlib.Format.FORWARDREF)
        except Exception:  # an annotation is any expression: with a name in the place of a class it may fail in any way
            values = texts
        return {name: (values[name], text) for name, text in texts.items()}
    written = inspect.get_annotations(function)
    return {name: (value, value if isinstance(value, str) else None) for name, value in written.items()}
