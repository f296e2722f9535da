"""What is written into a tensor by parts: the interpreter reads it as what it was before."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence

from vae_checked.linter.evaluations.evaluation import Evaluation
from vae_checked.linter.files import syntax
from vae_checked.linter.symbols.expression import Expr, walk
from vae_checked.linter.symbols.values import Module

_COPYING = frozenset(
    "clone copy deepcopy empty_like new new_empty new_tensor new_zeros new_ones new_full array".split()
)
# In place by their names, and yet no value is another afterwards.
_VALUE_KEPT = frozenset(("requires_grad_", "share_memory_"))


def may_be_written(sides: Sequence[Expr], evaluation: Evaluation, telling: frozenset[str]) -> bool:
    """Whether some values, by the names they go by, are copied, or stored into, or handed to what may do so.

    A copy alone is enough: it is made to be changed, and what changes it may stand anywhere. By names alone, as the
    values themselves are read as if nothing was stored: a name that means something else leaves it open too.
    """
    known = evaluation.names()
    names = {name for side in sides for node in walk(side) for name in known.get(node.uid, ())}
    # What an object holds goes by no name of its own.
    names.add("self")
    modules = evaluation.modules()
    own = {name for module in modules for name in module.read_once(_defined)}
    return any(_writes(list(_nodes(module)), names, telling | own) for module in modules)


def _writes(nodes: list[ast.AST], names: set[str], harmless: frozenset[str]) -> bool:
    parts = _bound_from(nodes, names - {"self"})
    return any(
        (isinstance(node, ast.Call) and _copies(node) and _mentions(node, names))
        or (isinstance(node, ast.Call) and _is_in_place(node) and _mentions(node, parts))
        or (isinstance(node, (ast.Subscript, ast.Attribute)) and _is_stored(node) and _mentions(node, parts))
        or (isinstance(node, ast.Expr) and _hands_over(node, parts, harmless))
        for node in nodes
    )


def _copies(call: ast.Call) -> bool:
    return syntax.called(call) in _COPYING


def _is_in_place(call: ast.Call) -> bool:
    """Whether a call is one of the operations that torch names with a line at the end, or is given what it fills."""
    name = syntax.called(call)
    in_place = name.endswith("_") and not name.endswith("__") and name not in _VALUE_KEPT
    return in_place or any(each.arg == "out" for each in call.keywords)


def _is_stored(node: ast.Subscript | ast.Attribute) -> bool:
    is_data = isinstance(node, ast.Subscript) or node.attr == "data"
    return is_data and isinstance(node.ctx, ast.Store)


def _hands_over(statement: ast.Expr, names: set[str], harmless: frozenset[str]) -> bool:
    """Whether a call that is not read is made for what it does to its arguments: its result is dropped."""
    call = statement.value
    if not isinstance(call, ast.Call) or syntax.called(call) in harmless:
        return False
    return any(isinstance(each, ast.Name) and each.id in names for each in call.args)


def _bound_from(nodes: Iterable[ast.AST], names: set[str]) -> set[str]:
    """Some names, and those that are bound to what is made of them: a part of a tensor is the same memory."""
    bound = set(names)
    for targets, value in map(_binding, nodes):
        if value is not None and _mentions(value, names):
            inside = (each for target in targets for each in syntax.descendants(target))
            bound |= {each.id for each in inside if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)}
    return bound


def _binding(node: ast.AST) -> tuple[list[ast.expr], ast.expr | None]:
    """What a node binds, and to what; nothing where it binds nothing."""
    if isinstance(node, ast.Assign):
        return node.targets, node.value
    if isinstance(node, ast.For):
        return [node.target], node.iter
    return ([node.target], node.value) if isinstance(node, (ast.AnnAssign, ast.NamedExpr)) else ([], None)


def _mentions(node: ast.AST, names: set[str]) -> bool:
    return any(isinstance(each, ast.Name) and each.id in names for each in syntax.descendants(node))


def _nodes(module: Module) -> Iterator[ast.AST]:
    return (node for cell in module.file.cells for node in cell.nodes)


def _defined(module: Module) -> frozenset[str]:
    """The functions of a file: what is handed to them goes by their own names in them."""
    return frozenset(node.name for node in _nodes(module) if isinstance(node, syntax.DEFINITIONS))
