"""From the calls of one function to its signature in jaxtyping's words: what holds in every call that was seen."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from vae_checked.shapes.formula import NO_FORMULA, symbols_in
from vae_checked.shapes.model import RANK_VARIES, Entry, TensorShape
from vae_checked.shapes.naming import Naming

RETURN = "return"
_KINDS = {"float": "Float", "bfloat": "Float", "int": "Int", "uint": "UInt", "bool": "Bool", "complex": "Complex"}
_ANY_KIND = "Shaped"
_LEFT = "left as it is"


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a function: its name, and whether it may be None by its default or its annotation."""

    name: str
    may_be_none: bool = False


@dataclass(frozen=True, slots=True)
class Hints:
    """The annotation of each parameter, the result's under RETURN; in words what got none; the jaxtyping names used."""

    texts: Mapping[str, str]
    left: tuple[str, ...]
    kinds: frozenset[str]


def hints_of(
    calls: Sequence[Entry],
    parameters: Sequence[Parameter],
    attribute: Callable[[Sequence[str]], str | None] = lambda formulas: None,
) -> Hints:
    """What every one of `calls` keeps to, the parameters in the order of the function's signature.

    attribute: a name of the object's own, such as `{self.latent_dim}`, for an axis that has these sizes in the calls.
    """
    known = {each.name for each in parameters}
    left = list(dict.fromkeys(_unwritable(calls, known)))
    annotated: dict[str, list[TensorShape]] = {}
    for parameter in parameters:
        seen = [tensor for call in calls for tensor in call.takes if tensor.path == parameter.name]
        if len(seen) == len(calls) or (seen and parameter.may_be_none and parameter.name not in _containers(calls)):
            annotated[parameter.name] = seen
        elif seen:
            left.append(f"{parameter.name} is not a tensor in every call: {_LEFT}")
    returned, reason = _returned(calls)
    left += [reason] if reason else []
    tensors = [*annotated.values(), *returned]
    axes = [axis for group in annotated.values() for formulas in _by_axis(group) for axis in set(formulas)]
    naming = Naming(axes, {letter for group in tensors for each in group for letter in _letters(each.axes)}, attribute)
    optional = {each.name for each in parameters if each.may_be_none}
    texts: dict[str, str] = {}
    kinds: set[str] = set()
    for name, group in annotated.items():
        kinds.add(_kind(group))
        with naming.uncertain() if name in optional else contextlib.nullcontext():
            texts[name] = _text(group, naming) + (" | None" if name in optional else "")
    if returned:
        kinds |= {_kind(group) for group in returned}
        parts = [_text(group, naming) for group in returned]
        texts[RETURN] = f"tuple[{', '.join(parts)}]" if calls[0].form == "tuple" else parts[0]
    return Hints(texts, tuple(left), frozenset(kinds))


def _unwritable(calls: Iterable[Entry], known: set[str]) -> Iterator[str]:
    for call in calls:
        for tensor in call.takes:
            head = tensor.path.partition("[")[0].partition(".")[0]
            if not head:
                yield f"*args: {_LEFT}"
            elif head not in known:
                yield f"**kwargs has {head}: {_LEFT}"
            elif head != tensor.path:
                yield f"{head} is no tensor: {_LEFT}"


def _containers(calls: Iterable[Entry]) -> set[str]:
    paths = {tensor.path for call in calls for tensor in call.takes}
    return {path.partition("[")[0].partition(".")[0] for path in paths if not path.isidentifier()}


def _returned(calls: Sequence[Entry]) -> tuple[list[list[TensorShape]], str]:
    """The tensors that are returned, each as in every call; or why the result is left as it is."""
    forms = {(call.form, tuple(tensor.path for tensor in call.gives)) for call in calls}
    if len(forms) > 1:
        return [], f"it does not return the same kind of thing in every call: {_LEFT}"
    ((form, paths),) = forms
    whole = [f"output[{number}]" for number in range(len(paths))]
    if paths == ("output",) or (paths and form == "tuple" and list(paths) == whole):
        return [[call.gives[number] for call in calls] for number in range(len(paths))], ""
    return [], f"it returns a{'n' if form[:1] in 'AEIOUaeiou' else ''} {form}: {_LEFT}" if paths else ""


def _text(group: Sequence[TensorShape], naming: Naming) -> str:
    """One annotation for a tensor as it is in several calls."""
    axes: list[str] = []
    for axis in (_axis(formulas, naming) for formulas in _by_axis(group)):
        if axis != RANK_VARIES[0] or axes[-1:] != [axis]:
            axes.append(axis)
    if axes.count(RANK_VARIES[0]) > 1:  # which jaxtyping reads once in an annotation
        axes = [*RANK_VARIES]
    return f'{_kind(group)}[Tensor, "{_written(axes)}"]'


def _written(axes: Sequence[str]) -> str:
    # With one axis alone the blank before it keeps linters from reading a name that must be defined.
    return f" {axes[0]}" if len(axes) == 1 and axes[0].isidentifier() else " ".join(axes)


def _axis(formulas: Sequence[str], naming: Naming) -> str:
    if RANK_VARIES[0] in formulas:
        return naming.attribute(formulas) or RANK_VARIES[0]
    return naming.name(formulas)


def _by_axis(group: Sequence[TensorShape]) -> list[tuple[str, ...]]:
    """The formulas of each axis in every call; one axis that stands for all where their number differs."""
    if len({len(each.axes) for each in group}) > 1 or any(each.axes == RANK_VARIES for each in group):
        return [RANK_VARIES]
    return list(zip(*(each.axes for each in group), strict=True))


def _kind(group: Sequence[TensorShape]) -> str:
    kinds = {_KINDS.get(each.dtype.rstrip("0123456789"), _ANY_KIND) for each in group}
    return kinds.pop() if len(kinds) == 1 else _ANY_KIND


def _letters(axes: Sequence[str]) -> set[str]:
    return {letter for axis in axes if axis not in (NO_FORMULA, *RANK_VARIES) for letter in symbols_in(axis)}
