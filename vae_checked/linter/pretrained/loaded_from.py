"""What says which VAE is loaded where that is no text of its own: the end of a path, the default of a setting."""

from __future__ import annotations

import ast

from vae_checked.catalogue.support.known_vaes import known
from vae_checked.latent_facts import PretrainedVAE
from vae_checked.linter.symbols.expression import Expr, strip

_TEXT = "str:"
# What makes one path of several parts, and what hands on the path that it is given.
_JOINED = frozenset(("join", "joinpath", "Path", "PurePath", "PosixPath"))
_SAME = frozenset(("str", "fspath", "abspath", "expanduser", "realpath", "resolve", "as_posix"))
# What looks a setting up, and hands out its last argument where there is none.
_WITH_DEFAULT = frozenset(("get", "getenv", "pop", "setdefault"))
_MAX_DEPTH = 8


def told_by(value: Expr, written: ast.expr | None) -> str:
    """The text by which the VAE is known that is loaded from a value, as it is written; empty where it tells of none.

    A folder may be anywhere: what it is called tells what lies in it, as far as it is the name of a VAE that is known.
    """
    text = _text_in(value) or _written(written)
    return text if text and known(PretrainedVAE(identity=text)) is not None else ""


def _text_in(value: Expr, depth: int = 0) -> str:
    node = strip(value)
    name = str(node.get("name"))
    if name.startswith(_TEXT) and node.op == "opaque":
        return name.removeprefix(_TEXT)
    if depth > _MAX_DEPTH:
        return ""
    last = name.rpartition(".")[2]
    if node.op in ("div", "add") or last in _JOINED:
        parts = [_text_in(arg, depth + 1) for arg in node.args]
        # What stands behind the last part that is not known: in a folder by a VAE's name anything may lie.
        end = len(parts) - next((place for place, part in enumerate(reversed(parts)) if not part), len(parts))
        return ("" if node.op == "add" else "/").join(parts[end:])
    if last in _SAME and node.args:
        return _text_in(node.args[0], depth + 1)
    if last in _WITH_DEFAULT and len(node.args) - (node.op == "call") > 1:
        return _text_in(node.args[-1], depth + 1)
    return "" if node.site is None else _written(node.site.node)


def _written(node: ast.AST | None) -> str:
    """The text that an expression comes to where nothing else is set, or the end of the path that it is."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    if isinstance(node, ast.JoinedStr):
        end = node.values[-1] if node.values else None
        text = _written(end)
        # What stands behind a name is the name of a folder; `f"{size}-vae"` is a part of one.
        return text if "/" in text else ""
    if isinstance(node, ast.IfExp):
        return _written(node.orelse) or _written(node.body)
    if isinstance(node, ast.BoolOp) and isinstance(node.op, ast.Or):
        return _written(node.values[-1])
    if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "getattr" and len(node.args) > 2:
        return _written(node.args[2])
    return ""
