"""Noise that is drawn once and kept: where the model is made, or where an object has none yet."""

from __future__ import annotations

import ast

from vae_checked.linter.files import syntax
from vae_checked.linter.roles import batch_sizes, seeds
from vae_checked.linter.roles.samplers import SamplerSite

_MAKING = ("__init__", "__post_init__")


def may_be_kept(site: SamplerSite) -> bool:
    """Whether each step may draw around the heads by the noise of the first: it is kept as an attribute."""
    noise, drawn = site.noise.site, site.z.site
    if noise is None or drawn is None or not isinstance(noise.node, ast.expr):
        return False
    function = batch_sizes.function_around(noise.node, noise.source.cell)
    if function is None:
        return False
    if function.name in _MAKING:
        # What makes an object of the heads may draw by them, each time anew.
        return not (drawn.source.cell is noise.source.cell and seeds.holds(function, drawn.node))
    around = (branch for branch in noise.source.cell.of(ast.If) if seeds.holds(branch, noise.node))
    return any(seeds.holds(function, each) and _keeps_what_it_asks_for(each, noise.node) for each in around)


def _keeps_what_it_asks_for(branch: ast.If, noise: ast.expr) -> bool:
    """Whether a branch sets an attribute to noise where its condition asks for that: `if self.eps is None`."""
    kept = {
        target.attr
        for node in syntax.descendants(branch)
        if isinstance(node, ast.Assign) and seeds.holds(node, noise)
        for target in node.targets
        if isinstance(target, ast.Attribute)
    }
    # By `hasattr(self, "eps")` as well.
    return any(getattr(node, "attr", getattr(node, "value", None)) in kept for node in _named(branch.test))


def _named(test: ast.expr) -> list[ast.AST]:
    return [node for node in ast.walk(test) if isinstance(node, ast.Attribute) or _is_text(node)]


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)
