"""Optimizers that nothing steps: what they hold is held by none that moves it."""

from __future__ import annotations

import ast

from vae_checked.linter.evaluations.evaluation import Evaluation
from vae_checked.linter.files import syntax
from vae_checked.linter.files.source import Cell
from vae_checked.linter.roles.scoped_names import key_of, parameter_key, reads_in
from vae_checked.linter.torch_model.optimizers import NAMES
from vae_checked.record import dataclass

# What is asked of an optimizer and moves no parameter.
_IDLE = frozenset("zero_grad param_groups state_dict load_state_dict state defaults".split())
_MADE_BY = ("__init__", "__call__")
_SHOWING = frozenset(("print", "unscale_", "isinstance", "id"))
_SCHEDULES = ("LR", "ReduceLROnPlateau", "WarmRestarts")


def unstepped(evaluation: Evaluation) -> frozenset[ast.AST]:
    """The calls that make an optimizer of one name which, wherever it is read, is asked for nothing that moves.

    What it is handed to may step it, but for a schedule of the learning rate, and a function of the project that does
    not; so may whoever has it from a list. One of several that stand in a table by their names is idle where others of
    them are asked by name and it is not.
    """
    cells = [cell for module in evaluation.modules() for cell in module.file.cells]
    made = [(call, name) for cell in cells for call, name in cell.read_once(_made)]
    tables = [table for cell in cells for table in cell.read_once(_tables)]
    if not made and not tables:
        return frozenset()
    functions: dict[str, list[tuple[syntax.Definition, bool]]] = {}
    for cell in cells:
        for name, function, is_method in cell.read_once(_functions):
            functions.setdefault(name, []).append((function, is_method))
    used: set[str] = set()
    led: list[tuple[str, str]] = []
    for cell in cells:
        reads = cell.read_once(_read)
        used |= reads.used
        led += reads.led
        for name, call, place in reads.handed:
            known = functions.get(syntax.called(call), ())
            taken = [_parameter(function, place, is_method) for function, is_method in known]
            if not taken or "" in taken:
                used.add(name)
            led += [(name, parameter) for parameter in taken]
    more = True
    while more:
        moving = {name for name, other in led if other in used} - used
        used |= moving
        more = bool(moving)
    by_name = [items for items in tables if any(name in used for _, name in items)]
    items = (item for table in by_name for item in table)
    return frozenset(call for call, name in (*made, *items) if name not in used)


def _functions(cell: Cell) -> list[tuple[str, syntax.Definition, bool]]:
    """The functions of a cell by the names that they are called by, and whether their first argument is an object."""
    found = [(node.name, node, False) for node in cell.functions]
    methods = {
        id(item): cls.name for cls in cell.of(ast.ClassDef) for item in cls.body if isinstance(item, syntax.DEFINITIONS)
    }
    return [
        (methods[id(node)] if name in _MADE_BY and id(node) in methods else name, node, id(node) in methods)
        for name, node, _ in found
    ]


def _parameter(function: syntax.Definition, place: int | str, is_method: bool) -> str:
    """The parameter that takes an argument, by its place or its name; empty where that is not read."""
    spec = function.args
    names = [each.arg for each in (*spec.posonlyargs, *spec.args)]
    if isinstance(place, str):
        is_one = place in (*names, *(each.arg for each in spec.kwonlyargs))
        return parameter_key(function, place) if is_one else ""
    is_static = any(getattr(each, "id", "") == "staticmethod" for each in function.decorator_list)
    at = place + (is_method and not is_static)
    return parameter_key(function, names[at]) if at < len(names) else ""


def leaves_all(call: ast.Call) -> bool:
    """Whether a call leaves what an optimizer that it is handed holds as it is: a schedule of torch's kind."""
    name = syntax.called(call)
    if name in _SHOWING or name.endswith(_SCHEDULES) or (name.startswith("get_") and "schedule" in name):
        return True
    return isinstance(call.func, ast.Attribute) and syntax.last(call.func.value).endswith("lr_scheduler")


def _made(cell: Cell) -> list[tuple[ast.AST, str]]:
    """The optimizers that are given one name or attribute, with that."""
    given = [(node.value, node.targets[0]) for node in cell.of(ast.Assign) if len(node.targets) == 1]
    return [
        (value, key_of(target, cell))
        for value, target in given
        if _makes(value) and isinstance(target, (ast.Name, ast.Attribute))
    ]


def _tables(cell: Cell) -> list[list[tuple[ast.AST, str]]]:
    """The optimizers that stand in one table, each with its key: by a display of it, or by one statement each."""
    found: list[list[tuple[ast.AST, str]]] = [
        [
            (value, f"[{key.value!r}]")
            for key, value in zip(node.keys, node.values, strict=True)
            if _makes(value) and isinstance(key, ast.Constant) and isinstance(key.value, str)
        ]
        for node in cell.of(ast.Dict)
    ]
    put_in: dict[str, list[tuple[ast.AST, str]]] = {}
    for node in cell.of(ast.Assign):
        for target in node.targets:
            if isinstance(target, ast.Subscript) and _makes(node.value) and (key := key_of(target, cell)):
                put_in.setdefault(ast.unparse(target.value), []).append((node.value, key))
    return [items for items in (*found, *put_in.values()) if len(items) > 1]


def _makes(value: ast.AST) -> bool:
    return isinstance(value, ast.Call) and syntax.called(value) in NAMES


@dataclass(frozen=True, slots=True)
class _Reads:
    """What a cell does with names and attributes: those used for anything that may move parameters.

    `led` are those that another name is given, `handed` those that a call is handed, by place or by name.
    """

    used: frozenset[str]
    led: tuple[tuple[str, str], ...]
    handed: tuple[tuple[str, ast.Call, int | str], ...]


def _read(cell: Cell) -> _Reads:
    """The names and attributes that are read for anything but what leaves all parameters as they are."""
    idle = {id(node.value) for node in cell.of(ast.Attribute) if node.attr in _IDLE}
    # A method that is named and not called, as `optimizer.step`.
    idle |= {id(node.value.value) for node in cell.of(ast.Expr) if isinstance(node.value, ast.Attribute)}
    led: list[tuple[str, str]] = []
    handed: list[tuple[str, ast.Call, int | str]] = []
    for node in cell.of(ast.Assign):
        name, targets = key_of(node.value, cell), [key_of(target, cell) for target in node.targets]
        if name and all(targets):
            idle.add(id(node.value))
            led += [(name, target) for target in targets]
    for call in cell.of(ast.Call):
        given: list[tuple[int | str, ast.expr]] = [
            *enumerate(call.args),
            *((each.arg or "", each.value) for each in call.keywords),
        ]
        # A schedule of the learning rate has the optimizer and moves no parameter; nor does what shows or unscales it.
        leaves = leaves_all(call)
        is_read = leaves or not any(isinstance(each, ast.Starred) for each in call.args)
        for place, value in given if is_read else ():
            name = key_of(value, cell)
            if name:
                idle.add(id(value))
                handed += [] if leaves else [(name, call, place)]
    # `torch.optim` is no attribute that an object keeps.
    modules = {(each.asname or each.name).partition(".")[0] for node in cell.of(ast.Import) for each in node.names}
    idle |= {
        id(node) for node in cell.of(ast.Attribute) if isinstance(node.value, ast.Name) and node.value.id in modules
    }
    items = [node for node in cell.of(ast.Subscript) if isinstance(node.ctx, ast.Load) and _is_of_optimizers(node)]
    used = frozenset(key_of(node, cell) for node in (*reads_in(cell), *items) if id(node) not in idle) - {""}
    return _Reads(used, tuple(led), tuple(handed))


def _is_of_optimizers(item: ast.Subscript) -> bool:
    return "opt" in syntax.last(item.value).lower()
