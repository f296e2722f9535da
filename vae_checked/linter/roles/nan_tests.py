"""Code that asks of a value whether it is NaN, or finite, and what it puts in its place."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence

from vae_checked.linter.files import syntax
from vae_checked.linter.symbols.expression import PASSED, Expr, called_name, strip, walk
from vae_checked.linter.symbols.given import is_given
from vae_checked.linter.symbols.values import Function, Module

_TESTS = frozenset(("isnan", "isfinite", "isinf"))
# Calls that make one answer of several.
_LOGIC = frozenset("any all bool item And Or not Not sum logical_or logical_and logical_not max float int".split())
# Calls by which whoever trains is warned, and statements that end what was going on.
_TELLING = frozenset(
    "print log log_dict warn warning error info debug critical exception write add_scalar alert set_trace".split()
)


_ASKING: tuple[type[ast.AST], ...] = (ast.Compare, ast.Name, ast.Attribute)
_FUNCTIONS: tuple[type[ast.AST], ...] = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


def test_for_nan(functions: Iterable[Function], met: Iterable[Expr]) -> bool:
    """Whether one of some functions asks it, by name, or by a comparison of a value with itself.

    Not where it only tells, as an assertion does, nor of what is `met` in an evaluation and no model computes: data may
    lack some of their numbers.
    """
    asking = {
        each for function in functions for each in function.scope.module.read_once(_asking).get(id(function.node), ())
    }
    if not asking:
        return False
    nodes, computed = list(met), dict[int, bool]()
    # What a function is handed and gives no layer may be heads, or a reconstruction.
    fed = {below.uid for node in nodes if node.op == "layer" for below in walk(*node.args)}
    for node in nodes:
        if node.site is not None and called_name(node) in _TESTS:
            is_of_data = all(is_given(value) and value.uid in fed for value in node.args)
            for each in {id(each) for each in ast.walk(node.site.node)} & asking:
                computed[each] = computed.get(each, False) or not is_of_data
    return any(computed.get(each, True) for each in asking)


def is_computed(value: Expr) -> bool:
    """Whether a model makes a value."""
    return any(node.op in ("layer", "opaque", "call") for node in walk(value))


def _asking(module: Module) -> dict[int, frozenset[int]]:
    """The ids of the nodes that ask, by those of the functions of a file that they stand in."""
    if not any(_asks(node) for kind in _ASKING for node in module.file.of(kind)):
        return {}
    functions = (node for kind in _FUNCTIONS for node in module.file.of(kind))
    found = {id(node): _asking_in(list(syntax.descendants(node))) for node in functions}
    return {function: asking for function, asking in found.items() if asking}


def _asking_in(nodes: Sequence[ast.AST]) -> frozenset[int]:
    asking = {id(node) for node in nodes if _asks(node)}
    if asking:
        handled = any(isinstance(node, ast.Try) and node.handlers for node in nodes)
        for node in nodes:
            asking -= {id(each) for part in _told(node, handled=handled) for each in ast.walk(part)}
    return frozenset(asking)


def _told(node: ast.AST, *, handled: bool) -> Iterator[ast.AST]:
    """What a statement or a call only tells of; where errors are `handled` one that is raised may be no end."""
    match node:
        case ast.Assert(test=test) if not handled:
            yield test
        case ast.If(test=test, body=body, orelse=[]) if all(_only_tells(each, handled) for each in body):
            yield test
        case ast.Call(args=given) if syntax.called(node) in _TELLING:
            yield from given


def _only_tells(statement: ast.stmt, handled: bool) -> bool:
    if isinstance(statement, ast.Raise):
        return not handled
    call = statement.value if isinstance(statement, ast.Expr) else None
    return isinstance(statement, ast.Pass) or (isinstance(call, ast.Call) and syntax.called(call) in _TELLING)


def _asks(node: ast.AST) -> bool:
    if isinstance(node, ast.Compare) and isinstance(node.ops[0], (ast.Eq, ast.NotEq)):
        left, right = node.left, node.comparators[0]
        return left.__class__ is right.__class__ and ast.dump(left) == ast.dump(right)
    return (isinstance(node, ast.Name) and node.id in _TESTS) or (
        isinstance(node, ast.Attribute) and node.attr in _TESTS
    )


def asked_of(condition: Expr) -> Iterator[Expr]:
    """The values of which a condition asks whether they are NaN, or finite: it, not what they are computed from."""
    stack, seen = [condition], set[int]()
    while stack:
        node = stack.pop()
        if node.uid in seen:
            continue
        seen.add(node.uid)
        if node.op not in ("opaque", "call") or not node.args:
            stack.extend(node.args if node.op in PASSED else ())
            continue
        name = str(node.get("name"))
        given = strip(node.args[0])
        with_itself = name in ("compare:NotEq", "compare:Eq") and strip(node.args[1]).uid == given.uid
        if with_itself or name.rpartition(".")[2] in _TESTS:
            yield given
        elif name.startswith("compare:") or called_name(node) in _LOGIC:
            stack.extend(node.args)


def is_told(choice: Expr) -> bool:
    """Whether somebody is warned, or the training stopped, in a branch that a condition chooses."""
    condition = choice.args[0].site
    if condition is None:
        return True
    around = (node for node in condition.source.cell.nodes if isinstance(node, ast.If))
    branch = next((node for node in around if node.test is condition.node), None)
    return branch is not None and any(map(_tells, syntax.descendants(branch)))


def _tells(node: ast.AST) -> bool:
    if isinstance(node, (ast.Raise, ast.Assert)):
        return True
    if not isinstance(node, ast.Call):
        return False
    return syntax.called(node) in _TELLING
