"""Terms that are kept on an object and added to a loss from there: which of its values is added is not read."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from vae_checked.linter.evaluations.evaluation import Evaluation, expressions
from vae_checked.linter.symbols.expression import Expr, Graph
from vae_checked.linter.symbols.values import Module


def is_added_later(term: int, graph: Graph, evaluation: Evaluation) -> bool:
    """Whether what holds a term, by its uid, is kept as an attribute that a file of the evaluation adds to something.

    In `loss = model.kl + error(model(x))` it is the KL of the batch before, where the forward pass keeps it.
    """
    added = frozenset[str]().union(
        *(module.read_once(names) for module in evaluation.modules() for names in (_added, _collected))
    )
    if not added:
        return False
    holding = graph.holding(term)
    kept = (root for root in evaluation.observations.roots if root.kind == "assign" and root.name in added)
    return any(value.uid in holding for root in kept for value in expressions(root.value))


def is_asked_for(term: int, graph: Graph, evaluation: Evaluation, ends: Iterable[Expr]) -> bool:
    """Whether a loss has an attribute of something unread by the name under which what holds a term is kept.

    So it has where a helper goes through the layers of a model, and each of these keeps its KL.
    """
    asked = [node for node in graph.having("attribute") if any(graph.holds(end, node.uid) for end in ends)]
    names = {node.get("name") for node in asked}
    if not names:
        return False
    holding = graph.holding(term)
    kept = (root for root in evaluation.observations.roots if root.kind == "assign" and root.name in names)
    return any(value.uid in holding for root in kept for value in expressions(root.value))


def _added(module: Module) -> frozenset[str]:
    """The attributes that a file sets, and adds to or takes from something as they are."""
    stored = {node.attr for node in module.file.of(ast.Attribute) if isinstance(node.ctx, ast.Store)}
    sums = (node for node in module.file.of(ast.BinOp) if isinstance(node.op, (ast.Add, ast.Sub)))
    operands = (operand for node in sums for operand in (node.left, node.right))
    return frozenset(node.attr for node in operands if isinstance(node, ast.Attribute) and node.attr in stored)


def _collected(module: Module) -> frozenset[str]:
    """The attributes that functions of a file read which it hands to `apply`, to be called with each module."""
    nodes = [node for cell in module.file.cells for node in cell.nodes]
    applied = (
        argument
        for node in nodes
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "apply"
        for argument in node.args
    )
    names = {argument.id if isinstance(argument, ast.Name) else "" for argument in applied}
    functions = (node for node in nodes if isinstance(node, ast.FunctionDef) and node.name in names)
    read = (node for function in functions for node in ast.walk(function) if isinstance(node, ast.Attribute))
    return frozenset(node.attr for node in read if isinstance(node.ctx, ast.Load))
