"""Losses that take what a model returns as one record: known by the fields that they read of it."""

from __future__ import annotations

import ast
from collections.abc import Collection

from vae_checked.linter.files import syntax
from vae_checked.linter.interpreter.interpreter import Interpreter
from vae_checked.linter.symbols.expression import Site, atom
from vae_checked.linter.symbols.values import Function, Instance, Value

# One name alone, as `loss`, may be a field of any record.
_FEWEST_SHARED = 2
_OF_RECORDS = frozenset("get items keys values update pop setdefault to_tuple copy".split())


def call_losses(interpreter: Interpreter, instance: Instance, outputs: Value, site: Site) -> None:
    """Call those of a model's own losses that take the record which its forward returned, and that nothing called."""
    fields = _fields(outputs)
    if len(fields) < _FEWEST_SHARED:
        return
    for name in dict.fromkeys(name for cls in instance.cls.mro() for name in cls.names if "loss" in name.lower()):
        method = instance.cls.find(name)
        if not isinstance(method, Function) or method.is_static or id(method.node) in interpreter.observations.entered:
            continue
        parameters = [item.arg for item in method.node.args.args[1:]]
        whole = next((each for each in parameters if _is_read_of(method, each, fields)), None)
        if whole is not None:
            last = max(parameters.index(whole) + 1, len(parameters) - len(method.node.args.defaults))
            args: list[Value] = [
                outputs if each == whole else atom(each, site, interpreter.serial()) for each in parameters[:last]
            ]
            interpreter.invoke(method.bound_to(instance), args, {}, site)


def _fields(outputs: Value) -> Collection[object]:
    if isinstance(outputs, Instance):
        return outputs.attributes.keys()
    return outputs.keys() if isinstance(outputs, dict) else ()


def _is_read_of(method: Function, parameter: str, fields: Collection[object]) -> bool:
    """Whether a method reads of a parameter what a record has, several fields of it and nothing else."""
    read = set(syntax.read(method.node, parameter)) - _OF_RECORDS | keys_read(method).get(parameter, set())
    return len(read) >= _FEWEST_SHARED and all(name in fields for name in read)


def keys_read(function: Function) -> dict[str, set[str]]:
    """Per name the texts by which a function picks entries of it."""
    found: dict[str, set[str]] = {}
    for node in syntax.descendants(function.node):
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name):
            owner, key = node.value.id, node.slice
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "get":
            owner, key = getattr(node.func.value, "id", ""), node.args[0] if node.args else node
        else:
            continue
        if isinstance(key, ast.Constant) and isinstance(key.value, str):
            found.setdefault(owner, set()).add(key.value)
    return found
