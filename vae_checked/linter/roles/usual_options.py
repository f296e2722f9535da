"""The number by which an option scales all noise where nobody sets it."""

from __future__ import annotations

import re

from vae_checked.linter.roles.samplers import is_setting, unknown_factor
from vae_checked.linter.symbols.expression import TRANSPARENT, Expr

# The name that parsed options go by, on the line that parses them.
_PARSED = re.compile(r"^\s*(\w+)\s*(?:,\s*\w+\s*)?=[^=].*\bparse_(?:known_)?args\(")


def factor_of(scale: Expr) -> tuple[float, str] | None:
    """What an option by which a whole scale is multiplied is by default, and its name.

    None where that is not known, where the option divides, and where another setting stands beside it.
    """
    found, stack = None, [scale]
    while stack:
        node = stack.pop()
        if node.op in ("mul", "neg") or (node.op in TRANSPARENT and node.args):
            stack.extend(node.args)
        elif is_setting(node) and node.op != "const":
            usual = None if found is not None else _usual(node)
            if usual is None:
                return None
            found = usual
        elif node.op in ("div", "reciprocal") and unknown_factor(node) is not None:
            return None
    return found


def _usual(option: Expr) -> tuple[float, str] | None:
    """The number that an option is by default, and its name; None where code may set it otherwise."""
    number, name = option.get("default"), option.get("name")
    if not isinstance(number, float) or not isinstance(name, str):
        return None
    owner = option.args[0]
    ways = owner.args[1:] if owner.op == "phi" else (owner,)
    return (number, name) if any(_is_left_to_its_default(way, name) for way in ways) else None


def _is_left_to_its_default(parsed: Expr, name: str) -> bool:
    """Whether what a script parses is what it was called with, and nothing else writes to the option."""
    if parsed.site is None or parsed.site.source.cell.number is not None:
        return False
    if any(arg.args or arg.op != "opaque" for arg in parsed.args[1:]):
        return False
    cell = parsed.site.source.cell
    line = getattr(parsed.site.node, "lineno", 0)
    called = _PARSED.match(cell.lines[line - 1]) if 0 < line <= len(cell.lines) else None
    if called is None:
        return False
    own = re.escape(called[1])
    written = (
        rf"\bsetattr\(\s*{own}\b|\b{own}\.__dict__|vars\(\s*{own}\s*\)\s*(?:\[|\.update)|set_defaults\("
        rf"|\b{own}\.{re.escape(name)}\s*[-+*/]?=(?!=)|parse_\w*\([^\n]*\b{own}\b"
    )
    return re.search(written, cell.text) is None
