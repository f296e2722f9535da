"""The number by which an option scales all noise where nobody sets it."""

from __future__ import annotations

import ast

from vae_checked.linter.files import syntax
from vae_checked.linter.roles.samplers import is_setting, unknown_factor
from vae_checked.linter.symbols.expression import TRANSPARENT, Expr

# What sets any option, and what only reads a table of them.
_SETTING = frozenset(("set_defaults", "__dict__"))
_READING = frozenset(("items", "keys", "values", "get", "copy"))
# What sets an entry of a table, or gives it a name.
_KEEPING: tuple[type[ast.AST], ...] = (ast.Subscript, ast.Assign, ast.AnnAssign, ast.NamedExpr)


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
    """Whether what a script parses is what it was called with, and nothing in it writes to the option."""
    if parsed.site is None or parsed.site.source.cell.number is not None:
        return False
    if any(arg.args or arg.op != "opaque" for arg in parsed.args[1:]):
        return False
    cell, own = parsed.site.source.cell, parsed.site.node
    return not (
        any(_sets(node, name) for node in cell.of(ast.Attribute))
        or any(_writes(node, name) for node in cell.of(ast.Call) if node is not own)
        or any(_keeps_a_table(node) for kind in _KEEPING for node in cell.of(kind))
    )


def _sets(node: ast.Attribute, name: str) -> bool:
    """Whether an attribute is one by which options are set, of whatever name they go by: all but those of `self`."""
    if isinstance(node.value, ast.Name) and node.value.id == "self":
        return False
    by_name = node.attr == name and not isinstance(node.ctx, ast.Load)
    return by_name or node.attr in _SETTING or (_is_table(node.value) and node.attr not in _READING)


def _writes(call: ast.Call, name: str) -> bool:
    """Whether a call may set an option of this name, or parses anew into what was parsed."""
    called = syntax.called(call)
    if called == "setattr":
        asked = call.args[1] if len(call.args) > 1 else None
        return not (isinstance(asked, ast.Constant) and asked.value != name)
    given = (*call.args, *(keyword.value for keyword in call.keywords))
    return called.startswith("parse_") and any(isinstance(node, ast.Name) for arg in given for node in ast.walk(arg))


def _keeps_a_table(node: ast.AST) -> bool:
    """Whether options are set by an entry of the table that they are kept in, or that table is given a name."""
    if isinstance(node, ast.Subscript):
        return _is_table(node.value) and not isinstance(node.ctx, ast.Load)
    return _is_table(getattr(node, "value", None))


def _is_table(node: ast.AST | None) -> bool:
    return isinstance(node, ast.Call) and syntax.called(node) == "vars"
