"""Which model output is which loss argument, where no code that was read calls the one with the other."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from vae_checked.linter.evaluations.evaluation import Evaluation
from vae_checked.linter.evaluations.reader import RoleReader
from vae_checked.linter.evaluations.whole_results import call_losses, keys_read
from vae_checked.linter.interpreter import declared
from vae_checked.linter.interpreter.construction import construct
from vae_checked.linter.interpreter.interpreter import Interpreter
from vae_checked.linter.interpreter.project import Project
from vae_checked.linter.symbols.expression import Expr, Site, atom, strip, walk
from vae_checked.linter.symbols.values import Class, Function, Instance, Key, Module, Value, opened
from vae_checked.mathematics.names import Role, likely_role_of
from vae_checked.record import dataclass


def takes_heads(function: Function) -> bool:
    """Whether a function's parameters are named after both heads of a posterior."""
    roles = {likely_role_of(item.arg) for item in function.node.args.args}
    return {Role.MU, Role.SECOND} <= roles


def atoms_for(interpreter: Interpreter, function: Function, skip: int, *, heads: bool = True) -> list[Value]:
    """Fresh atoms, or objects of the classes declared, for the parameters without a default.

    With `heads` for those up to a head that may be None as well.
    """
    spec = function.node.args
    parameters = [*spec.posonlyargs, *spec.args]
    first = len(parameters) - len(spec.defaults)
    for index, default in enumerate(spec.defaults if heads else [], first):
        if not (isinstance(default, ast.Constant) and default.value is None):
            break
        if likely_role_of(parameters[index].arg) in (Role.MU, Role.SECOND):
            first = index + 1
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
) -> None:
    """Call a model's own loss methods with what its forward returned."""
    call_losses(interpreter, instance, outputs, site)
    seen: set[int] = set()
    values = [expr for root in interpreter.observations.roots for expr in _opened(root.value, seen)]
    roles = reader.roles_of_outputs(inputs, outputs, values, interpreter.observations.names)
    if Role.MU not in roles and Role.SECOND not in roles:
        return
    callers = _callers(instance.cls)
    second = roles.get(Role.SECOND)
    in_modes = isinstance(second, Expr) and strip(second).op == "phi"
    for cls in instance.cls.mro():
        # Helpers last: what their callers did not call, or call for one of several modes, is not for these heads.
        for name, method in sorted(cls.names.items(), key=lambda each: each[0] in callers):
            overridden = instance.cls.find(name) is not method
            if not isinstance(method, Function) or overridden or id(method.node) in interpreter.observations.entered:
                continue
            if name in callers and (in_modes or not callers[name].isdisjoint(interpreter.observations.entered)):
                continue
            free = method.is_static
            args = arguments(interpreter, method, outputs, roles, skip=0 if free else 1)
            if args is not None:
                target = method if free else Function(method.node, method.scope, instance, method.owner)
                interpreter.invoke(target, args, {}, site)


def _callers(cls: Class) -> dict[str, set[int]]:
    """Per method that others of its class call, these others by their nodes."""
    found: dict[str, set[int]] = {}
    for base in cls.mro():
        for method in (value for value in base.names.values() if isinstance(value, Function)):
            for node in ast.walk(method.node):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                    owner = node.func.value
                    if isinstance(owner, ast.Name) and owner.id == "self" and node.func.attr != "forward":
                        found.setdefault(node.func.attr, set()).add(id(method.node))
    return found


def arguments(
    interpreter: Interpreter, function: Function, outputs: Value, roles: dict[str, Value], skip: int
) -> list[Value] | None:
    """The arguments with which a loss is called on a model's outputs; None when it is no loss of theirs."""
    spec = function.node.args
    parameters = [*spec.posonlyargs, *spec.args][skip:]
    if spec.vararg is not None and not parameters and isinstance(outputs, (tuple, list)):
        # Called as loss(*model(x), x): where the outputs hold the input already, what comes after them is not read.
        given = [roles[Role.INPUT]] if Role.INPUT in roles else []
        return [*outputs, *given] if "loss" in function.name.lower() else None
    named: list[str | None] = [likely_role_of(item.arg) for item in parameters]
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
    source = function.scope.module.source_of(function.node)
    required = len(parameters) - len(spec.defaults)
    args: list[Value] = []
    for index, (item, role) in enumerate(zip(parameters, named, strict=True)):
        if role is not None and role in roles:
            args.append(roles[role])
        elif index >= required:
            break
        else:
            args.append(atom(item.arg, Site(source, item), interpreter.serial()))
    return args


def _taken_apart(
    function: Function, parameters: list[ast.arg], named: list[str | None], outputs: Value, roles: dict[str, Value]
) -> tuple[int, Value] | None:
    """The parameter of a loss that is unpacked into both heads, or that they are read from by their keys, and which
    part of a model's result it is."""
    if Role.MU in named or "loss" not in function.name.lower():
        return None
    places = {item.arg: index for index, item in enumerate(parameters)}
    if isinstance(outputs, dict):
        for name, keys in keys_read(function).items():
            if name in places and _has_heads_at(outputs, keys, roles):
                return places[name], outputs
    for node in ast.walk(function.node):
        if not (isinstance(node, ast.Assign) and isinstance(node.value, ast.Name) and node.value.id in places):
            continue
        names: list[str | None] = [
            likely_role_of(getattr(part, "id", "")) for part in getattr(node.targets[0], "elts", ())
        ]
        for held in (outputs, *(outputs if isinstance(outputs, (tuple, list)) else ())):
            if _has_heads(held, names, roles):
                return places[node.value.id], held
    return None


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


@dataclass(slots=True)
class _Model:
    """A model whose forward pass returned both heads."""

    evaluation: Evaluation
    outputs: Value
    roles: dict[str, Value]


class Models:
    """The models of some evaluations, for the losses that nothing calls with what these models return."""

    def __init__(self, project: Project, reader: RoleReader) -> None:
        self._project = project
        self._reader = reader
        self._models: list[_Model] = []

    def noted(self, evaluation: Evaluation) -> Evaluation:
        """The evaluation itself, its model noted if it has one."""
        for root in evaluation.observations.roots:
            if root.kind == "return" and root.depth == 1 and root.function is not None:
                if root.function.name != "forward":
                    continue
                inputs = [leaf for expr in _opened(root.value) for leaf in walk(expr) if leaf.op == "atom"]
                roles = self._reader.roles_of_outputs(
                    _inputs(inputs, root.function), root.value, list(_opened(root.value)), evaluation.observations.names
                )
                if {Role.MU, Role.SECOND} <= roles.keys():
                    self._models.append(_Model(evaluation, root.value, roles))
                    break
        return evaluation

    def across(self) -> Iterator[Evaluation]:
        """The loss functions of each file, called on the outputs of the one model that they can belong to."""
        interpreter = self._project.interpreter
        for module in list(self._project.modules.values()):
            if not module.given:
                continue
            own = [model for model in self._models if model.evaluation.module is module]
            models = own or (self._models if len(self._models) == 1 else _whole(self._models))
            if len(models) != 1:
                continue
            for function, skip in (*((each, 0) for each in module.functions()), *_losses(module)):
                args = arguments(interpreter, function, models[0].outputs, models[0].roles, skip)
                if args is None:
                    continue
                site = Site(module.source_of(function.node), function.node)

                def work(target: Function = function, given: list[Value] = args, at: Site = site) -> Value:
                    if target.owner is not None:
                        target = target.bound_to(construct(interpreter, target.owner, [], {}, at))
                    return interpreter.invoke(target, given, {}, at)

                _, observations = interpreter.run(work)
                model = models[0].evaluation
                yield Evaluation(model.subject, module, observations, model=model)


def _whole(models: Iterable[_Model]) -> list[_Model]:
    """The models that return what they decode beside their heads: the others are parts of one."""
    return [model for model in models if Role.RECONSTRUCTION in model.roles]


def _losses(module: Module) -> Iterator[tuple[Function, int]]:
    """The forward methods of a file's losses that are objects, each with the number of arguments before its own."""
    for cls in module.classes():
        forward = cls.names.get("forward")
        if isinstance(forward, Function) and takes_heads(forward):
            yield forward, 1


def _inputs(atoms: Iterable[Expr], forward: Function) -> list[Value]:
    names = [item.arg for item in forward.node.args.args[1:2]]
    return [item for item in atoms if item.get("name") in names]


def _opened(value: Value, seen: set[int] | None = None) -> Iterable[Expr]:
    return opened(value, (tuple, list, dict, Instance), seen)
