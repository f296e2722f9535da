"""Objects of the project's classes with parts of their own, and methods that hold one against another: `q.kl(p)`."""

from __future__ import annotations

import ast
import re

from vae_checked.linter.evaluations import linking
from vae_checked.linter.files import syntax
from vae_checked.linter.interpreter import declared
from vae_checked.linter.interpreter.construction import construct
from vae_checked.linter.interpreter.interpreter import Interpreter
from vae_checked.linter.symbols.expression import Site, atom
from vae_checked.linter.symbols.record_fields import field_names
from vae_checked.linter.symbols.values import Class, Function, Instance, Value

# One attribute of the same name, as `shape`, is shared by objects of any kind.
_FEWEST_SHARED = 2
_WORD = re.compile(r"\w+")


def made(interpreter: Interpreter, cls: Class, site: Site, chosen: dict[str, Value] | None = None) -> Value:
    """An object of a class by itself: a model by its defaults, any other from heads of its own.

    A default in the place of which all calls that were read give another text or switch is that of nobody: `chosen` is
    what some of them give.
    """
    init = cls.find("__init__")
    if isinstance(init, Function):
        if chosen is None:
            chosen = interpreter.project_observations.choices(cls)[0]
        args: list[Value] = [] if cls.is_module else linking.atoms_for(interpreter, init, skip=1)
        interpreter.refusing.clear()
        instance = construct(interpreter, cls, args, chosen, site)
        if init.node not in interpreter.refusing:
            return instance
        # It asks for what is None where nobody gives it.
        given: dict[str, Value] = {name: atom(name, site, interpreter.serial()) for name in _none_by_default(init)}
        return construct(interpreter, cls, args, {**given, **chosen}, site) if given else instance
    if cls.is_module:
        return construct(interpreter, cls, [], {}, site)
    fields = [name for name in field_names(cls) if cls.find(name) is None]
    annotations = _annotations(cls)
    parts: dict[str, Value] = {
        name: declared.given(interpreter, ast.arg(name, annotations.get(name)), cls.scope, site) for name in fields
    }
    return construct(interpreter, cls, [], parts, site)


def _annotations(cls: Class) -> dict[str, ast.expr]:
    """How the fields of a record are declared, by their names."""
    return {
        item.target.id: item.annotation
        for base in reversed(cls.mro())
        for item in base.node.body
        if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name)
    }


def _none_by_default(function: Function) -> list[str]:
    spec = function.node.args
    defaults = zip(reversed([*spec.posonlyargs, *spec.args]), reversed(spec.defaults), strict=False)
    return [
        item.arg
        for item, default in (*defaults, *zip(spec.kwonlyargs, spec.kw_defaults, strict=True))
        if isinstance(default, ast.Constant) and default.value is None
    ]


def parameter(instance: Instance, method: Function) -> int | None:
    """The place of the parameter that takes another object of the instance's class; None where there is none.

    Its annotation says so, or what is read of it: attributes that the instance has itself.
    """
    spec = method.node.args
    if method.is_static or spec.posonlyargs or isinstance(method.node, ast.Lambda):
        return None
    names = {cls.name for cls in instance.cls.mro()}
    for place, item in enumerate(spec.args[1:]):
        if item.annotation is not None:
            if not names.isdisjoint(_named(item.annotation)):
                return place
        else:
            read = set(syntax.read(method.node, item.arg))
            if len(read) >= _FEWEST_SHARED and read <= instance.attributes.keys():
                return place
    return None


def _named(annotation: ast.expr) -> set[str]:
    """The names in an annotation, in one that is written as text too."""
    found: set[str] = set()
    for node in ast.walk(annotation):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.update(_WORD.findall(node.value))
        elif isinstance(node, (ast.Name, ast.Attribute)):
            found.add(node.id if isinstance(node, ast.Name) else node.attr)
    return found
