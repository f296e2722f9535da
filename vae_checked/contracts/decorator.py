"""`@checked`: a function, method or module under its shape contract."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeVar, cast

import torch
from beartype import beartype
from jaxtyping import jaxtyped

T = TypeVar("T")


def checked(subject: T) -> T:
    """Check the jaxtyping annotations of a function, method or `nn.Module` class at every call."""
    if inspect.isclass(subject):
        if not issubclass(subject, torch.nn.Module):
            raise TypeError(f"@checked takes a function or an nn.Module class, not the class {subject.__name__}")
        for name, value in list(vars(subject).items()):
            if inspect.isfunction(value) and value.__annotations__ and not name.startswith("__"):
                setattr(subject, name, checked(value))
        return cast("T", subject)
    function = cast("Callable[..., Any]", subject)
    return cast("T", jaxtyped(function, typechecker=beartype))
