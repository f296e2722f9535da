"""Finds the loss and calls it: its arguments are matched by name and by order against what the model returned."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from vae_checked.adapters import Part, Role, role_of
from vae_checked.auditor.record import Run, recording
from vae_checked.auditor.words import described, names_in
from vae_checked.errors import ModelError, UsageError

_METHODS = ("loss_function", "loss_fn", "loss", "compute_loss", "get_loss", "vae_loss", "elbo_loss", "criterion")
_WHOLE = names_in("output outputs out model_output results result forward_output preds ret res")
_WEIGHTS = names_in(
    "beta kl_weight kld_weight kl_coeff kl_coef kld_coeff kld_coef w_kl w_kld lambda_kl kl_lambda beta_kl kl_beta "
    "weight_kl weight_kld kl_scale kl_w kld_w beta_weight"
)
_MODEL = names_in("model net vae network autoencoder module")


@dataclass(frozen=True, slots=True)
class Loss:
    """A loss and where it came from; `given` when the user named it, else it was found and may be passed over."""

    function: Callable[..., Any]
    name: str
    reason: str
    given: bool

    @property
    def modules(self) -> tuple[nn.Module, ...]:
        """The modules that the loss is, or is a method of."""
        target = self.function
        while isinstance(target, functools.partial):
            target = target.func
        owner = getattr(target, "__self__", target)
        return (owner,) if isinstance(owner, nn.Module) else ()


@dataclass(frozen=True, slots=True)
class Matched:
    """The arguments for a loss, and in words what each was matched with.

    `supplied` are keywords that the loss asks for and nobody gave; `named` holds, per part of the output, the role that
    the name of the loss's parameter declares.
    """

    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    words: tuple[str, ...]
    supplied: tuple[str, ...] = ()
    named: Mapping[str, Role] = field(default_factory=dict)


def find_loss(model: nn.Module, loss: Any) -> Loss | None:
    """The loss that the user named, or one that the model or its module has; UsageError for what is no loss."""
    if isinstance(loss, str):
        method = getattr(model, loss, None)
        if not callable(method):
            methods = [name for name in _METHODS if callable(getattr(model, name, None))]
            known = f"it has {', '.join(methods)}" if methods else "give package.module:function"
            raise UsageError(f"loss {loss!r} is no method of {type(model).__name__}; {known}")
        return Loss(method, loss, "named by the user", True)
    if loss is not None:
        if not callable(loss):
            raise UsageError(f"loss is a {type(loss).__name__}: give a function, a loss module or a method's name")
        return Loss(loss, _name_of(loss), "given", True)
    for name in _METHODS:
        method = getattr(model, name, None)
        if callable(method) and not isinstance(method, type) and _parameters(method):
            return Loss(method, name, f"{type(model).__name__} has a method {name}", False)
    home = sys.modules.get(type(model).__module__)
    for name in _METHODS:
        function = getattr(home, name, None)
        if inspect.isfunction(function) and function.__module__ == type(model).__module__:
            return Loss(
                function, name, f"{name} stands beside {type(model).__name__} in {type(model).__module__}", False
            )
    return None


def call_loss(loss: Loss, run: Run, roles: Mapping[str, Role]) -> tuple[Any, Matched]:
    """Call the loss on what `run` returned, recorded; ModelError when its arguments cannot be matched or it raises."""
    matched = match(loss, run, roles)
    try:
        try:
            with recording(run.recorder):
                return loss.function(*matched.args, **matched.kwargs), matched
        except KeyError as error:
            name = error.args[0] if error.args else None
            if not isinstance(name, str) or not _takes_any_keyword(loss.function) or name in matched.kwargs:
                raise
            matched = Matched(
                matched.args,
                {**matched.kwargs, name: 1.0},
                (*matched.words, f"{name} = 1.0, which it asks for and nobody gave"),
                (*matched.supplied, name),
                matched.named,
            )
            with recording(run.recorder):
                return loss.function(*matched.args, **matched.kwargs), matched
    except Exception as error:
        raise ModelError(
            f"the loss {loss.name} raised {described(error)} when called with {', '.join(matched.words)}: "
            "give loss=lambda ... that takes what the model returns"
        ) from error


def match(loss: Loss, run: Run, roles: Mapping[str, Role]) -> Matched:
    """The arguments for `loss`: x by name, the rest by order where the counts agree, else by role."""
    parameters = _parameters(loss.function)
    entries = _entries(run)
    required = [
        p for p in parameters if p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
    ]
    rest = any(p.kind is p.VAR_POSITIONAL for p in parameters)
    required_keywords = [p for p in parameters if p.kind is p.KEYWORD_ONLY and p.default is p.empty]
    if rest and not required:
        return Matched(tuple(e.value for e in entries), {}, (f"*{_listed(entries)}",))
    assigned = _by_order(required, entries, run, roles) or _by_role(required, entries, run, roles)
    if assigned is None:
        returned = ", ".join(f"{entry.path} {entry.words(roles)}" for entry in entries) or "nothing with a tensor"
        names = ", ".join(p.name for p in required)
        raise ModelError(
            f"the loss {loss.name}({names}) cannot be matched to what the model "
            f"returned ({returned}): give loss=lambda ... that takes what the model returns"
        )
    words = tuple(f"{p.name} = {word}" for p, (_, word) in zip(required, assigned, strict=True))
    kwargs: dict[str, Any] = {}
    for p in required_keywords:
        value = _value_for(p, entries, run, roles)
        if value is None:
            raise ModelError(f"the loss {loss.name} needs {p.name}: give loss=functools.partial(..., {p.name}=...)")
        kwargs[p.name] = value[0]
        words = (*words, f"{p.name} = {value[1]}")
    named = {
        word: role
        for p, (_, word) in zip(required, assigned, strict=True)
        if (role := role_of(p.name)) is not None and word.startswith("output")
    }
    return Matched(tuple(value for value, _ in assigned), kwargs, words, named=named)


def dead_weights(loss: Loss, matched: Matched) -> tuple[str, ...]:
    """The weights among the loss's own parameters, by their names, that no value of moves what it returns."""
    weights = [
        p.name
        for p in _parameters(loss.function)
        if p.name.lower() in _WEIGHTS and isinstance(p.default, (int, float)) and not isinstance(p.default, bool)
    ]
    weights += [name for name in matched.supplied if name not in weights]
    dead = []
    for name in weights:
        outcomes = [_outcome(loss, matched, {name: value}) for value in (0.5, 3.0)]
        if None not in outcomes and outcomes[0] == outcomes[1]:
            dead.append(name)
    return tuple(dead)


def _outcome(loss: Loss, matched: Matched, changed: Mapping[str, float]) -> list[float] | None:
    """Every number that the loss returns when some of its keywords are changed; None when it cannot be called so."""
    torch.manual_seed(0)
    try:
        with torch.no_grad():
            result = loss.function(*matched.args, **{**matched.kwargs, **changed})
    except Exception:  # a weight that the loss does not take at this value is not observed
        return None
    return [float(leaf.double().sum()) for leaf in pytree.tree_leaves(result) if isinstance(leaf, Tensor)]


# --------------------------------------------------------------------------------------------- matching


@dataclass(frozen=True, slots=True)
class _Entry:
    """One top-level entry of the output."""

    path: str
    value: Any
    parts: tuple[Part, ...]

    def role(self, roles: Mapping[str, Role]) -> Role | None:
        """The role of the entry when it is one tensor."""
        return roles.get(self.parts[0].path) if len(self.parts) == 1 and isinstance(self.value, Tensor) else None

    def words(self, roles: Mapping[str, Role]) -> str:
        role = self.role(roles)
        return f"({role})" if role else ""


_Assignment = list[tuple[Any, str]]


def _entries(run: Run) -> list[_Entry]:
    output = run.output
    if isinstance(output, Mapping):
        pairs = [(f"output[{key!r}]", value) for key, value in output.items()]
    elif isinstance(output, (tuple, list)):
        pairs = [(f"output[{position}]", value) for position, value in enumerate(output)]
    else:
        pairs = [("output", output)]
    return [
        _Entry(path, value, tuple(part for part in run.parts if part.path.startswith(path) or part.tensor is value))
        for path, value in pairs
    ]


def _by_order(
    required: list[inspect.Parameter], entries: list[_Entry], run: Run, roles: Mapping[str, Role]
) -> _Assignment | None:
    """x where a parameter is named after it, the output's entries in their order for the others."""
    with_x = [e for e in entries if not _is_x(e, run)]
    if len(required) != len(with_x) + 1 or not all(isinstance(e.value, Tensor) for e in entries):
        return None
    place = _place_of_x(required)
    if place is None:
        return None
    others = [p for position, p in enumerate(required) if position != place]
    for parameter, entry in zip(others, with_x, strict=True):
        named, measured = role_of(parameter.name), entry.role(roles)
        if named is not None and measured is not None and not _compatible(named, measured):
            return None
    taken = iter(with_x)
    assigned: _Assignment = []
    for position in range(len(required)):
        if position == place:
            assigned.append((run.x, "the input"))
        else:
            entry = next(taken)
            assigned.append((entry.value, entry.path))
    return assigned


def _place_of_x(required: list[inspect.Parameter]) -> int | None:
    named = [position for position, p in enumerate(required) if role_of(p.name) is Role.INPUT]
    if len(named) == 1:
        return named[0]
    if not named and len(required) >= 2 and role_of(required[0].name) is Role.RECONSTRUCTION:
        return 1
    # `loss(input, target)`: as torch names its own.
    if named == [0, 1]:
        return 1
    return None


def _compatible(named: Role, measured: Role) -> bool:
    heads = (Role.MU, Role.SECOND)
    return named is measured or (named in heads and measured in heads)


def _by_role(
    required: list[inspect.Parameter], entries: list[_Entry], run: Run, roles: Mapping[str, Role]
) -> _Assignment | None:
    assigned: _Assignment = []
    for parameter in required:
        value = _value_for(parameter, entries, run, roles, alone=len(required) <= 2)
        if value is None:
            return None
        assigned.append(value)
    return assigned


def _value_for(
    parameter: inspect.Parameter,
    entries: list[_Entry],
    run: Run,
    roles: Mapping[str, Role],
    *,
    alone: bool = False,
) -> tuple[Any, str] | None:
    name = parameter.name
    wanted = role_of(name)
    whole = not isinstance(run.output, Tensor)
    if alone and whole and name.lower() in _WHOLE:
        return run.output, "the output"
    if name.lower() in _MODEL and run.model is not None:
        return run.model, "the model"
    if wanted is Role.INPUT:
        return run.x, "the input"
    for part in run.parts:
        label = part.path.rpartition(".")[2].rpartition("[")[2].strip("]'\"")
        if label == name:
            return part.tensor, part.path
    if wanted is not None:
        for part in run.parts:
            if roles.get(part.path) is wanted:
                return part.tensor, part.path
    inputs = dict(run.inputs.tensors())
    if name in inputs:
        return inputs[name], f"the input {name}"
    if len(entries) == 1 and alone and wanted is None:
        return run.output, "the output"
    return None


def _is_x(entry: _Entry, run: Run) -> bool:
    value = entry.value
    return isinstance(value, Tensor) and (
        value is run.x or (value.shape == run.x.shape and value.data_ptr() == run.x.data_ptr())
    )


def _listed(entries: list[_Entry]) -> str:
    return f"({', '.join(entry.path for entry in entries)})"


def _parameters(function: Any) -> list[inspect.Parameter]:
    target = function.forward if isinstance(function, nn.Module) else function
    try:
        return list(inspect.signature(target).parameters.values())
    except (TypeError, ValueError):
        return []


def _takes_any_keyword(function: Any) -> bool:
    return any(p.kind is p.VAR_KEYWORD for p in _parameters(function))


def _name_of(loss: Any) -> str:
    if isinstance(loss, nn.Module):
        return type(loss).__name__
    return str(getattr(loss, "__qualname__", None) or getattr(loss, "__name__", None) or type(loss).__name__)
