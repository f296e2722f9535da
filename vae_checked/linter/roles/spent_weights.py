"""Weights that scale a term when its loss stands already: `kl *= beta` behind `loss = error + kl` moves nothing."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Collection, Iterator
from functools import lru_cache

from vae_checked.linter.files import syntax
from vae_checked.linter.roles.shown import is_never_read, uses
from vae_checked.linter.roles.written_factors import SCALING_IN_PLACE
from vae_checked.mathematics.names import is_kl_weight

_SCALING = (ast.Mult, ast.Div)
_GIVING = (ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Return)
_ALWAYS = (ast.For, ast.AsyncFor, ast.While, ast.With, ast.AsyncWith)


def read_for_nothing(function: ast.AST, weights: Collection[str]) -> dict[str, ast.stmt]:
    """The weights that a function reads in one statement alone, which scales for nothing, each with that statement.

    That is a local value which is only shown from there on, or never read; it is made anew in the same list of
    statements, so that in the next turn of a loop nothing of it is left. Attributes have a dot before them.
    """
    if not weights:
        return {}
    times = Counter(_read_in(function))
    found: dict[str, ast.stmt] = {}
    for block in syntax.blocks(syntax.descendants(function)):
        for place, statement in enumerate(block):
            name = _scaled(statement)
            read = [weight for weight in _read_in(statement) if weight in weights] if name else []
            if any(times[weight] == 1 for weight in read) and _is_spent(name, statement, block[:place], function):
                found |= {weight: statement for weight in read if times[weight] == 1}
    return found


@lru_cache(maxsize=512)
def scales_beside(function: ast.AST) -> bool:
    """Whether a function scales something by a weight of the KL, whatever its conditions come to.

    Asked once for each KL that it has.
    """
    for statement in _always_run(function):
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
            if _scaled(statement) and _has_weight(statement.value):
                return True
        elif isinstance(statement, _GIVING):
            products = (node for node in syntax.descendants(statement) if isinstance(node, (ast.BinOp, ast.AugAssign)))
            if any(isinstance(node.op, _SCALING) and _has_weight(node) for node in products):
                return True
    return False


def _always_run(block: ast.AST) -> Iterator[ast.stmt]:
    for statement in getattr(block, "body", ()):
        yield statement
        if isinstance(statement, _ALWAYS):
            yield from _always_run(statement)


def _has_weight(written: ast.AST) -> bool:
    return any(is_kl_weight(name.removeprefix(".")) for name in _read_in(written))


def _read_in(written: ast.AST) -> Iterator[str]:
    """The names that are read, as often as they are, attributes with a dot before them."""
    for node in syntax.descendants(written):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            yield node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
            yield f".{node.attr}"


def _scaled(statement: ast.stmt) -> str:
    """The local name whose value a statement scales, or makes of a product; empty for any other statement."""
    if isinstance(statement, ast.AugAssign) and isinstance(statement.op, _SCALING):
        return getattr(statement.target, "id", "")
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        is_product = any(
            isinstance(getattr(node, "op", None), _SCALING) for node in syntax.descendants(statement.value)
        )
        return getattr(statement.targets[0], "id", "") if is_product else ""
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
        method = statement.value.func
        if isinstance(method, ast.Attribute) and method.attr in SCALING_IN_PLACE:
            return getattr(method.value, "id", "")
    return ""


def _is_spent(name: str, statement: ast.stmt, before: list[ast.stmt], function: ast.AST) -> bool:
    if is_never_read(name, function):
        return True
    made = next((each for each in reversed(before) if name in _assigned(each)), None)
    if made is None or _is_read_inside_another(name, function):
        return False
    inside = {id(node) for node in syntax.descendants(statement)}
    reads = [node.lineno for node in uses(name, function)[1] if id(node) not in inside]
    return all(made.lineno <= line < statement.lineno for line in reads) and _reads(name, statement)


def _reads(name: str, statement: ast.stmt) -> bool:
    """Whether a statement makes a value of itself."""
    return not isinstance(statement, ast.Assign) or name in _read_in(statement)


def _assigned(statement: ast.stmt) -> set[str]:
    """The names that an assignment gives a value, whatever they stood for."""
    if not isinstance(statement, ast.Assign):
        return set()
    targets = (node for target in statement.targets for node in syntax.descendants(target))
    return {node.id for node in targets if isinstance(node, ast.Name)}


def _is_read_inside_another(name: str, function: ast.AST) -> bool:
    """Whether a function in a function, or one like it, may read a name whenever it is called."""
    inner = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.Global, ast.Nonlocal)
    others = (node for node in syntax.descendants(function) if isinstance(node, inner) and node is not function)
    return any(
        name in getattr(node, "names", ()) or any(getattr(each, "id", "") == name for each in syntax.descendants(node))
        for node in others
    )
