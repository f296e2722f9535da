"""Objects of the project's classes with parts of their own, and methods that hold one against another: `q.kl(p)`."""

from __future__ import annotations

import ast
import re

from vae_checked.linter.evaluations import linking
from vae_checked.linter.files import syntax
from vae_checked.linter.interpreter.construction import construct
from vae_checked.linter.interpreter.interpreter import Interpreter
from vae_checked.linter.symbols.expression import Site, atom
from vae_checked.linter.symbols.values import Class, Function, Instance, Value, field_names

# One attribute of the same name, as `shape`, is shared by objects of any kind.
_FEWEST_SHARED = 2
_WORD = re.compile(r"\w+")


def made(interpreter: Interpreter, cls: Class, site: Site) -> Value:
    """An object of a class that nobody was seen to make: a model by its defaults, any other from heads of its own."""
    init = cls.find("__init__")
    if cls.is_module:
        return construct(interpreter, cls, [], {}, site)
    if isinstance(init, Function):
        return construct(interpreter, cls, linking.atoms_for(interpreter, init, skip=1), {}, site)
    fields = [name for name in field_names(cls) if cls.find(name) is None]
    return construct(interpreter, cls, [], {name: atom(name, site, interpreter.serial()) for name in fields}, site)


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
