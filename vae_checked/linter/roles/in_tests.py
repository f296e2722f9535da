"""What a test writes down itself: it is computed to check something else, and trains nothing."""

from __future__ import annotations

from vae_checked.linter.files.test_code import is_in_a_test
from vae_checked.linter.symbols.expression import Expr


def is_written(value: Expr) -> bool:
    """Whether the function of a test computes a value, and not what a test calls."""
    return value.site is not None and is_in_a_test(value.site.source, value.site.node)
