"""What the source leaves open of when z is drawn: a setting that hands on the mean, a seed before each draw."""

from __future__ import annotations

import ast
from typing import TypeGuard

from vae_checked.linter.files import syntax
from vae_checked.linter.roles.objective import Losses
from vae_checked.linter.roles.phi import asks_for_mode
from vae_checked.linter.roles.samplers import SamplerSite
from vae_checked.linter.symbols.expression import strip

_REPEATED = (ast.For, ast.AsyncFor, ast.While, ast.FunctionDef, ast.AsyncFunctionDef)


def is_optional(site: SamplerSite, losses: Losses) -> bool:
    """Whether a setting that is not known, and not the mode of training, chooses between z and its mean."""
    pair = {site.z.uid, strip(site.location).uid}
    return any(
        {strip(side).uid for side in choice.args[1:]} == pair and not asks_for_mode(choice.args[0])
        for choice in losses.unsettled.having("phi")
    )


def is_seeded(site: SamplerSite) -> bool:
    """Whether a seed is set each time before eps is drawn: in the innermost loop or function around the draw."""
    written = site.noise.site
    if written is None or "manual_seed" not in written.source.cell.text:
        return False
    around = [node for node in written.source.cell.nodes if _is_around(node, written.node)]
    innermost = min(around, key=lambda node: (node.end_lineno or 0) - node.lineno, default=None)
    return innermost is not None and any(map(_seeds, syntax.descendants(innermost)))


def _seeds(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == "manual_seed"


def _is_around(node: ast.AST, wanted: ast.AST) -> TypeGuard[ast.stmt]:
    if not isinstance(node, _REPEATED):
        return False
    return node.lineno <= getattr(wanted, "lineno", 0) <= (node.end_lineno or 0)
