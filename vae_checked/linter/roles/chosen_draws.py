"""Draws that a setting chooses between: one of no Gaussian is meant where another one stands beside it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence

from vae_checked.linter.evaluations.evaluation import Evaluation
from vae_checked.linter.files import syntax
from vae_checked.linter.roles.alternatives import are_alternatives
from vae_checked.linter.roles.batch_sizes import function_around
from vae_checked.linter.symbols.expression import Expr

# How people call what draws.
_DRAWING = re.compile(r"rand|normal|sampl|noise|draw|reparam", re.IGNORECASE)


def is_one_of_several(z: Expr, noise: Expr, evaluation: Evaluation) -> bool:
    """Whether what makes z, or its noise, stands on one way through a condition and another draw on another way.

    What asks whether the model is trained chooses no posterior.
    """
    written = [node.site for node in (z, noise) if node.site is not None]
    makers = [site.node for site in written]
    around = [function_around(site.node, site.source.cell) for site in written if isinstance(site.node, ast.expr)]
    names = {function.name for function in around if function is not None}
    for function in evaluation.functions():
        nodes = list(syntax.descendants(function.node))
        if _asks_for_mode(nodes):
            continue
        own = [node for node in nodes if any(node is maker for maker in makers) or syntax.last(node) in names]
        others = [node for node in nodes if _DRAWING.search(syntax.last(node)) and syntax.last(node) not in names]
        if any(are_alternatives(nodes, one, other) for one in own for other in others):
            return True
        if any(_lists_both(node, names) for node in nodes):
            return True
    return False


def _lists_both(node: ast.AST, names: set[str]) -> bool:
    """Whether a table has one of some functions beside another one that draws."""
    listed = [syntax.last(each) for each in node.values] if isinstance(node, ast.Dict) else []
    return any(name in names for name in listed) and any(
        name not in names and _DRAWING.search(name) is not None for name in listed
    )


def _asks_for_mode(nodes: Sequence[ast.AST]) -> bool:
    tests: Iterator[ast.expr] = (node.test for node in nodes if isinstance(node, (ast.If, ast.IfExp)))
    return any(syntax.last(each) == "training" for test in tests for each in syntax.descendants(test))
