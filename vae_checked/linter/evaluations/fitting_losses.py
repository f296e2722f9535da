"""The losses of a project that fit the way in which code calls something unknown."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import partial

from vae_checked.linter.evaluations.reader import LossCall
from vae_checked.linter.files import syntax
from vae_checked.linter.interpreter.construction import construct
from vae_checked.linter.interpreter.project import Project
from vae_checked.linter.symbols.values import Class, Function, Instance, Value
from vae_checked.mathematics.names import Role, likely_role_of

_MAX_LOSSES = 4


def fitting(project: Project, call: LossCall) -> list[Function | Class]:
    """The functions and loss modules whose parameters are named as the call has its arguments; none of too many."""
    losses = [loss for loss in _losses(project) if _takes(loss, call)]
    return losses if len(losses) <= _MAX_LOSSES else []


def as_stand_in(project: Project, loss: Function | Class) -> Function | Instance | None:
    """What stands for a loss where it is called: the function, or an object of the class."""
    if isinstance(loss, Function):
        return loss
    made = project.interpreter.aside(partial(_made, project, loss))
    return made if isinstance(made, Instance) else None


def _made(project: Project, loss: Class) -> Value:
    return construct(project.interpreter, loss, [], {}, None)


def _losses(project: Project) -> Iterator[Function | Class]:
    for module in list(project.modules.values()):
        if module.given:
            yield from module.functions()
            yield from (cls for cls in module.classes() if cls.is_module)


def _takes(loss: Function | Class, call: LossCall) -> bool:
    """Whether a loss takes the heads where a call has them, as many arguments, and those that are given by name."""
    function = loss if isinstance(loss, Function) else loss.find("forward")
    if not isinstance(function, Function):
        return False
    spec = function.node.args
    names = [item.arg for item in (*spec.posonlyargs, *spec.args)][0 if isinstance(loss, Function) else 1 :]
    named = {*names, *(item.arg for item in spec.kwonlyargs)}
    if spec.kwarg is None and not named.issuperset(call.keywords):
        return False
    given = [*names[: call.arguments - len(call.keywords)], *call.keywords]
    required = names[: len(names) - len(spec.defaults)]
    if len(given) < call.arguments or not set(given).issuperset(required):
        return False
    if call.mu == call.second:
        return _asks(function, given[call.mu])
    roles = likely_role_of(given[call.mu]), likely_role_of(given[call.second])
    if call.by_names and set(roles) == {Role.MU, Role.SECOND}:
        # Which is which the names of the call may tell wrongly.
        return True
    return roles in ((Role.MU, Role.SECOND), (Role.MU, None), (None, Role.SECOND))


def _asks(function: Function, name: str) -> bool:
    """Whether a function asks what it is given by this name for something that a distribution has."""
    return any(
        isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == name
        for node in syntax.descendants(function.node)
    )
