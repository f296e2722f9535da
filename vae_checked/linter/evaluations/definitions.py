"""The functions and classes that a file defines, also where its names do not lead to them."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from vae_checked.linter.evaluations import linking
from vae_checked.linter.files import syntax
from vae_checked.linter.symbols.values import Class, Function, Module


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
