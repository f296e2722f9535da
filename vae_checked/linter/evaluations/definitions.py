"""The functions and classes that a file defines, also where its names do not lead to them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator

from vae_checked.linter.evaluations import linking
from vae_checked.linter.files import syntax
from vae_checked.linter.symbols.values import Class, Function, Module

# A definition, or a call as it is written with its name.
CALL = re.compile(r"\b(?:(?:def|class) \w++|([A-Za-z_]\w*+)\s*+\()")


def functions_of(module: Module, defined: Iterable[Function]) -> Iterator[Function]:
    """The functions of a file's top level: by its names, and what these stand for no more though it is not replaced.

    As behind a decorator that is called by hand, or where a condition has two of one name.
    """
    named = {id(function.node): function for function in module.functions()}
    yield from named.values()
    own = [each for each in defined if each.scope.module is module and id(each.node) not in named]
    outermost = {id(node) for cell in module.file.cells for node in cell.tree.body} if own else set[int]()
    for function in own:
        now = module.scope.names.get(function.name)
        replaced = isinstance(now, Function) and now.name == function.name
        if not replaced or id(function.node) not in outermost:
            yield function


def classes_of(module: Module) -> Iterator[Class]:
    """The classes of a file's top level, and those in them."""
    stack, seen = [*module.classes()][::-1], set[int]()
    while stack:
        cls = stack.pop()
        if id(cls) not in seen:
            seen.add(id(cls))
            yield cls
            inner = (each for each in cls.names.values() if isinstance(each, Class))
            stack += [each for each in inner if each.scope.module is module][::-1]


def is_entry(function: Function) -> bool:
    """Whether a function in another one, which nothing that was read calls, trains something or takes both heads."""
    node = function.node
    if isinstance(node, ast.Lambda) or function.owner is not None:
        return False
    return linking.takes_heads(function) or syntax.trains(node)


def parts_of_models(module: Module) -> frozenset[str]:
    """The names that models of a file call: a class among them is part of another one."""
    return frozenset(
        name
        for cls in module.classes()
        if cls.is_module
        for name in CALL.findall(text_of(module, cls.node))
        if name and name != cls.name
    )


def text_of(module: Module, node: ast.ClassDef | syntax.Definition) -> str:
    """What is written of a class or a function of a file."""
    lines = module.source_of(node).cell.lines
    return "\n".join(lines[node.lineno - 1 : node.end_lineno])
