"""Matches the arguments of a loss with what a model returned: x by name, the rest by order, else by role."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from torch import Tensor, nn

from vae_checked.adapters import Part, Role, role_of
from vae_checked.auditor.recording.origins import names_in
from vae_checked.auditor.recording.run import Run
from vae_checked.errors import ModelError

_WHOLE = names_in("output outputs out model_output results result forward_output preds ret res")
_MODEL = names_in("model net vae network autoencoder module")
_OF_THE_LATENT = (Role.MU, Role.SECOND, Role.LATENT)


@dataclass(frozen=True, slots=True)
class Matched:
    """The arguments for a loss, and in words what each was matched with.

    `supplied` are keywords that the loss asks for and nobody gave; `named` holds, per part of the output, the role that
    the name of the loss's parameter declares.
    """

    args: tuple[object, ...]
    kwargs: Mapping[str, object]
    words: tuple[str, ...]
    supplied: tuple[str, ...] = ()
    named: Mapping[str, Role] = field(default_factory=dict)


def parameters_of(function: Callable[..., object]) -> list[inspect.Parameter]:
    """The parameters that a call of `function` takes; those of `forward` for a module; empty where none are known."""
    target = function
    if isinstance(function, nn.Module) and type(function).__call__ is nn.Module.__call__:
        target = function.forward
    try:
        return list(inspect.signature(target).parameters.values())
    except (TypeError, ValueError):
        return []


def match(function: Callable[..., object], name: str, run: Run, roles: Mapping[str, Role]) -> Matched:
    """The arguments for the loss `function`; ModelError, with what the model returned, when they cannot be told."""
    parameters = parameters_of(function)
    entries = _entries(run)
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    required = [p for p in positional if p.default is p.empty]
    if not required and any(p.kind is p.VAR_POSITIONAL for p in parameters):
        listed = ", ".join(entry.path for entry in entries)
        return Matched(tuple(entry.value for entry in entries), {}, (f"*({listed})",))
    # A parameter that defaults to None and bears the name of a head is meant to be given where there is one.
    with_heads = [p for p in positional if p in required or (p.default is None and role_of(p.name) in _OF_THE_LATENT)]
    for wanted in (with_heads, required):
        assigned = _by_order(wanted, entries, run, roles) or _by_role(wanted, run, roles)
        if assigned is not None:
            return _with_keywords(Matched((), {}, ()), wanted, assigned, parameters, name, run, roles)
    returned = ", ".join(f"{entry.path} {entry.words(roles)}" for entry in entries) or "nothing with a tensor"
    names = ", ".join(p.name for p in required)
    raise ModelError(
        f"the loss {name}({names}) cannot be matched to what the model returned ({returned}): "
        "give loss=lambda ... that takes what the model returns"
    )


@dataclass(frozen=True, slots=True)
class _Entry:
    """One top-level entry of the output."""

    path: str
    value: object
    parts: tuple[Part, ...]

    def role(self, roles: Mapping[str, Role]) -> Role | None:
        """The role of the entry when it is one tensor."""
        return roles.get(self.parts[0].path) if len(self.parts) == 1 and isinstance(self.value, Tensor) else None

    def words(self, roles: Mapping[str, Role]) -> str:
        role = self.role(roles)
        return f"({role})" if role else ""


_Assignment = list[tuple[object, str]]


def _with_keywords(
    matched: Matched,
    wanted: Sequence[inspect.Parameter],
    assigned: _Assignment,
    parameters: Sequence[inspect.Parameter],
    name: str,
    run: Run,
    roles: Mapping[str, Role],
) -> Matched:
    words = [f"{p.name} = {word}" for p, (_, word) in zip(wanted, assigned, strict=True)]
    named = {
        word: role
        for p, (_, word) in zip(wanted, assigned, strict=True)
        if (role := role_of(p.name)) is not None and word.startswith("output")
    }
    by_keyword: dict[str, object] = {}
    args: list[object] = []
    for place, (p, (value, _)) in enumerate(zip(wanted, assigned, strict=True)):
        # An optional parameter that is passed over leaves a gap: what comes behind it goes by its name.
        if place < len(parameters) and parameters[place] is p and not by_keyword:
            args.append(value)
        else:
            by_keyword[p.name] = value
    for p in parameters:
        if p.kind is p.KEYWORD_ONLY and p.default is p.empty:
            found = _value_for(p, run, roles)
            if found is None:
                raise ModelError(f"the loss {name} needs {p.name}: give loss=functools.partial(..., {p.name}=...)")
            by_keyword[p.name] = found[0]
            words.append(f"{p.name} = {found[1]}")
    return Matched(tuple(args), by_keyword, tuple(words), named=named)


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
    wanted: Sequence[inspect.Parameter], entries: Sequence[_Entry], run: Run, roles: Mapping[str, Role]
) -> _Assignment | None:
    """x where a parameter is named after it, the output's entries in their order for the others."""
    others = [entry for entry in entries if not _is_x(entry.value, run)]
    place = _place_of_x(wanted)
    if place is None or len(wanted) != len(others) + 1 or not all(isinstance(e.value, Tensor) for e in entries):
        return None
    rest = iter(others)
    # `loss(input, target)`: the name of the first is torch's, and says nothing of a VAE.
    silent = 0 if place == 1 and role_of(wanted[0].name) is Role.INPUT else None
    assigned: _Assignment = []
    for position, parameter in enumerate(wanted):
        if position == place:
            assigned.append((run.x, "the input"))
            continue
        entry = next(rest)
        named, measured = role_of(parameter.name), entry.role(roles)
        known = named is not None and measured is not None and position != silent
        if known and named is not measured and any(each.role(roles) is named for each in others):
            return None  # the caller will have put in order what the names exchange
        assigned.append((entry.value, entry.path))
    return assigned


def _place_of_x(wanted: Sequence[inspect.Parameter]) -> int | None:
    named = [position for position, p in enumerate(wanted) if role_of(p.name) is Role.INPUT]
    if len(named) == 1:
        return named[0]
    if not named and len(wanted) >= 2 and role_of(wanted[0].name) is Role.RECONSTRUCTION:
        return 1
    # `loss(input, target)`, as torch names its own.
    return 1 if named == [0, 1] else None


def _by_role(wanted: Sequence[inspect.Parameter], run: Run, roles: Mapping[str, Role]) -> _Assignment | None:
    assigned: _Assignment = []
    for parameter in wanted:
        value = _value_for(parameter, run, roles, alone=len(wanted) <= 2)
        if value is None:
            return None
        assigned.append(value)
    return assigned


def _value_for(
    parameter: inspect.Parameter, run: Run, roles: Mapping[str, Role], *, alone: bool = False
) -> tuple[object, str] | None:
    """The value for one parameter and where it comes from; `alone`: the loss takes little beside it."""
    name, role = parameter.name, role_of(parameter.name)
    inputs = dict(run.inputs.tensors())
    if alone and name.lower() in _WHOLE and not isinstance(run.output, Tensor):
        return run.output, "the output"
    if name.lower() in _MODEL:
        return run.model, "the model"
    if role is Role.INPUT:
        return run.x, "the input"
    for part in run.parts:
        if part.path.rpartition(".")[2].rpartition("[")[2].strip("]'\"") == name:
            return part.tensor, part.path
    if role is not None:
        for part in run.parts:
            if roles.get(part.path) is role:
                return part.tensor, part.path
    if name in inputs:
        return inputs[name], f"the input {name}"
    if alone and role is None and not isinstance(run.output, (tuple, list)):
        return run.output, "the output"
    return None


def _is_x(value: object, run: Run) -> bool:
    return isinstance(value, Tensor) and (
        value is run.x or (value.shape == run.x.shape and value.data_ptr() == run.x.data_ptr())
    )
