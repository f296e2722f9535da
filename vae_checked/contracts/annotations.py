"""The annotations of a function as objects, whether they were written as objects or as strings."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from vae_checked.errors import UsageError

EMPTY = inspect.Parameter.empty


@dataclass(frozen=True, slots=True)
class Signature:
    """A call signature whose annotations are objects; `inspect.Parameter.empty` where there is none."""

    parameters: inspect.Signature
    hints: Mapping[str, Any]
    result: Any

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


def resolve(function: Callable[..., Any], local_names: Mapping[str, Any]) -> Signature:
    """Evaluate the annotations in the function's globals, closure and `local_names`.

    Raises NameError or AttributeError where a name in them does not exist (yet), UsageError where they fail otherwise.
    """
    inner = inspect.unwrap(function)
    names = {**local_names, **_closure(inner)}
    try:
        hints = typing.get_type_hints(inner, getattr(inner, "__globals__", {}), names, include_extras=True)
    except (NameError, AttributeError):
        raise
    except Exception as error:  # an annotation is any expression: it can fail in any way
        raise UsageError(
            f"@checked cannot evaluate the annotations of {inner.__qualname__}: {type(error).__name__}: {error}"
        ) from None
    hints = {name: Any if hint is typing.Self else hint for name, hint in hints.items()}
    signature = inspect.signature(function)
    parameters = [p.replace(annotation=hints.get(p.name, EMPTY)) for p in signature.parameters.values()]
    result = hints.get("return", EMPTY)
    return Signature(
        signature.replace(parameters=parameters, return_annotation=result),
        {p.name: p.annotation for p in parameters if p.annotation is not EMPTY},
        result,
    )


def has_annotations(function: Callable[..., Any]) -> bool:
    """Whether anything is annotated; names that do not exist yet count."""
    try:
        return bool(inspect.get_annotations(inspect.unwrap(function)))
    except NameError:  # annotations are evaluated on demand from Python 3.14 on
        return True


def _closure(function: Callable[..., Any]) -> dict[str, Any]:
    names = {}
    code = getattr(function, "__code__", None)
    for name, cell in zip(getattr(code, "co_freevars", ()), getattr(function, "__closure__", None) or (), strict=True):
        with suppress(ValueError):  # a cell that is filled later, such as the function's own name
            names[name] = cell.cell_contents
    return names
