"""What the arguments of a loss may be given: the inputs of a run, what the model returned, and the model."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from vae_checked.adapters import Role
from vae_checked.auditor.recording.run import Run
from vae_checked.errors import UsageError
from vae_checked.signatures import signature_of

_NOTHING = "None"
_ROOTS = ("input", "output", "model")
_ACCESS = re.compile(r"""\.(?P<name>\w+)|\[(?P<place>-?\d+)\]|\[(?P<quote>['"])(?P<key>[^'"]*)(?P=quote)\]""")
_HELP = "write name=output[0], name=output.mu, name=input, name=input.label, name=model, or name=0.5, parted by commas"


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """A value for an argument: as the report calls it, as a binding writes it, and the role and name that it has."""

    words: str
    written: str
    value: object
    role: Role | None = None
    name: str = ""


@dataclass(frozen=True, slots=True)
class Candidates:
    """All of them: the data come first among `inputs`; `parts` are the tensors in the `entries` of the output.

    `defaults` are what forward took by default, as a target that is None where the data are their own.
    """

    inputs: tuple[Candidate, ...]
    whole_input: Candidate
    entries: tuple[Candidate, ...]
    parts: tuple[Candidate, ...]
    output: Candidate
    model: Candidate
    defaults: tuple[Candidate, ...] = ()

    @property
    def x(self) -> Candidate:
        """The data."""
        return self.inputs[0]


def candidates_of(run: Run, roles: Mapping[str, Role]) -> Candidates:
    """What the arguments of a loss may be given after `run`; `roles` are those of the output's parts."""
    inputs = _inputs(run)
    parts = tuple(
        Candidate(part.path, part.path, part.tensor, roles.get(part.path), _own_name(part.path)) for part in run.parts
    )
    return Candidates(
        inputs,
        Candidate("the input", "input", _whole_input(run)),
        tuple(entry for entry in _entries(run, parts) if not _is_x(entry.value, run)),
        tuple(part for part in parts if not _is_x(part.value, run)),
        Candidate("the output", "output", run.output),
        Candidate("the model", "model", run.model),
        _defaults(run),
    )


def parameters_of(function: Callable[..., object]) -> list[inspect.Parameter]:
    """The parameters that a call of `function` takes; those of `forward` for a module; empty where none are known."""
    target = function
    if isinstance(function, nn.Module) and type(function).__call__ is nn.Module.__call__:
        target = function.forward
    try:
        return list(signature_of(target).parameters.values())
    except (TypeError, ValueError):
        return []


def _defaults(run: Run) -> tuple[Candidate, ...]:
    """What forward has by default, for the arguments that this run did not give: nothing, or a number."""
    given = {*run.takes[: len(run.inputs.args)], *(run.inputs.kwargs or {})}
    left = [p for p in parameters_of(run.model) if p.name in run.takes and p.name not in given]
    return tuple(
        Candidate(f"forward's own default {p.default}", str(p.default), p.default, None, p.name)
        for p in left
        if p.default is None or (isinstance(p.default, (int, float)) and not isinstance(p.default, bool))
    )


def _inputs(run: Run) -> tuple[Candidate, ...]:
    """The inputs by the names that forward has for them."""
    found = []
    for position, (name, tensor) in enumerate(run.inputs.tensors()):
        own = run.takes[position] if position < len(run.takes) and len(run.inputs.args) > position else name
        if position == 0 and isinstance(run.inputs.args[0] if run.inputs.args else None, Mapping):
            own = name
        found.append((own, name, tensor))
    data = next((place for place, (*_, tensor) in enumerate(found) if tensor is run.x), 0)
    ordered = [found[data], *found[:data], *found[data + 1 :]]
    return tuple(
        Candidate("the input", f"input.{name}" if name != "x" else "input", tensor, Role.INPUT, own)
        if place == 0
        else Candidate(f"the input {own}", f"input.{own}", tensor, None, own)
        for place, (own, name, tensor) in enumerate(ordered)
    )


def _whole_input(run: Run) -> object:
    args = run.inputs.args
    return args[0] if len(args) == 1 and not isinstance(args[0], Tensor) else run.x


def _entries(run: Run, parts: Sequence[Candidate]) -> list[Candidate]:
    """The top-level entries of the output; a tensor among them has the role of its part."""
    output = run.output
    pairs: list[tuple[str, object]]
    if isinstance(output, Mapping):
        pairs = [(f"output[{key!r}]", value) for key, value in output.items()]
    elif isinstance(output, (tuple, list)):
        fields = getattr(output, "_fields", None)
        labels = [f".{name}" for name in fields] if fields else [f"[{place}]" for place in range(len(output))]
        pairs = [(f"output{label}", value) for label, value in zip(labels, output, strict=True)]
    else:
        pairs = [("output", output)]
    known = {id(part.value): part.role for part in parts}
    return [Candidate(path, path, value, known.get(id(value)), _own_name(path)) for path, value in pairs]


def _own_name(path: str) -> str:
    """The last name in the path of a part: `mu` of `output.posterior['mu']`; empty for a mere place."""
    last = re.search(r"(?:\.(\w+)|\[['\"](.*?)['\"]\])(?:\(\))?$", path)
    return "" if last is None else last[1] or last[2]


def _is_x(value: object, run: Run) -> bool:
    return isinstance(value, Tensor) and (
        value is run.x or (value.shape == run.x.shape and value.data_ptr() == run.x.data_ptr())
    )


# ------------------------------------------------------------------------------------ bindings that were given


def parse_bindings(text: str) -> dict[str, str]:
    """The bindings that `recon_x=output[0], x=input` writes; UsageError when it is of another form."""
    found: dict[str, str] = {}
    for part in text.split(","):
        name, equals, written = (each.strip() for each in part.partition("="))
        if not equals or not name.isidentifier() or not written:
            raise UsageError(f"bind {part.strip()!r} binds nothing: {_HELP}")
        if name in found:
            raise UsageError(f"bind {text!r} binds {name} twice")
        found[name] = written
    return checked_bindings(found)


def checked_bindings(given: Mapping[str, str]) -> dict[str, str]:
    """`given`, each value of it of a known form; UsageError where one is not."""
    for name, written in given.items():
        if _number(written) is None and written != _NOTHING:
            _path(written, f"{name}={written}")
    return dict(given)


def bound(written: str, choices: Candidates) -> Candidate:
    """What a binding names; UsageError where there is no such thing in this run."""
    number = _number(written)
    if number is not None or written == _NOTHING:
        return Candidate(written, written, number)
    root, steps = _path(written, written)
    for known in (*choices.inputs[1:], *choices.parts, *choices.entries):
        if known.written == written:
            return known
    if root == "input" and steps:
        named = _named_input(steps, choices)
        if named is not None:
            return named
    roots = {"input": choices.whole_input, "output": choices.output, "model": choices.model}
    value: object = roots[root].value
    for kind, step in steps:
        try:
            value = getattr(value, str(step)) if kind == "name" else value[step]  # type: ignore[index]  # any object
        except (AttributeError, LookupError, TypeError) as error:
            raise UsageError(f"bind: there is no {written} in this run ({type(error).__name__})") from None
    role = Role.INPUT if value is choices.x.value else None
    return Candidate("the input" if role else written, written, value, role)


def _named_input(steps: Sequence[tuple[str, str | int]], choices: Candidates) -> Candidate | None:
    """The input of a name or a place, where all that is asked for is an input."""
    if len(steps) != 1:
        return None
    _, step = steps[0]
    if isinstance(step, int):
        return choices.inputs[step] if -len(choices.inputs) <= step < len(choices.inputs) else None
    return next((each for each in choices.inputs if step in (each.name, each.written.partition(".")[2])), None)


def _number(written: str) -> float | int | None:
    for kind in (int, float):
        try:
            return kind(written)
        except ValueError:
            continue
    return None


def _path(written: str, shown: str) -> tuple[str, list[tuple[str, str | int]]]:
    """The root of a path and the steps from it, such as `output`, [("place", 0)]."""
    root = next((root for root in _ROOTS if re.match(rf"{root}\b", written)), None)
    if root is None:
        raise UsageError(f"bind {shown!r}: {written!r} is nothing that a run has: {_HELP}")
    steps: list[tuple[str, str | int]] = []
    rest = written[len(root) :]
    while rest:
        match = _ACCESS.match(rest)
        if match is None:
            raise UsageError(f"bind {shown!r}: {written!r} is nothing that a run has: {_HELP}")
        if match["place"] is not None:
            steps.append(("place", int(match["place"])))
        elif match["key"] is not None:
            steps.append(("key", match["key"]))
        else:
            steps.append(("name", match["name"]))
        rest = rest[match.end() :]
    return root, steps
