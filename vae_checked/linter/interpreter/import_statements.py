"""Import statements: the names that they bind, looked up when they are first used."""

from __future__ import annotations

import ast

from vae_checked.linter.interpreter.context import NOTHING, Context, Outcome
from vae_checked.linter.symbols.values import Scope
from vae_checked.linter.torch_model import star_imports


def modules(context: Context, node: ast.Import, scope: Scope) -> Outcome:
    """`import a.b as c`."""
    for name in node.names:
        if name.asname:
            scope.names[name.asname] = context.imports.deferred_module(name.name, scope.module)
        else:
            top, *below = name.name.split(".")
            scope.names[top] = context.imports.deferred_module(top, scope.module)
            if below:
                scope.module.dotted_imports.add(name.name)
    return NOTHING


def names(context: Context, node: ast.ImportFrom, scope: Scope) -> Outcome:
    """`from a import b as c`, and `from a import *`."""
    for name in node.names:
        if name.name == "*" and not node.level and star_imports.is_known(node.module or ""):
            scope.module.starred.append(node.module or "")
        elif name.name == "*":
            found = context.imports.star_import(node.module or "", node.level, scope.module)
            scope.names.update(found)
            if not found:
                scope.module.unfollowed.append(context.site(node).origin)
        else:
            scope.names[name.asname or name.name] = context.imports.deferred_name(
                node.module or "", node.level, name.name, scope.module
            )
    return NOTHING
