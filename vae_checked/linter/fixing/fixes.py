"""Edits for the findings that have one right answer: the text changes where the mistake stands and nowhere else."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Callable, Iterable

from vae_checked.finding import Finding, Place
from vae_checked.record import dataclass


@dataclass(frozen=True, slots=True)
class Edit:
    """Replace the characters from (line, column) up to (end_line, end_column) by `text`; lines and columns 1-based."""

    line: int
    column: int
    end_line: int
    end_column: int
    text: str


def propose(finding: Finding, text: str) -> tuple[Edit, ...]:
    """The edits that fix `finding` in the text of its file, or of its cell; none where several answers are right."""
    fixer = _FIXERS.get(finding.code)
    if fixer is None or finding.place is None:
        return ()
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return ()
    lines = text.split("\n")
    node = _at(tree, finding.place, lines)
    return () if node is None else tuple(fixer(node, lines))


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


def _at(tree: ast.Module, place: Place, lines: list[str]) -> ast.expr | None:
    """The outermost expression that stands exactly at `place`."""
    wanted = (place.line, place.column, place.end_line, place.end_column)
    for node in ast.walk(tree):
        if isinstance(node, ast.expr) and _span(node, lines) == wanted:
            return node
    return None


def _span(node: ast.expr, lines: list[str]) -> tuple[int, int, int, int]:
    end_line, end = node.end_lineno or node.lineno, node.end_col_offset or 0
    return (node.lineno, _column(lines, node.lineno, node.col_offset), end_line, _column(lines, end_line, end))


def _column(lines: list[str], line: int, offset: int) -> int:
    """1-based column in characters; the parser counts bytes of UTF-8."""
    return len(lines[line - 1].encode()[:offset].decode(errors="replace")) + 1


def _insert_before(node: ast.expr, lines: list[str], text: str) -> Edit:
    line, column, _, _ = _span(node, lines)
    return Edit(line, column, line, column, text)


def _insert_after(node: ast.expr, lines: list[str], text: str) -> Edit:
    _, _, line, column = _span(node, lines)
    return Edit(line, column, line, column, text)


_TIGHT = (ast.Name, ast.Attribute, ast.Call, ast.Subscript, ast.Constant)


def _scaled(node: ast.expr, lines: list[str], factor: str) -> list[Edit]:
    """`factor * node`, in parentheses where precedence asks for them."""
    if isinstance(node, _TIGHT):
        return [_insert_before(node, lines, f"{factor} * ")]
    return [_insert_before(node, lines, f"{factor} * ("), _insert_after(node, lines, ")")]


def _halved_exponent(node: ast.expr, lines: list[str]) -> list[Edit]:
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


def _normal_noise(node: ast.expr, lines: list[str]) -> list[Edit]:
    """rand_like becomes randn_like, rand becomes randn; other draws have no twin of the same arguments."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return _renamed(node.func, lines, _NORMAL)
    return []


def _with_gradient(node: ast.expr, lines: list[str]) -> list[Edit]:
    """.sample() becomes .rsample()."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return _renamed(node.func, lines, {"sample": "rsample"})
    return []


def _renamed(node: ast.Attribute, lines: list[str], names: dict[str, str]) -> list[Edit]:
    new = names.get(node.attr)
    if new is None:
        return []
    _, _, line, column = _span(node, lines)
    return [Edit(line, column - len(node.attr), line, column, new)]


def _halved_term(node: ast.expr, lines: list[str]) -> list[Edit]:
    """A KL without its 1/2 gets it; a minus in front stays in front."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return _scaled(node.operand, lines, "0.5")
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Mult, ast.Div)):
        return [_insert_before(node, lines, "0.5 * ")]
    return _scaled(node, lines, "0.5")


_FIXERS: dict[str, Callable[[ast.expr, list[str]], list[Edit]]] = {
    "VAE201": _halved_exponent,
    "VAE202": _normal_noise,
    "VAE206": _with_gradient,
    "VAE303": _halved_term,
}
