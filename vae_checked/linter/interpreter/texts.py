"""Texts of which only a part is known: `f"models.{name}"`."""

from __future__ import annotations

from vae_checked.linter.symbols.expression import Expr, Site
from vae_checked.linter.symbols.values import Value, as_expr

_LITERAL = "str:"


def partly_known(start: str, parts: tuple[Value, ...], site: Site | None) -> Expr:
    """A text that begins in a known way and goes on with what is not known."""
    return Expr("opaque", tuple(as_expr(part, site) for part in parts), (("name", "text"), ("start", start)), site)


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
