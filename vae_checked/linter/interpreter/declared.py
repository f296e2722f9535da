"""Parts that code is handed from outside and whose class it declares: `def __init__(self, model: VAE)`."""

from __future__ import annotations

import ast
import re

from vae_checked.linter.files import syntax
from vae_checked.linter.interpreter import configured_objects
from vae_checked.linter.interpreter.construction import construct
from vae_checked.linter.interpreter.context import Context
from vae_checked.linter.symbols.expression import Site, atom
from vae_checked.linter.symbols.registered import serials
from vae_checked.linter.symbols.values import Class, External, Function, Instance, Layer, Module, Scope, Value, settle

_ABSTRACT = frozenset(("abstractmethod", "abstractproperty"))
# What only uses a model, as a pipeline that draws pictures, is read without it, also where its text speaks of a loss of
# detail: a loss of code is set, called, declared or asked for.
_TRAINS = re.compile(
    r"(?:\b|_)loss\w*[\"']?\s?(?:[-+*/]?=|[(:\]]|,[\w, .]*=)|elbo|\.backward\(|kl_div|kl_loss|kld|criterion",
    re.IGNORECASE,
)
# Of these that has one: looked for first, which is faster.
_TRAINING = ("loss", "elbo", ".backward(", "kl_div", "kld", "criterion")


def given(context: Context, parameter: ast.arg, scope: Scope, site: Site) -> Value:
    """What nobody is seen to hand over: an object of the model's or the loss's class that a parameter declares.

    It is made by its defaults, in a file that speaks of a loss. Where no such class of the project is declared, or one
    that leaves methods to the classes derived from it, it is of the class that settings name, if any, or the loss of
    torch.
    """
    made = _part(context, parameter, scope, site)
    if made is None:
        return atom(parameter.arg, site, context.serial())
    context.project_observations.note_handed(serials(made))
    return made


def _part(context: Context, parameter: ast.arg, scope: Scope, site: Site) -> Instance | Layer | None:
    # The parts of a part are made by files that speak of none.
    around = (frame.scope.module for frame in context.frames)
    if not any(module.read_once(_trains) for module in (scope.module, *around)):
        return None
    declared = None if parameter.annotation is None else _value(parameter.annotation, scope)
    if not isinstance(declared, Class) or not _is_of_parts(declared) or _is_abstract(declared):
        base = declared if isinstance(declared, Class) else None
        declared = configured_objects.class_for(context, parameter.arg, site, base)
        if declared is None:
            return configured_objects.loss_for(context, parameter.arg, site)
    made = construct(context, declared, [], {}, site)
    return made if isinstance(made, Instance) else None


def _trains(module: Module) -> bool:
    return any(_speaks_of_loss(cell.text) for cell in module.file.cells)


def _speaks_of_loss(text: str) -> bool:
    lowered = text.lower()
    return any(word in lowered for word in _TRAINING) and _TRAINS.search(text) is not None


def _value(annotation: ast.expr, scope: Scope) -> Value:
    """What an annotation names; what one of several may be is not known."""
    if isinstance(annotation, ast.Constant):
        return _lookup(scope, annotation.value) if isinstance(annotation.value, str) else None
    if isinstance(annotation, ast.Name):
        return _lookup(scope, annotation.id)
    if isinstance(annotation, ast.Attribute):
        owner = _value(annotation.value, scope)
        return _lookup(owner.scope, annotation.attr) if isinstance(owner, Module) else None
    if isinstance(annotation, ast.Subscript):
        outer = _value(annotation.value, scope)
        optional = isinstance(outer, External) and outer.dotted.endswith(".Optional")
        return _value(annotation.slice, scope) if optional else None
    if isinstance(annotation, ast.BinOp) and isinstance(annotation.right, ast.Constant):
        return _value(annotation.left, scope) if annotation.right.value is None else None
    return None


def _lookup(scope: Scope, name: str) -> Value:
    inner: Scope | None = scope
    while inner is not None:
        if name in inner.names:
            return settle(inner.names, name)
        inner = inner.parent
    return None


def _is_of_parts(cls: Class) -> bool:
    """Whether an object of a class is a model or a loss, or is called for one that it holds: `self.net(x)`."""
    if isinstance(cls.find("forward"), Function):
        return True
    called = cls.find("__call__")
    if not isinstance(called, Function):
        return False
    calls = (each.func for each in syntax.descendants(called.node) if isinstance(each, ast.Call))
    return any(isinstance(each, ast.Attribute) and getattr(each.value, "id", "") == "self" for each in calls)


def _is_abstract(cls: Class) -> bool:
    """Whether a class has a method that a derived class is to give."""
    names = dict.fromkeys(name for each in cls.mro() for name in each.names)
    methods = (cls.find(name) for name in names)
    return any(isinstance(method, Function) and is_left_open(method.node) for method in methods)


def is_left_open(node: ast.AST) -> bool:
    """Whether a method is one that a derived class is to give."""
    if not isinstance(node, syntax.DEFINITIONS):
        return False
    if any(getattr(item, "attr", getattr(item, "id", "")) in _ABSTRACT for item in node.decorator_list):
        return True
    refusals = (each.exc for each in node.body if isinstance(each, ast.Raise))
    return any(getattr(part, "id", "") == "NotImplementedError" for exc in refusals if exc for part in ast.walk(exc))
