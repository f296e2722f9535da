"""Signatures in comments, for code that imports nothing for them: `# shapes: x: Float[Tensor, "B 3 H W"]`.

A line for each argument and one for the result, `# shapes: -> Float[Tensor, "B 5"]`, stand above a function and its
decorators. The names in them are those of jaxtyping and `Tensor`, whatever the module imports.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import Any

import jaxtyping
from torch import Tensor

from vae_checked.contracts.annotations import SAID
from vae_checked.errors import UsageError
from vae_checked.signatures import signature_of

SHAPES = "# shapes:"
_KINDS = ("Bool", "Complex", "Float", "Float32", "Float64", "Int", "Int64", "Num", "Shaped", "UInt", "UInt8")
_NAMES: Mapping[str, Any] = {**{kind: getattr(jaxtyping, kind) for kind in _KINDS}, "Tensor": Tensor}


def take_comments(function: Callable[..., Any], module: ModuleType, lines: Sequence[str]) -> None:
    """Leave with a function of `module`, whose source has these lines, what the comments above it say.

    Raises UsageError for a comment that cannot be read, or that names an argument which the function has not.
    """
    inner: Any = inspect.unwrap(function)
    code = getattr(inner, "__code__", None)
    if code is None or code.co_filename != module.__file__:
        return
    said = _above(lines, code.co_firstlineno)
    if not said:
        return
    known = signature_of(inner).parameters
    hints: dict[str, Any] = {}
    for comment in said:
        name, _, text = ("return", "", comment[2:]) if comment.startswith("->") else comment.partition(":")
        if name != "return" and name not in known:
            raise UsageError(f"{SHAPES} {comment}: {inner.__qualname__} has no argument {name!r}")
        try:
            hints[name] = eval(text.strip(), {**_NAMES})  # noqa: S307  the project's own source
        except Exception as error:  # an annotation is any expression: it can fail in any way
            raise UsageError(f"{SHAPES} {comment}: {type(error).__name__}: {error}") from None
    # Beside the annotations that the function has: those are for others, such as torch.jit.script.
    setattr(inner, SAID, hints)


def _above(lines: Sequence[str], first: int) -> list[str]:
    """What the comments on shapes above a line, numbered from 1, say, in their order."""
    said: list[str] = []
    number = first - 1
    while number >= 1 and lines[number - 1].strip().startswith(SHAPES):
        said.insert(0, lines[number - 1].strip()[len(SHAPES) :].strip())
        number -= 1
    return said
