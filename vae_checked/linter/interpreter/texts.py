"""Texts of which only a part is known: `f"models.{name}"`."""

from __future__ import annotations

from vae_checked.linter.symbols.expression import Expr, Site
from vae_checked.linter.symbols.values import Value, as_expr

_LITERAL = "str:"


def partly_known(start: str, parts: tuple[Value, ...], site: Site | None, end: str = "") -> Expr:
    """A text that begins in a known way, goes on with what is not known, and ends in a known way."""
    known = (("name", "text"), ("start", start), ("end", end))
    return Expr("opaque", tuple(as_expr(part, site) for part in parts), known, site)


def may_be(value: Expr, text: str) -> bool:
    """Whether a text of which something is known begins and ends as `text` does."""
    start, end = known_start(value), _known_end(value)
    return bool(start or end) and len(text) > len(start + end) and text.startswith(start) and text.endswith(end)


def known_start(value: Value) -> str:
    """How a text begins as far as that is known: the whole of a known one."""
    if isinstance(value, str):
        return value
    if not isinstance(value, Expr):
        return ""
    name = value.get("name")
    if value.op == "opaque" and name == "text":
        return str(value.get("start") or "")
    if value.op == "opaque" and isinstance(name, str) and name.startswith(_LITERAL) and not value.args:
        return name.removeprefix(_LITERAL)
    if value.op == "add":
        return known_start(value.args[0])
    return known_start(value.args[0]).partition("%")[0] if value.op == "remainder" else ""


def _known_end(value: Expr) -> str:
    """How a text ends as far as that is known."""
    while value.op == "add":
        value = value.args[1]
    return str(value.get("end") or "") if value.get("name") == "text" else known_start(value)
