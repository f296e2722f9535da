"""Edits for the findings that have one right answer: how the expression at fault is written right."""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Callable, Iterable

from vae_checked.record import dataclass


@dataclass(frozen=True, slots=True)
class Edit:
    """Replace the characters from (line, column) up to (end_line, end_column) by `text`; lines and columns 1-based."""

    line: int
    column: int
    end_line: int
    end_column: int
    text: str


# From the expression at fault and the lines of its file to what changes there; nothing where several answers are right.
Fixer = Callable[[ast.expr, list[str]], list[Edit]]


def apply(text: str, edits: Iterable[Edit]) -> str:
    """`text` after `edits`; ValueError when two of them overlap."""
    lines = text.split("\n")
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line) + 1)
    spans = sorted(
        {
            (starts[edit.line - 1] + edit.column - 1, starts[edit.end_line - 1] + edit.end_column - 1, edit.text)
            for edit in edits
        }
    )
    for (_, end, _), (start, _, _) in itertools.pairwise(spans):
        if start < end:
            raise ValueError("two edits overlap")
    for start, end, new in reversed(spans):
        text = text[:start] + new + text[end:]
    return text


def span_of(node: ast.expr, lines: list[str]) -> tuple[int, int, int, int]:
    """Line and column where an expression begins and where it ends, 1-based, in characters."""
    end_line, end = node.end_lineno or node.lineno, node.end_col_offset or 0
    return (node.lineno, _column(lines, node.lineno, node.col_offset), end_line, _column(lines, end_line, end))


def _column(lines: list[str], line: int, offset: int) -> int:
    """1-based column in characters; the parser counts bytes of UTF-8."""
    return len(lines[line - 1].encode()[:offset].decode(errors="replace")) + 1


def _insert_before(node: ast.expr, lines: list[str], text: str) -> Edit:
    line, column, _, _ = span_of(node, lines)
    return Edit(line, column, line, column, text)


def _insert_after(node: ast.expr, lines: list[str], text: str) -> Edit:
    _, _, line, column = span_of(node, lines)
    return Edit(line, column, line, column, text)


_TWO = 2
_UNPACKED = re.compile(r"\s*\(?(\w+), ?(\w+), ?(\w+), ?(\w+)\)? ?= ?[\w.]+\.(?:shape|size\(\))\s*$")
_TIGHT = (ast.Name, ast.Attribute, ast.Call, ast.Subscript, ast.Constant)


def _scaled(node: ast.expr, lines: list[str], factor: str) -> list[Edit]:
    """`factor * node`, in parentheses where precedence asks for them."""
    if isinstance(node, _TIGHT):
        return [_insert_before(node, lines, f"{factor} * ")]
    return [_insert_before(node, lines, f"{factor} * ("), _insert_after(node, lines, ")")]


def halved_exponent(node: ast.expr, lines: list[str]) -> list[Edit]:
    """exp(s) becomes exp(0.5 * s), as a function and as a method."""
    if not isinstance(node, ast.Call) or node.keywords:
        return []
    if isinstance(node.func, ast.Attribute) and node.func.attr in ("exp", "exp_"):
        if len(node.args) == 1:
            return _scaled(node.args[0], lines, "0.5")
        if not node.args and node.func.attr == "exp":
            owner = node.func.value
            return [_insert_before(owner, lines, "(0.5 * "), _insert_after(owner, lines, ")")]
    if isinstance(node.func, ast.Name) and node.func.id == "exp" and len(node.args) == 1:
        return _scaled(node.args[0], lines, "0.5")
    return []


_NORMAL = {"rand_like": "randn_like", "rand": "randn"}


def normal_noise(node: ast.expr, lines: list[str]) -> list[Edit]:
    """rand_like becomes randn_like, rand becomes randn; other draws have no twin of the same arguments."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return _renamed(node.func, lines, _NORMAL)
    return []


def with_gradient(node: ast.expr, lines: list[str]) -> list[Edit]:
    """.sample() becomes .rsample()."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return _renamed(node.func, lines, {"sample": "rsample"})
    return []


def _renamed(node: ast.Attribute, lines: list[str], names: dict[str, str]) -> list[Edit]:
    new = names.get(node.attr)
    if new is None:
        return []
    _, _, line, column = span_of(node, lines)
    return [Edit(line, column - len(node.attr), line, column, new)]


def exchanged_arguments(node: ast.expr, lines: list[str]) -> list[Edit]:
    """The first two arguments of a call change places."""
    if (
        not isinstance(node, ast.Call)
        or len(node.args) < _TWO
        or any(isinstance(arg, ast.Starred) for arg in node.args)
    ):
        return []
    one, other = node.args[:_TWO]
    edits = []
    for place, text in ((one, ast.unparse(other)), (other, ast.unparse(one))):
        edits.append(Edit(*span_of(place, lines), text))
    return edits


def moved_axes(node: ast.expr, lines: list[str]) -> list[Edit]:
    """A view of a tensor's own sizes by name becomes the permute of its axes."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or node.keywords:
        return []
    sizes = node.args[0].elts if len(node.args) == 1 and isinstance(node.args[0], ast.Tuple) else node.args
    named = [size.id if isinstance(size, ast.Name) else "" for size in sizes]
    # Read from the line upwards: the names have the values that they were given last.
    for text in reversed(lines[: node.lineno]):
        found = _UNPACKED.match(text)
        if found is None or len(named) != len(found.groups()):
            continue
        axes = [found.groups().index(name) if name in found.groups() else None for name in named]
        left = set(range(len(axes))).difference(axes)
        if axes.count(None) == len(left) == 1:
            axes[axes.index(None)] = left.pop()
        if None in axes or sorted(map(str, axes)) != sorted(map(str, range(len(axes)))):
            return []
        _, _, line, column = span_of(node.func.value, lines)
        _, _, end_line, end_column = span_of(node, lines)
        return [Edit(line, column, end_line, end_column, f".permute({', '.join(map(str, axes))}).contiguous()")]
    return []


def halved_term(node: ast.expr, lines: list[str]) -> list[Edit]:
    """A KL without its 1/2 gets it; a minus in front stays in front."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return _scaled(node.operand, lines, "0.5")
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Mult, ast.Div)):
        return [_insert_before(node, lines, "0.5 * ")]
    return _scaled(node, lines, "0.5")
