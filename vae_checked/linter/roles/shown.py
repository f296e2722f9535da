"""What is only shown: printed, logged, or taken out of the graph as a number."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Set
from functools import lru_cache
from typing import TYPE_CHECKING

from vae_checked.linter.files import syntax
from vae_checked.linter.files.source import Cell
from vae_checked.linter.symbols.expression import Expr
from vae_checked.linter.symbols.gradient_flow import reached
from vae_checked.linter.symbols.values import opened

if TYPE_CHECKING:
    from vae_checked.linter.evaluations.evaluation import Evaluation
    from vae_checked.linter.symbols.observations import Root
    from vae_checked.linter.symbols.values import Module

_SHOWING = frozenset(
    "print item detach add_scalar add_scalars log log_dict log_metrics info debug warning write format set_postfix "
    "set_description".split()
)
# What is made of a value by calls of its own, and of torch, is followed by where it is assigned.
_COMPUTED = frozenset(("torch", "F", "np"))
# What a trainer calls with a loss that nothing is trained by.
_SHOWN_STEPS = frozenset(("validation_step", "test_step"))
# What is made of a value in a call that is not read may be anything.
_UNREAD = frozenset(("opaque", "call"))
_OFF = frozenset(("no_grad", "inference_mode"))


@lru_cache(maxsize=64)
def is_never_read(name: str, function: ast.AST) -> bool:
    """Whether a local name is given a value that nothing reads."""
    named = [node for node in syntax.descendants(function) if isinstance(node, ast.Name) and node.id == name]
    return bool(named) and not any(isinstance(node.ctx, ast.Load) for node in named)


def are_read_for_one_another(names: Set[str], function: ast.AST) -> bool:
    """Whether local names are read at most in statements that give another of them its value."""
    giving = [node for node in syntax.descendants(function) if isinstance(node, ast.Assign)]
    among = (node for node in giving if all(isinstance(each, ast.Name) and each.id in names for each in node.targets))
    inside = {id(item) for node in among for item in ast.walk(node.value)}
    reads = (node for node in syntax.descendants(function) if isinstance(node, ast.Name) and node.id in names)
    return all(id(node) in inside for node in reads if isinstance(node.ctx, ast.Load))


def is_only_shown(name: str, function: ast.AST) -> bool:
    """Whether a local name is never read, or only shown: printed, logged, or taken out of the graph by item()."""
    stored, read = uses(name, function)
    return stored and not read


def is_handed_to_nothing(roots: Iterable[Root], holding: Set[int], evaluation: Evaluation) -> bool:
    """Whether a value is only shown, and handed on to what is evaluated too, by all statements that it is met in.

    `roots` are the edges of these statements, `holding` the uids of all that has the value in it: of a tuple that is
    read part by part the others go where they may. What the function that is evaluated returns goes to callers
    unknown, and what is given to a call that is not read may be differentiated there. Names outside of functions are
    those of the script that is evaluated.
    """
    script, run = evaluation.module, frozenset(function.name for function in evaluation.functions())
    names: dict[tuple[str, ast.AST], set[object]] = {}
    is_dropped = False
    for root in roots:
        if root.function is None and root.site.source.path != script.path:
            return False
        if root.kind == "assign" and root.name:
            where = script.read_once(whole) if root.function is None else root.function.node
            names.setdefault((root.name, where), set()).update(_keys_of_others(root, holding))
        elif _drops(root):
            is_dropped = True
        elif not shows(root) and (root.kind != "return" or root.depth == 1):
            return False
    used = [(uses(name, function), function, others) for (name, function), others in names.items()]
    if is_dropped and not all(stored for (stored, _), _, _ in used):
        # What an attribute keeps may be read wherever the object is.
        return False
    return (is_dropped or bool(names)) and all(
        _is_followed(read, function, others, run) for (_, reads), function, others in used for read in reads
    )


def with_gradient(roots: Iterable[Root], written: Set[int]) -> list[Root]:
    """The edges of statements whose value has a gradient by one of some nodes: what a list keeps are numbers alone."""
    return [root for root in roots if not written.isdisjoint(reached(opened(root.value, (tuple, list, dict))))]


def is_met_in_steps_shown(roots: Iterable[Root], evaluation: Evaluation) -> bool:
    """Whether statements stand in the validation alone of a trainer that has a step which trains such a loss."""
    names = evaluation.read_once(_names_run)
    if "training_step" not in names or names.isdisjoint(_SHOWN_STEPS):
        return False
    met = {root.function.name for root in roots if root.function is not None}
    return bool(met) and met <= _SHOWN_STEPS


def _names_run(evaluation: Evaluation) -> frozenset[str]:
    return frozenset(function.name for function in evaluation.functions())


def is_written_without_gradient(term: Expr) -> bool:
    """Whether a term is written in a function, or below a `with`, in which nothing is differentiated."""
    if term.site is None or not isinstance(term.site.node, ast.expr):
        return False
    written, cell = term.site.node, term.site.source.cell
    return any(first <= written.lineno <= last for first, last in cell.read_once(_without_gradient))


_Holding = ast.FunctionDef | ast.AsyncFunctionDef | ast.With | ast.AsyncWith
_HOLDING: tuple[type[_Holding], ...] = (ast.FunctionDef, ast.AsyncFunctionDef, ast.With, ast.AsyncWith)


def _without_gradient(cell: Cell) -> list[tuple[int, int]]:
    """The first and the last line of what turns gradients off: functions by a decorator, and `with` statements."""
    found: list[tuple[int, int]] = []
    for node in (each for kind in _HOLDING for each in cell.of(kind)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            asked: list[ast.expr] = node.decorator_list
        else:
            asked = [item.context_expr for item in node.items]
        if any(map(_turns_gradients_off, asked)):
            found.append((node.lineno, node.end_lineno or 0))
    return found


def _turns_gradients_off(asked: ast.expr) -> bool:
    target = asked.func if isinstance(asked, ast.Call) else asked
    return syntax.last(target) in _OFF


def whole(script: Module) -> ast.AST:
    """All cells of a file."""
    return ast.Module([statement for cell in script.file.cells for statement in cell.tree.body], [])


def shows(root: Root) -> bool:
    """Whether a statement prints or logs what it is about."""
    return isinstance(root.site.node, ast.Call) and root.kind == "expr" and _shows(root.site.node)


def _drops(root: Root) -> bool:
    """Whether a statement computes a value and does nothing with it: `self.kl(m, s)`, or `+ kl` on its own line."""
    return root.kind == "expr" and isinstance(root.value, Expr) and root.value.op not in _UNREAD


def only_shown(evaluation: Evaluation) -> set[int]:
    """The uids of what is printed or logged in statements of their own: terms stand together there in no loss."""
    roots = evaluation.observations.roots
    return {root.value.uid for root in roots if isinstance(root.value, Expr) and shows(root)}


def _keys_of_others(root: Root, holding: Set[int]) -> Iterator[object]:
    """By what the parts of a tuple or a dict are asked for that have nothing in `holding`."""
    value = root.value
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, (tuple, list)) else ()
    for key, part in parts:
        if not any(each.uid in holding for each in opened(part, (tuple, list, dict))):
            yield key


def uses(name: str, function: ast.AST) -> tuple[bool, list[ast.Name]]:
    """Whether a function assigns a name, and where it reads it for more than to show it."""
    shown: set[int] = set()
    for node in syntax.descendants(function):
        if isinstance(node, syntax.TEXTS_WITH_VALUES) or (isinstance(node, ast.Call) and _shows(node)):
            shown |= {id(item) for item in syntax.descendants(node)}
    stored, read = False, list[ast.Name]()
    for node in syntax.descendants(function):
        if isinstance(node, ast.Name) and node.id == name:
            if isinstance(node.ctx, ast.Store):
                stored = True
            elif id(node) not in shown:
                read.append(node)
    return stored, read


_HANDING_ON = (ast.Yield, ast.YieldFrom, ast.Await, ast.NamedExpr)


def _is_followed(read: ast.Name, function: ast.AST, others: Set[object], run: Set[str]) -> bool:
    """Whether what is computed from a name is assigned, returned or dropped by its statement, and in no unread call.

    Where it is asked for one of the `others` among its parts, that is computed from something else. What functions that
    were `run` do with it is met in their own statements.
    """
    above = {id(child): node for node in syntax.descendants(function) for child in syntax.children(node)}
    node: ast.AST = above[id(read)]
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant) and node.slice.value in others:
        return True
    node = read
    while not isinstance(node, ast.stmt):
        node = above[id(node)]
        if isinstance(node, ast.Call) and not _computes(node, read):
            return _is_run(node, run)
    if isinstance(node, ast.Assign):
        return all(isinstance(each, (ast.Name, ast.Tuple)) for each in node.targets)
    if isinstance(node, ast.Expr):
        # A sum that goes on in the next line without brackets is computed for nothing.
        return not any(isinstance(each, _HANDING_ON) for each in ast.walk(node.value))
    return isinstance(node, ast.Return) or (
        isinstance(node, (ast.AugAssign, ast.AnnAssign)) and isinstance(node.target, ast.Name)
    )


def _is_run(call: ast.Call, run: Set[str]) -> bool:
    """Whether a call is one of a function, or of an own method, that was run."""
    target = call.func
    own = isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name) and target.value.id == "self"
    return (target.attr if isinstance(target, ast.Attribute) and own else getattr(target, "id", "")) in run


def _computes(call: ast.Call, read: ast.Name) -> bool:
    """Whether a call is one of a value's own methods, or of torch."""
    target = call.func
    if not isinstance(target, ast.Attribute) or target.attr == "backward":
        return False
    of_torch = isinstance(target.value, ast.Name) and target.value.id in _COMPUTED
    return of_torch or any(each is read for each in ast.walk(target))


def _shows(call: ast.Call) -> bool:
    return syntax.called(call) in _SHOWING
