"""The models of a project that fit the way in which code calls something unknown."""

from __future__ import annotations

import ast
from collections.abc import Collection

from vae_checked.linter.files import syntax
from vae_checked.linter.interpreter import declared
from vae_checked.linter.symbols.taken import Call, Taken, class_of
from vae_checked.linter.symbols.values import Class, Function, Instance, Module, Value

# What wrappers and the base class of all models add to a model's own methods.
_OF_EVERY_MODEL = frozenset("module forward to cuda cpu train eval half float requires_grad_ apply".split())


def fits(model: Instance, taken: Taken, calls: Collection[Call]) -> bool:
    """Whether a model is of the class that is named, if one is, and has the methods and the parts that are called.

    Its methods take as many arguments, by the names that are written.
    """
    return _fits(model.cls, taken, calls, _parts(model))


def fits_class(cls: Class, taken: Taken, calls: Collection[Call]) -> bool:
    """Whether a model of a class may be it, as far as the class alone tells."""
    return _fits(cls, taken, calls, _assigned_in(cls))


def _fits(cls: Class, taken: Taken, calls: Collection[Call], parts: Collection[str]) -> bool:
    forward = cls.find("forward")
    # A base that leaves it to derived classes is none of the models, and each of these is one.
    if isinstance(forward, Function) and declared.is_left_open(forward.node):
        return False
    if class_of(taken) not in ("", cls.name):
        return False
    return all(
        name in _OF_EVERY_MODEL or name in parts or _takes(cls.find(name or "forward"), given, named)
        for name, given, named in calls
    )


def _takes(method: Value, given: int | None, named: frozenset[str]) -> bool:
    """Whether a method of a model takes a number of arguments, some of them by these names."""
    if not isinstance(method, Function):
        return False
    spec = method.node.args
    if spec.kwarg is None and not named <= {item.arg for item in (*spec.args, *spec.kwonlyargs)}:
        return False
    if given is None or spec.vararg is not None:
        return True
    in_order = len(spec.posonlyargs) + len(spec.args) - (not method.is_static)
    if given - len(named) > in_order:
        return False
    return spec.kwarg is not None or given <= in_order + len(spec.kwonlyargs)


def returns_several(method: Value) -> bool:
    """Whether all that a method returns is written as a tuple."""
    if not isinstance(method, Function) or isinstance(method.node, ast.Lambda):
        return False
    returned = [each.value for each in syntax.statements(method.node) if isinstance(each, ast.Return)]
    return bool(returned) and all(isinstance(value, ast.Tuple) and len(value.elts) > 1 for value in returned)


def _parts(model: Instance) -> set[str]:
    """The attributes that a model has or that a method gives it, under a condition that does not hold here too."""
    return model.attributes.keys() | _assigned_in(model.cls)


def _assigned_in(cls: Class) -> frozenset[str]:
    """The attributes that the methods of a class and of its bases set."""
    return frozenset[str]().union(*map(_assigned, cls.mro()))


def _assigned(cls: Class) -> frozenset[str]:
    """The attributes that the methods of a class set: read once, however often it is one of several."""
    known = cls.scope.module.read_once(_assigned_by)
    if cls.node not in known:
        methods = (each for each in cls.names.values() if isinstance(each, Function))
        known[cls.node] = frozenset(name for each in methods for name in syntax.assigned(each.node, "self"))
    return known[cls.node]


def _assigned_by(_: Module) -> dict[ast.AST, frozenset[str]]:
    return {}
