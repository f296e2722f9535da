"""The remedy of a measured finding as the line that its edit makes, in the user's own words.

An audit knows the line of the operation at fault, and not which of its expressions that is: where one expression of the
line alone can be edited so, it is the one.
"""

from __future__ import annotations

import ast
import linecache
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from vae_checked.catalogue import find
from vae_checked.catalogue.support.edits import Edit, Fixer, apply
from vae_checked.finding import Finding
from vae_checked.text import without_comment

# Any call of two arguments could have them swapped; that of a loss has a name that says so.
_CALLED = {"VAE404": re.compile(r"cross_entropy|bce|loss|criterion|objective|nll", re.IGNORECASE)}


def with_fixed_lines(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Findings whose `fix` is the line at fault as it should be, where one edit of that line is the answer."""
    return tuple(map(_with_fixed_line, findings))


def _with_fixed_line(finding: Finding) -> Finding:
    place, fixer = finding.place, find(finding.code).fixer
    if place is None or place.cell is not None or fixer is None or not finding.mendable:
        return finding
    lines = [line.rstrip("\n") for line in linecache.getlines(place.path)]
    if not 0 < place.line <= len(lines):
        return finding
    edits = _only_edits(lines, place.line, fixer, _CALLED.get(finding.code))
    if edits is None:
        return finding
    line = without_comment(apply("\n".join(lines), edits).split("\n")[place.line - 1]).strip()
    return finding if line == lines[place.line - 1].strip() else replace(finding, fix=line, fixed_line=line)


def _only_edits(lines: list[str], at: int, fixer: Fixer, called: re.Pattern[str] | None) -> Sequence[Edit] | None:
    """The edits of the one expression of a line that can be edited so; None where there are none, or several."""
    try:
        tree = ast.parse("\n".join(lines))
    except (SyntaxError, ValueError, RecursionError):
        return None
    found: list[list[Edit]] = []
    # What stands on the line is in the statements of the file that reach over it, and in no others.
    around = [each for each in tree.body if _begin(each) <= at <= (each.end_lineno or 0)]
    for node in (node for each in around for node in ast.walk(each)):
        if not isinstance(node, ast.expr) or not node.lineno == node.end_lineno == at:
            continue
        if called is not None and not (isinstance(node, ast.Call) and called.search(ast.unparse(node.func))):
            continue
        edits = fixer(node, lines)
        if edits and all(each.line == each.end_line == at and "\n" not in each.text for each in edits):
            found.append(edits)
    return found[0] if len(found) == 1 else None


def _begin(statement: ast.stmt) -> int:
    """The first line of a statement, that of its decorators included."""
    decorators: list[ast.expr] = getattr(statement, "decorator_list", [])
    return min([statement.lineno, *(each.lineno for each in decorators)])
