"""Calls a model's own loss on what its forward returned, so that the loss is a stage with shapes too."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from torch import Tensor, nn

from vae_checked.adapters import LOSSES, Role, function_beside, role_of
from vae_checked.errors import UsageError
from vae_checked.signatures import signature_of


class Watcher(Protocol):
    """Who records the call."""

    def called(self, name: str) -> bool: ...
    def recorded(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]: ...


def call_loss(model: nn.Module, loss: Any, roles: Mapping[Role, Tensor], output: Any, watcher: Watcher) -> str | None:
    """Call the loss named, given or found on `model`, unless the forward did; a note when it could not be called.

    A name is that of a method of the model, or of a function of the module that defines it. Raises UsageError for what
    is no loss.
    """
    if loss is None:
        name = next((each for each in LOSSES if callable(getattr(model, each, None))), None)
        if name is None or any(watcher.called(each) for each in LOSSES):
            return None
        function = getattr(model, name)
    elif isinstance(loss, str):
        name, function = loss, getattr(model, loss, None)
        if callable(function):
            if watcher.called(name):
                return None
        elif beside := function_beside(model, loss):
            function = watcher.recorded(name, beside)
        else:
            kind = type(model)
            raise UsageError(f"loss {loss!r} is no method of {kind.__name__}, and no function of {kind.__module__}")
    elif callable(loss):
        name = getattr(loss, "__name__", type(loss).__name__)
        function = watcher.recorded(name, loss)
    else:
        raise UsageError(f"loss is a {type(loss).__name__}: give a function, a loss module or a method's name")
    arguments = _matched(function, roles, output)
    if arguments is None:
        return f"the loss {name} was not run: its arguments cannot be matched by name to what the model returns"
    args, kwargs = arguments
    try:
        function(*args, **kwargs)
    except KeyError as error:
        if not error.args or not isinstance(error.args[0], str) or error.args[0] in kwargs:
            raise
        function(*args, **kwargs, **{error.args[0]: 1.0})
    return None


def _matched(
    function: Callable[..., Any], roles: Mapping[Role, Tensor], output: Any
) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
    """Positional and keyword arguments; the output's own entries for a loss that takes `*args` alone."""
    try:
        parameters = list(signature_of(function).parameters.values())
    except (TypeError, ValueError):
        return None
    needed = [p for p in parameters if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    if not needed and any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return (tuple(output) if isinstance(output, (tuple, list)) else (output,)), {}
    args: list[Any] = []
    kwargs: dict[str, Any] = {}
    for parameter in needed:
        role = role_of(parameter.name)
        if role is None or role not in roles:
            return None
        if parameter.kind is parameter.KEYWORD_ONLY:
            kwargs[parameter.name] = roles[role]
        else:
            args.append(roles[role])
    return tuple(args), kwargs
