"""The one place where a broken contract is put into words."""

from __future__ import annotations

import sys
import types
import typing
from pathlib import Path
from types import FrameType
from typing import Any

from torch import Tensor

from vae_checked.contracts.binding import Bound, Kind, Mismatch, dtype
from vae_checked.contracts.causes import likely_cause
from vae_checked.contracts.plan import is_leaf

_HERE = Path(__file__).parent
_PASSED_THROUGH = (
    "vae_checked.contracts",
    "vae_checked.wrapping",
    "torch",
    "jaxtyping",
    "beartype",
    "contextlib",
    "functools",
)


def compose(stage: str, mismatch: Mismatch, site: str) -> str:
    """One sentence on what, what was expected and why; then the contract, the value, the bindings, the caller."""
    subject = f"{stage}() {mismatch.where}" if mismatch.is_result else f"{stage}({mismatch.where})"
    cause = likely_cause(mismatch)
    lines = [
        f"{subject}: {_fault(mismatch)}" + (f". {cause}" if cause else ""),
        f"  contract: {mismatch.where}: {hint_text(mismatch.hint)}",
        f"  got: {value_text(mismatch.value)}",
        f"  bound: {', '.join(_bound(name, bound) for name, bound in mismatch.bound.items()) or 'nothing yet'}",
        f"  called at: {site}",
    ]
    return "\n".join(lines)


def _fault(m: Mismatch) -> str:
    if m.kind is Kind.SIZE:
        subject = f"axis {m.axis}" + (f" ({m.label})" if m.label else "") if m.axis >= 0 else f"axes {m.label}"
        return f"{subject} {'is' if m.axis >= 0 else 'are'} {m.got}, {_source(m)}"
    if m.kind is Kind.RANK:
        axes = " ".join(axis.text for axis in m.axes)
        least = "at least " if any(axis.variadic for axis in m.axes) else ""
        wanted = len(m.axes) - bool(least)
        got = f"{m.got} {_plural(m.got, 'axis', 'axes')} {tuple(m.value.shape)}"
        return f"{got}, the contract says {least}{wanted}: {axes}"
    if m.kind is Kind.DTYPE:
        return f"dtype is {m.got}, the contract says {_DTYPES.get(str(m.expected), str(m.expected).lower())}"
    if m.kind is Kind.LENGTH:
        return f"{m.got} elements, the contract says {m.expected}"
    return f"{_kind(m.value)}, the contract says {hint_text(m.hint)}"


_DTYPES = {
    "Float": "floating point",
    "Int": "signed integers",
    "UInt": "unsigned integers",
    "Integer": "integers",
    "Num": "numbers",
    "Real": "real numbers",
    "Complex": "complex numbers",
    "Inexact": "floating point or complex",
}


def _source(m: Mismatch) -> str:
    if not m.origin:
        return f"the contract says {m.expected}"
    if any(m.origin == axis.expression for axis in m.axes):
        return f"the contract says {m.origin} = {m.expected}"
    name = m.label or "it"
    return f"{m.origin} has {name} = {m.expected}"


def _plural(count: Any, one: str, many: str) -> str:
    return one if count == 1 else many


def _bound(name: str, bound: Bound) -> str:
    return f"{name} = {bound.size} ({bound.origin})"


def value_text(value: Any) -> str:
    """A value in few words: dtype and shape of a tensor, the type and the contents' of anything else."""
    if isinstance(value, Tensor) and value.is_nested:
        return f"{dtype(value)} nested tensor of {value.size(0)}"
    if isinstance(value, Tensor) or type(value).__module__ == "numpy":
        return f"{dtype(value)} {tuple(value.shape)}"
    if isinstance(value, (tuple, list)):
        inner = ", ".join(value_text(item) for item in value[:4]) + (", ..." if len(value) > 4 else "")
        return f"{type(value).__name__} ({inner})"
    if isinstance(value, dict):
        items = [f"{key!r}: {value_text(item)}" for key, item in list(value.items())[:4]]
        return f"dict {{{', '.join(items)}{', ...' if len(value) > 4 else ''}}}"
    if value is None or isinstance(value, (bool, int, float, str)):
        text = repr(value)
        return text if len(text) <= 60 else f"{text[:57]}..."
    return f"{type(value).__module__}.{type(value).__qualname__}"


def _kind(value: Any) -> str:
    if value is None:
        return "is None"
    if isinstance(value, (tuple, list, dict)):
        return f"is a {type(value).__name__} of {len(value)}"
    if isinstance(value, (bool, int, float, str)):
        return f"is the {type(value).__name__} {value_text(value)}"
    return f"is of type {type(value).__name__}"


def hint_text(hint: Any) -> str:
    """An annotation the way it is written in source."""
    if is_leaf(hint):
        return f'{hint.dtype.__name__}[{getattr(hint.array_type, "__name__", hint.array_type)}, "{hint.dim_str}"]'
    if hint is None or hint is type(None):
        return "None"
    if hint is Ellipsis:
        return "..."
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Union or origin is types.UnionType:
        return " | ".join(hint_text(part) for part in parts)
    if parts and isinstance(origin, type):
        return f"{origin.__name__}[{', '.join(hint_text(part) for part in parts)}]"
    return hint.__name__ if isinstance(hint, type) else str(hint).replace("typing.", "")


def call_site() -> str:
    """The nearest frame outside this package and the libraries that stand between, as `file:line in function`."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and _is_between(frame):
        frame = frame.f_back
    if frame is None:
        return "unknown"
    path = Path(frame.f_code.co_filename)
    if path.is_absolute() and path.is_relative_to(Path.cwd()):
        path = path.relative_to(Path.cwd())
    return f"{path}:{frame.f_lineno} in {frame.f_code.co_name}"


def _is_between(frame: FrameType) -> bool:
    # A stage under contract has the globals of the function that it stands for.
    if Path(frame.f_code.co_filename).is_relative_to(_HERE):
        return True
    module = frame.f_globals.get("__name__", "")
    return any(module == name or module.startswith(f"{name}.") for name in _PASSED_THROUGH)
