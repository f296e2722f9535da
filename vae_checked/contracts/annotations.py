"""The annotations of a function as objects, whether they were written as objects or as strings."""

from __future__ import annotations

import ast
import inspect
import typing
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from torch import Tensor

from vae_checked.errors import UsageError
from vae_checked.signatures import annotations_of, signature_of

EMPTY = inspect.Parameter.empty
# Where a function keeps annotations that hold in the place of those that it is written with.
SAID = "__vae_shapes__"


@dataclass(frozen=True, slots=True)
class Signature:
    """A call signature whose annotations are objects; `inspect.Parameter.empty` where there is none.

    `unseen` says, by parameter (or "return"), why an annotation has no object at run time: it names what only type
    checkers import. Such an annotation is taken as Any, and holds for what holds no tensor.
    """

    parameters: inspect.Signature
    hints: Mapping[str, Any]
    result: Any
    unseen: Mapping[str, str] = field(default_factory=dict)

    def passed(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
        """What a call passes, defaults left out: where it goes (`x`, `xs[0]`), its annotation, the value."""
        for name, value in self.parameters.bind(*args, **kwargs).arguments.items():
            parameter = self.parameters.parameters[name]
            if parameter.kind is parameter.VAR_POSITIONAL:
                yield from ((f"{name}[{i}]", parameter.annotation, item) for i, item in enumerate(value))
            elif parameter.kind is parameter.VAR_KEYWORD:
                yield from ((f"{name}[{key!r}]", parameter.annotation, item) for key, item in value.items())
            else:
                yield name, parameter.annotation, value


def resolve(
    function: Callable[..., Any], local_names: Mapping[str, Any], *, for_type_checkers: bool = False
) -> Signature:
    """Evaluate the annotations in the function's globals, closure and `local_names`.

    Raises NameError or AttributeError where a name in them does not exist (yet), UsageError where they fail otherwise.
    With `for_type_checkers`, an annotation that is kept as text, or evaluated on demand, and names something that does
    not exist is one for type checkers alone, unless its text has an axis string in it.
    """
    inner = inspect.unwrap(function)
    names = {**local_names, **_closure(inner)}
    unseen: dict[str, str] = {}
    said = getattr(inner, SAID, None)
    try:
        hints = _evaluated(inner if said is None else SimpleNamespace(__annotations__=said), inner, names)
    except (NameError, AttributeError):
        if not for_type_checkers:
            raise
        hints, unseen = _evaluated_one_by_one(inner, names)
    hints = {name: Any if hint is typing.Self else hint for name, hint in hints.items()}
    signature = signature_of(function)
    parameters = [p.replace(annotation=hints.get(p.name, EMPTY)) for p in signature.parameters.values()]
    result = hints.get("return", EMPTY)
    return Signature(
        signature.replace(parameters=parameters, return_annotation=result),
        {p.name: p.annotation for p in parameters if p.annotation is not EMPTY},
        result,
        unseen,
    )


def _evaluated(annotated: Any, function: Callable[..., Any], names: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return typing.get_type_hints(annotated, getattr(function, "__globals__", {}), dict(names), include_extras=True)
    except (NameError, AttributeError):
        raise
    except Exception as error:  # an annotation is any expression: it can fail in any way
        raise UsageError(
            f"@checked cannot evaluate the annotations of {function.__qualname__}: {type(error).__name__}: {error}"
        ) from None


def _evaluated_one_by_one(
    function: Callable[..., Any], names: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, str]]:
    hints: dict[str, Any] = {}
    unseen: dict[str, str] = {}
    for name, (annotation, text) in annotations_of(function).items():
        try:
            hints |= _evaluated(SimpleNamespace(__annotations__={name: annotation}), function, names)
        except (NameError, AttributeError) as error:
            if text is None or _has_axes(text):
                raise
            hints[name], unseen[name] = Any, str(error)
    return hints, unseen


def _has_axes(annotation: str) -> bool:
    """Whether text stands within the text of an annotation, as axes do; that of a Literal is none."""
    try:
        tree = ast.parse(annotation.strip(), mode="eval")
    except SyntaxError:
        return True
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return True
        if not (isinstance(node, ast.Subscript) and ast.unparse(node.value).rpartition(".")[2] == "Literal"):
            waiting.extend(ast.iter_child_nodes(node))
    return False


def holds_tensor(value: Any) -> bool:
    """Whether a value is a tensor or a tuple, list or dict with one in it, however deep."""
    waiting, seen = [value], set[int]()
    while waiting:
        item = waiting.pop()
        kind = type(item)  # what `__class__` says may be made up
        if issubclass(kind, Tensor):
            return True
        if issubclass(kind, (tuple, list, dict)) and id(item) not in seen:
            seen.add(id(item))
            waiting.extend(item.values() if issubclass(kind, dict) else item)
    return False


def has_annotations(function: Callable[..., Any]) -> bool:
    """Whether anything is annotated; names that do not exist yet count."""
    inner = inspect.unwrap(function)
    try:
        return bool(getattr(inner, SAID, None) or inspect.get_annotations(inner))
    except NameError:  # annotations are evaluated on demand from Python 3.14 on
        return True


def _closure(function: Callable[..., Any]) -> dict[str, Any]:
    names = {}
    code = getattr(function, "__code__", None)
    for name, cell in zip(getattr(code, "co_freevars", ()), getattr(function, "__closure__", None) or (), strict=True):
        with suppress(ValueError):  # a cell that is filled later, such as the function's own name
            names[name] = cell.cell_contents
    return names
