"""The fields of records, as of a dataclass or a NamedTuple."""

from __future__ import annotations

import ast

from vae_checked.linter.symbols.values import Class, External, Instance, Value


def field_names(cls: Class) -> list[str]:
    """The fields of a dataclass or NamedTuple, in order; empty for any other class."""
    names: list[str] = []
    for base in reversed(list(cls.mro())):
        decorators = {_decorator(item) for item in base.node.decorator_list}
        record = "dataclass" in decorators or any(
            isinstance(item, External) and item.dotted.endswith(("NamedTuple", "BaseOutput", "ModelOutput"))
            for item in base.bases
        )
        if record:
            names += [
                item.target.id
                for item in base.node.body
                if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name)
            ]
    return names


def tuple_fields(instance: Instance) -> list[Value] | None:
    """The items of an instance of a NamedTuple, None for any other."""
    if not any(name.endswith("NamedTuple") for name in instance.cls.external_bases()):
        return None
    return [instance.attributes.get(name) for name in field_names(instance.cls)]


def _decorator(node: ast.expr) -> str:
    target = node.func if isinstance(node, ast.Call) else node
    return getattr(target, "attr", getattr(target, "id", ""))
