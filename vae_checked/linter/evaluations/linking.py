"""Which model output is which loss argument, where no code that was read calls the one with the other."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from types import MappingProxyType

from vae_checked.facts import Parametrisation
from vae_checked.linter.evaluations.reader import RoleReader
from vae_checked.linter.evaluations.whole_results import call_losses, keys_read
from vae_checked.linter.files import syntax
from vae_checked.linter.interpreter import declared
from vae_checked.linter.interpreter.interpreter import Interpreter
from vae_checked.linter.symbols.expression import Expr, Site, atom, strip, walk
from vae_checked.linter.symbols.values import Class, Function, Instance, Key, Value, opened
from vae_checked.mathematics.names import Role, likely_role_of, reading_of

# What a loss of a model compares, in the order in which trainers hand it over.
_SIDES = (Role.RECONSTRUCTION, Role.INPUT)
_LOGARITHMS = frozenset((Parametrisation.LOGVAR, Parametrisation.LOG_STD))
_POSITIVE = frozenset((Parametrisation.STD, Parametrisation.VAR))
# What says of one of two pictures that it is the one that was there before.
_ORIGINAL = re.compile(r"(?:^|_)(?:orig(?:inal)?|true|real|target|truth|gt|given)(?:_|$)", re.IGNORECASE)


def takes_heads(function: Function) -> bool:
    """Whether a function's parameters are named after both heads of a posterior."""
    roles = {likely_role_of(item.arg) for item in function.node.args.args}
    return {Role.MU, Role.SECOND} <= roles


def atoms_for(
    interpreter: Interpreter, function: Function, skip: int, *, heads: bool = True, given: bool = False
) -> list[Value]:
    """Fresh atoms, or objects of the classes declared, for the parameters without a default.

    With `heads` for those up to a head that may be None as well; with `given` for the first that may be None where all
    have a default: what it encodes is what a model is made for, and what it makes of nothing another use of it.
    """
    spec = function.node.args
    parameters = [*spec.posonlyargs, *spec.args]
    first = len(parameters) - len(spec.defaults)
    for index, default in enumerate(spec.defaults if heads else [], first):
        if not (isinstance(default, ast.Constant) and default.value is None):
            break
        if likely_role_of(parameters[index].arg) in (Role.MU, Role.SECOND):
            first = index + 1
    if given and first <= skip < len(parameters):
        default = spec.defaults[skip - first]
        first = skip + (isinstance(default, ast.Constant) and default.value is None)
    required = parameters[skip : max(skip, first)]
    source = function.scope.module.source_of(function.node)
    return [declared.given(interpreter, item, function.scope, Site(source, item)) for item in required]


def own_losses(
    interpreter: Interpreter,
    reader: RoleReader,
    instance: Instance,
    inputs: list[Value],
    outputs: Value,
    site: Site,
    called: Collection[str],
) -> None:
    """Call a model's own loss methods with what its forward returned, but for what code calls of a library's class."""
    call_losses(interpreter, instance, outputs, site)
    seen: set[int] = set()
    values = [expr for root in interpreter.observations.roots for expr in opened_values(root.value, seen)]
    roles = reader.roles_of_outputs(inputs, outputs, values, interpreter.observations.names)
    if Role.MU not in roles and Role.SECOND not in roles:
        _losses_of_what_is_kept(interpreter, instance, inputs, outputs, site)
        return
    callers = _callers(instance.cls)
    second = roles.get(Role.SECOND)
    in_modes = isinstance(second, Expr) and strip(second).op == "phi"
    is_logarithm = isinstance(second, Expr) and _is_exponentiated(strip(second), values)
    for cls in instance.cls.mro():
        # Helpers last: what their callers did not call, or call for one of several modes, is not for these heads.
        for name, method in sorted(cls.names.items(), key=lambda each: each[0] in callers):
            overridden = instance.cls.find(name) is not method
            if not isinstance(method, Function) or overridden or id(method.node) in interpreter.observations.entered:
                continue
            if cls.scope.module.known and name in called:
                continue
            if name in callers and (in_modes or not callers[name].isdisjoint(interpreter.observations.entered)):
                continue
            free = method.is_static
            names = interpreter.observations.names
            if is_logarithm and _takes_no_logarithm(method):
                continue
            args = arguments(interpreter, method, outputs, roles, skip=0 if free else 1, names=names)
            if args is not None:
                target = method if free else Function(method.node, method.scope, instance, method.owner)
                interpreter.invoke(target, args, {}, site)


def _losses_of_what_is_kept(
    interpreter: Interpreter, instance: Instance, inputs: list[Value], outputs: Value, site: Site
) -> None:
    """Call a model's own losses that compare its one result with its input, and read what its forward has kept."""
    forward = instance.cls.find("forward")
    if not isinstance(outputs, Expr) or len(inputs) != 1 or not isinstance(forward, Function):
        return
    kept = set(syntax.assigned(forward.node, "self"))
    for name in dict.fromkeys(name for cls in instance.cls.mro() for name in cls.names):
        method = instance.cls.find(name)
        if not isinstance(method, Function) or method.is_static or id(method.node) in interpreter.observations.entered:
            continue
        spec = method.node.args
        parameters = [item.arg for item in spec.args[1 : len(spec.args) - len(spec.defaults)]]
        if not is_called_loss(method) or len(parameters) != len(_SIDES):
            continue
        if kept.isdisjoint(syntax.read(method.node, "self")):
            continue
        roles: list[str | None] = [likely_role_of(each) for each in parameters]
        sides = [*_SIDES] if None in roles else roles
        if set(sides) == set(_SIDES):
            args = [outputs if side is Role.RECONSTRUCTION else inputs[0] for side in sides]
            interpreter.invoke(Function(method.node, method.scope, instance, method.owner), args, {}, site)


def _callers(cls: Class) -> dict[str, set[int]]:
    """Per method that others of its class call, these others by their nodes."""
    found: dict[str, set[int]] = {}
    for base in cls.mro():
        for method in (value for value in base.names.values() if isinstance(value, Function)):
            for node in syntax.descendants(method.node):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                    owner = node.func.value
                    if isinstance(owner, ast.Name) and owner.id == "self" and node.func.attr != "forward":
                        found.setdefault(node.func.attr, set()).add(id(method.node))
    return found


def arguments(
    interpreter: Interpreter,
    function: Function,
    outputs: Value,
    roles: dict[str, Value],
    skip: int,
    heads: Mapping[str, Role] = MappingProxyType({}),
    *,
    names: Mapping[int, list[str]],
) -> list[Value] | None:
    """The arguments with which a loss is called on a model's outputs; None when it is no loss of theirs.

    `heads` are the parameters that its KL is of: known by its formula, whatever they are called. `names` are those that
    the parts of the outputs went by.
    """
    spec = function.node.args
    parameters = [*spec.posonlyargs, *spec.args][skip:]
    if spec.vararg is not None and not parameters and isinstance(outputs, (tuple, list)):
        # Called as loss(*model(x), x): where the outputs hold the input already, what comes after them is not read.
        given = [roles[Role.INPUT]] if Role.INPUT in roles else []
        return [*outputs, *given] if "loss" in function.name.lower() else None
    named: list[str | None] = [heads.get(item.arg) or likely_role_of(item.arg) for item in parameters]
    _name_the_sides(function, parameters, named)
    whole = _taken_apart(function, parameters, named, outputs, roles)
    if whole is not None:
        index, part = whole
        roles, named = {**roles, "whole": part}, [*named[:index], "whole", *named[index + 1 :]]
    # A reconstruction loss by itself is known by its name: other losses take an output and a target as well.
    wanted: tuple[str, ...] = (Role.MU, Role.SECOND) if whole is None else ("whole",)
    if "recon" in function.name.lower() and Role.MU not in named and whole is None:
        wanted = (Role.RECONSTRUCTION, Role.INPUT)
    if any(named.count(role) != 1 or role not in roles for role in wanted):
        return None
    if Role.SECOND in named and not _may_be_handed(parameters[named.index(Role.SECOND)].arg, roles, names):
        return None
    source = function.scope.module.source_of(function.node)
    required = len(parameters) - len(spec.defaults)
    args: list[Value] = []
    steps = _steps(outputs, roles)
    shown = {name: part for part in steps for name in names.get(part.uid, ())}
    is_one_of_two = len({strip(part).uid for part in steps}) > 1
    for index, (item, role) in enumerate(zip(parameters, named, strict=True)):
        # Of several outputs a loss takes the one of its parameter's name: the logits, and not what is drawn by them.
        # A name of none, `x_hat`, does not say which: it may be their sigmoid as well.
        if role is Role.RECONSTRUCTION and item.arg in shown:
            args.append(shown[item.arg])
        elif role in roles and not (role is Role.RECONSTRUCTION and is_one_of_two):
            args.append(roles[role])
        elif index >= required:
            break
        else:
            args.append(atom(item.arg, Site(source, item), interpreter.serial()))
    return args


def _may_be_handed(parameter: str, roles: dict[str, Value], names: Mapping[int, list[str]]) -> bool:
    """Whether the head for std may be what a parameter is named after: what is called `std` is no `logvar`.

    Where no code that was read hands over the one for the other, the names alone say what belongs together.
    """
    second, wanted = roles.get(Role.SECOND), reading_of(parameter)
    if not isinstance(second, Expr) or wanted is None:
        return True
    named = {reading_of(name) for name in names.get(strip(second).uid, ())} - {None}
    return not named or any((reading in _LOGARITHMS) is (wanted in _LOGARITHMS) for reading in named)


def _is_exponentiated(head: Expr, values: Iterable[Expr]) -> bool:
    """Whether a pass reads a head as a logarithm, whatever it is called: `exp(0.5 * s)`."""
    return any(node.op == "exp" and _below_numbers(node.args[0]).uid == head.uid for node in walk(*values))


def _below_numbers(value: Expr) -> Expr:
    node = strip(value)
    while node.op in ("mul", "div", "neg"):
        inner = [arg for arg in map(strip, node.args) if arg.op != "const"]
        if len(inner) != 1:
            break
        node = inner[0]
    return node


def _takes_no_logarithm(function: Function) -> bool:
    """Whether a function asks for a std or a variance by its name, and takes no exponential of it either."""
    spec = function.node.args
    named = {item.arg for item in (*spec.posonlyargs, *spec.args) if likely_role_of(item.arg) is Role.SECOND}
    if not named or not all(reading_of(name) in _POSITIVE for name in named):
        return False
    exponentials = [
        node
        for node in syntax.descendants(function.node)
        if isinstance(node, ast.Call) and syntax.called(node) in ("exp", "exp_")
    ]
    return not any(getattr(part, "id", "") in named for node in exponentials for part in ast.walk(node))


def _steps(outputs: Value, roles: dict[str, Value]) -> list[Expr]:
    """The parts of a result that are the reconstruction, or a step of making it, as its logits are."""
    first = roles.get(Role.RECONSTRUCTION)
    if not isinstance(first, Expr):
        return []
    return [part for part in opened_values(outputs) if _is_made_of(first, part) or _is_made_of(part, first)]


def _is_made_of(value: Expr, part: Expr) -> bool:
    """Whether nothing but steps that learn nothing and take one tensor lie between: a sigmoid, a draw, another shape.

    What a layer is given is no picture yet: z is the decoder's.
    """
    while value.uid != part.uid and value.uid > part.uid and len(value.args) == 1 and value.op != "layer":
        value = value.args[0]
    return value.uid == part.uid


def _name_the_sides(function: Function, parameters: list[ast.arg], named: list[str | None]) -> None:
    """Give what a loss of both heads compares a role by the other side, or both by their order: `f(x_hat, x)`."""
    if Role.MU not in named or Role.SECOND not in named:
        return
    inputs = [place for place, role in enumerate(named) if role is Role.INPUT]
    original = [place for place in inputs if _ORIGINAL.search(parameters[place].arg)]
    if len(inputs) > 1 == len(original):  # `x` and `original_x`
        named[:] = [None if place in inputs and place not in original else role for place, role in enumerate(named)]
    for role in (Role.RECONSTRUCTION, Role.INPUT):
        if named.count(role) > 1:  # `x_` and `x`: the names tell no side
            named[:] = [None if each is role else each for each in named]
    sides = {role: named.count(role) for role in (Role.RECONSTRUCTION, Role.INPUT)}
    known = [parameters[named.index(role)].arg for role, number in sides.items() if number]
    without = {item.arg: place for place, (item, role) in enumerate(zip(parameters, named, strict=True)) if not role}
    wanted = 2 - len(known)
    compared = {
        tuple(name for name in names if name in without)
        for names in _names_together(function, in_order=not known)
        if set(known) <= set(names)
    }
    pairs = [names for names in compared if len(names) == wanted == len(set(names))]
    if wanted and len(pairs) == 1:
        for name, role in zip(pairs[0], (role for role, number in sides.items() if not number), strict=True):
            named[without[name]] = role


def _names_together(function: Function, *, in_order: bool) -> Iterator[list[str]]:
    """The names that are handed over in one call, or stand on both sides of one subtraction.

    With `in_order` those alone whose order says which is which: a difference is squared whichever way it is taken.
    """
    for node in syntax.descendants(function.node):
        if isinstance(node, ast.Call):
            yield list(map(_first_name, node.args))
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub) and not in_order:
            yield [_first_name(node.left), _first_name(node.right)]


def _first_name(node: ast.expr) -> str:
    """The name that an expression is, or is a method's result or a part of: `x` of `x.view(-1, 784)`."""
    while isinstance(node, (ast.Call, ast.Attribute, ast.Subscript)):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else ""


def _taken_apart(
    function: Function, parameters: list[ast.arg], named: list[str | None], outputs: Value, roles: dict[str, Value]
) -> tuple[int, Value] | None:
    """The parameter of a loss that is unpacked into both heads, or that they are read from by their keys, and which
    part of a model's result it is."""
    if Role.MU in named or not is_called_loss(function):
        return None
    places = {item.arg: index for index, item in enumerate(parameters)}
    if isinstance(outputs, dict):
        for name, keys in keys_read(function).items():
            if name in places and _has_heads_at(outputs, keys, roles):
                return places[name], outputs
    for node in syntax.descendants(function.node):
        if not (isinstance(node, ast.Assign) and isinstance(node.value, ast.Name) and node.value.id in places):
            continue
        names: list[str | None] = [
            likely_role_of(getattr(part, "id", "")) for part in getattr(node.targets[0], "elts", ())
        ]
        for held in (outputs, *(outputs if isinstance(outputs, (tuple, list)) else ())):
            if _has_heads(held, names, roles):
                return places[node.value.id], held
    return None


def is_called_loss(function: Function) -> bool:
    """Whether a function is called a loss, or the class whose forward it is."""
    names = [
        function.name,
        *([function.owner.name] if function.owner is not None and function.name == "forward" else []),
    ]
    return any(word in name.lower() for name in names for word in ("loss", "criterion", "elbo"))


def _has_heads_at(held: dict[Key, Value], keys: set[str], roles: dict[str, Value]) -> bool:
    """Whether a dict has all these keys, and a model's heads at two of them."""
    if not keys <= held.keys():
        return False
    read = {strip(part).uid for key in keys if isinstance(part := held[key], Expr)}
    heads = (roles.get(Role.MU), roles.get(Role.SECOND))
    return all(isinstance(head, Expr) and strip(head).uid in read for head in heads)


def _has_heads(held: Value, names: list[str | None], roles: dict[str, Value]) -> bool:
    """Whether a tuple has a model's heads where the names of its parts, given by their roles, say."""
    if not isinstance(held, (tuple, list)) or len(held) != len(names):
        return False
    for role in (Role.MU, Role.SECOND):
        if names.count(role) != 1:
            return False
        part, head = held[names.index(role)], roles.get(role)
        if not isinstance(part, Expr) or not isinstance(head, Expr) or strip(part).uid != strip(head).uid:
            return False
    return True


def opened_values(value: Value, seen: set[int] | None = None) -> Iterable[Expr]:
    """The expressions in a value; what tuples, lists, dicts and objects hold is looked through, each once."""
    return opened(value, (tuple, list, dict, Instance), seen)
