"""Other configurations of a model: each built as the one at hand, with one thing changed that its constructor takes.

What is the same in all of them holds for the class; what differs is a size of an instance.
"""

from __future__ import annotations

import copy
import dataclasses
import functools
import inspect
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from vae_checked.errors import VaeCheckedError
from vae_checked.shapes.model import ModelShapes
from vae_checked.signatures import signature_of

MOST_BUILT = 40
_DEEPEST = 3
_FOR_NONE = ([6, 10], 7)
Build = Callable[[], nn.Module]
Probe = Callable[[nn.Module, str], ModelShapes]
PathStep = str | int
Arguments = Mapping[str, Any]
Taken = Mapping[type[nn.Module], Sequence[Arguments | None]]


@dataclass(frozen=True, slots=True)
class Alternative:
    """One configuration: what was changed, as `latent_dim=12`, the model, its shapes, and what its modules take."""

    changed: str
    model: nn.Module
    shapes: ModelShapes
    taken: Taken


@dataclass(frozen=True, slots=True)
class Configurations:
    """The other configurations of a model that could be built and probed.

    `taken` holds, by the class of the model or of a part, what the constructor of each of its modules took; None for
    one that nobody saw. `unprobed` holds, by class and by the name of what is None in all of them, the sizes of the
    parameters that have another shape with a number in its place.
    """

    taken: Taken
    others: tuple[Alternative, ...] = ()
    unprobed: Mapping[type[nn.Module], Mapping[str, frozenset[int]]] = field(default_factory=dict)

    def unvaried(self, kind: type[nn.Module], among: Collection[Alternative]) -> tuple[str, ...]:
        """The numbers that the constructor of a class takes and that are the same in all configurations of `among`."""
        seen: list[dict[str, int]] = []
        for taken in (self.taken, *(each.taken for each in among)):
            for arguments in taken.get(kind, ()):
                if arguments is None:
                    return _parameters(kind)
                seen.append({leaf.name: leaf.value for leaf in _leaves(arguments) if leaf.is_size})
        # What is there in some configurations alone, such as the entries of a longer list, was varied by that.
        everywhere = set(seen[0]).intersection(*seen) if seen else set()
        first = seen[0] if seen else {}
        return tuple(name for name in first if name in everywhere and len({each[name] for each in seen}) == 1)


@dataclass(frozen=True, slots=True)
class _Leaf:
    """A number, a switch or a sequence inside of what a constructor takes, and what it may be instead."""

    path: tuple[PathStep, ...]
    value: Any
    instead: tuple[Any, ...]

    @property
    def name(self) -> str:
        """As a person writes it: `hidden_dims[1]`, `config.latent_dim`."""
        head, *rest = self.path
        return str(head) + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in rest)

    @property
    def is_size(self) -> bool:
        """Whether a size may follow from it: a whole number."""
        return type(self.value) is int


def configurations(build: Build, inputs: str, probe: Probe) -> Configurations:
    """Build the model again and again, one thing that its constructor takes changed each time.

    build: makes the model. inputs: the specification that it is probed with; a size in it that is the changed one is
    changed along. probe: the shapes of a model at a specification. What cannot be built or probed is passed over.
    """
    with torch.random.fork_rng(devices=[]):
        return _configurations(build, inputs, probe)


def _configurations(build: Build, inputs: str, probe: Probe) -> Configurations:
    kinds = {type(each) for each in build().modules() if not of_torch(type(each))}
    with _noted(kinds) as noted:
        model = build()
    root = noted.get(id(model), {})
    others: list[Alternative] = []
    left = MOST_BUILT
    for leaf in _leaves(root):
        for instead in leaf.instead:
            found, tried = _alternatives(type(model), root, leaf, instead, inputs, probe, kinds, left)
            left -= tried
            others += found
            if found:
                break
    taken = _taken(kinds, model, noted)
    unprobed = {kind: _unprobed(kind, taken[kind], [other.taken.get(kind, ()) for other in others]) for kind in kinds}
    return Configurations(taken, tuple(others), unprobed)


def _unprobed(
    kind: type[nn.Module], taken: Sequence[Arguments | None], others: Sequence[Sequence[Arguments | None]]
) -> dict[str, frozenset[int]]:
    """By the name of what is always None for a class: the sizes of its parameters that a number there would change."""
    arguments = next((each for each in taken if each is not None), {})
    given = {
        leaf.name
        for each in (*taken, *(one for other in others for one in other))
        for leaf in _leaves(each or {})
        if leaf.value is not None
    }
    found: dict[str, frozenset[int]] = {}
    for leaf in _leaves(arguments):
        if leaf.value is not None or any(name.partition("[")[0] == leaf.name for name in given):
            continue
        for instead in leaf.instead:
            with suppress(Exception):  # whatever a constructor raises: this is no configuration of the class
                sizes = frozenset(
                    _resized(_built(kind, arguments), _built(kind, _replaced(arguments, leaf.path, instead)))
                )
                if sizes:
                    found[leaf.name] = found.get(leaf.name, frozenset()) | sizes
    return found


def _resized(model: nn.Module, other: nn.Module) -> Iterator[int]:
    """The sizes of the model's parameters that have another in `other`."""
    shapes = {name: parameter.shape for name, parameter in other.named_parameters()}
    for name, parameter in model.named_parameters():
        for was, now in zip(parameter.shape, shapes.get(name, parameter.shape), strict=False):
            if was != now:
                yield was


def fixed_alone(model: nn.Module) -> Configurations:
    """Of a model of which nobody knows how it is built: only a class whose constructor takes nothing is known."""
    kinds = {type(each) for each in model.modules() if not of_torch(type(each))}
    return Configurations({kind: [None] if _parameters(kind) else [{}] for kind in kinds})


def of_torch(kind: type) -> bool:
    """Whether a class is torch's own."""
    return kind.__module__.partition(".")[0] == "torch"


def _parameters(kind: type[nn.Module]) -> tuple[str, ...]:
    try:
        return tuple(signature_of(kind).parameters)
    except (TypeError, ValueError):
        return ("its arguments",)


def _alternatives(
    kind: type[nn.Module],
    root: Arguments,
    leaf: _Leaf,
    instead: Any,
    inputs: str,
    probe: Probe,
    kinds: Iterable[type[nn.Module]],
    most: int,
) -> tuple[list[Alternative], int]:
    """The configuration with `leaf` changed, once for each input that it takes; how many of at most `most` were tried.

    A network that flattens its input takes one changed size for another.
    """
    changed = f"{leaf.name}={instead!r}"
    found: list[Alternative] = []
    specifications = _specifications(inputs, leaf.value, instead)[:most]
    for spec in specifications:
        with suppress(Exception):  # whatever a constructor raises: this is no configuration of the class
            with _noted(kinds) as noted:
                model = _built(kind, _replaced(root, leaf.path, instead))
            with suppress(VaeCheckedError):
                found.append(Alternative(changed, model, probe(model, spec), _taken(kinds, model, noted)))
    return found, len(specifications)


def _specifications(inputs: str, was: Any, now: Any) -> list[str]:
    """The specification as it is, and with the changed size in the places where it stands; for a shorter sequence,
    with one axis less.
    """
    if isinstance(was, (list, tuple)):
        return list(dict.fromkeys([inputs, re.sub(r"\s+\d+\s*$", "", inputs)]))
    if type(was) is not int or type(now) is not int:
        return [inputs]
    places = [match.span() for match in re.finditer(rf"(?<!\w){was}(?!\w)", inputs)]
    everywhere = re.sub(rf"(?<!\w){was}(?!\w)", str(now), inputs)
    singly = [f"{inputs[:start]}{now}{inputs[end:]}" for start, end in places]
    return list(dict.fromkeys([inputs, everywhere, *singly]))


# ------------------------------------------------------------------------------------------- how it was built


@contextmanager
def _noted(kinds: Iterable[type[nn.Module]]) -> Iterator[dict[int, Arguments]]:
    """In the block, what each module of these classes is built with, by the id of the module."""
    found: dict[int, Arguments] = {}
    before = {kind: vars(kind).get("__init__") for kind in kinds}
    for kind in before:
        setattr(kind, "__init__", _noting(kind, kind.__init__, found))  # noqa: B010  mypy refuses the assignment
    try:
        yield found
    finally:
        for kind, own in before.items():
            if own is None:
                del kind.__init__
            else:
                setattr(kind, "__init__", own)  # noqa: B010  as above


def _noting(kind: type[nn.Module], own: Callable[..., None], found: dict[int, Arguments]) -> Callable[..., None]:
    @functools.wraps(own)
    def noting(self: nn.Module, *args: Any, **kwargs: Any) -> None:
        if type(self) is kind:
            with suppress(TypeError, ValueError):  # which the constructor itself will raise
                bound = signature_of(own).bind(self, *args, **kwargs)
                bound.apply_defaults()
                # Constructors change the lists that they are given.
                found[id(self)] = {name: _copied(value) for name, value in list(bound.arguments.items())[1:]}
        own(self, *args, **kwargs)

    return noting


def _built(kind: type[nn.Module], arguments: Arguments) -> nn.Module:
    signature = signature_of(kind.__init__)
    first = next(iter(signature.parameters))
    bound = inspect.BoundArguments(signature, {first: None, **{k: _copied(v) for k, v in arguments.items()}})
    return kind(*bound.args[1:], **bound.kwargs)


def _copied(value: Any) -> Any:
    """A copy of what a constructor takes, but for modules and tensors, which stay themselves."""
    if isinstance(value, (list, tuple)) and type(value) in (list, tuple):
        return type(value)(_copied(each) for each in value)
    if type(value) is dict:
        return {key: _copied(each) for key, each in value.items()}
    return copy.copy(value) if _is_record(value) else value


def _is_record(value: Any) -> bool:
    """Whether a value is an object that holds settings."""
    kinds = (nn.Module, Tensor, ModuleType, type, str, bytes, int, float, complex, torch.dtype, torch.device)
    return not isinstance(value, kinds) and not callable(value) and hasattr(value, "__dict__")


def _entries(value: Any) -> Iterator[tuple[PathStep, Any]]:
    if type(value) in (list, tuple):
        yield from enumerate(value)
    elif isinstance(value, dict):
        yield from ((key, each) for key, each in value.items() if isinstance(key, str))
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        yield from ((each.name, getattr(value, each.name, None)) for each in dataclasses.fields(value))
    elif _is_record(value):
        yield from vars(value).items()


def _leaves(value: Any, path: tuple[PathStep, ...] = ()) -> Iterator[_Leaf]:
    """Every number, switch and sequence of numbers in what a constructor takes."""
    if isinstance(value, bool):
        yield _Leaf(path, value, (not value,))
    elif value is None and path:
        # Where None stands for sizes of the class's own choice, others may be given.
        yield _Leaf(path, value, _FOR_NONE)
    elif type(value) is int:
        more = (2 * value, value + 1, value - 1, value + 2) if value > 1 else (value + 1,)
        yield _Leaf(path, value, more)
    elif len(path) <= _DEEPEST:
        for step, each in _entries(value):
            yield from _leaves(each, (*path, step))
        if path and type(value) in (list, tuple) and len(value) > 1 and all(type(each) is int for each in value):
            yield _Leaf(path, value, (value[:-1],))


def _replaced(value: Any, path: Sequence[PathStep], instead: Any) -> Any:
    if not path:
        return instead
    step, *rest = path
    if type(value) in (list, tuple):
        return type(value)(
            _replaced(each, rest, instead) if index == step else each for index, each in enumerate(value)
        )
    if isinstance(value, Mapping):
        return {key: _replaced(each, rest, instead) if key == step else each for key, each in value.items()}
    changed = copy.copy(value)
    object.__setattr__(changed, str(step), _replaced(getattr(value, str(step)), rest, instead))
    return changed


def _taken(kinds: Iterable[type[nn.Module]], model: nn.Module, noted: Mapping[int, Arguments]) -> Taken:
    """By class what each of its modules in `model` was built with; None where that was not seen."""
    return {kind: [noted.get(id(each)) for each in model.modules() if type(each) is kind] for kind in kinds}
