"""The settings of a loss that weigh one of its terms, found by changing each and comparing the gradients."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from vae_checked.auditor.losses.arguments import Matched
from vae_checked.auditor.losses.candidates import parameters_of
from vae_checked.auditor.losses.loss import Loss
from vae_checked.laws.seeding import seed_draws

_CLOSE = 1e-5
_MAX_SETTINGS = 24


@dataclass(frozen=True, slots=True)
class Setting:
    """A number that scales the loss's gradient by some of its tensor arguments.

    `value` is the number where the gradient is proportional to it, None where it moves the gradient in another way.
    """

    name: str
    value: float | None
    scales: tuple[Tensor, ...]


def settings_of(loss: Loss, matched: Matched) -> tuple[Setting, ...]:
    """The keywords, attributes and globals of a loss that weigh some of its tensor arguments and not all of them.

    What scales the whole loss balances nothing. The loss is run on copies of its arguments, and not recorded.
    """
    given, spec = pytree.tree_flatten((matched.args, dict(matched.kwargs)))
    places = [place for place, leaf in enumerate(given) if isinstance(leaf, Tensor) and leaf.is_floating_point()]
    if not places:
        return ()

    def slopes() -> list[Tensor | None] | None:
        """The loss's gradient by each tensor argument; None where it cannot be run or differentiated."""
        leaves = {place: given[place].detach().clone().requires_grad_() for place in places}
        args, kwargs = pytree.tree_unflatten([leaves.get(place, leaf) for place, leaf in enumerate(given)], spec)
        with torch.random.fork_rng(), torch.enable_grad():
            seed_draws(0)
            result = loss.function(*args, **{**kwargs, **changed})
        ends = [leaf.sum() for leaf in pytree.tree_leaves(result) if isinstance(leaf, Tensor) and leaf.requires_grad]
        if not ends:
            return None
        return list(torch.autograd.grad(ends, list(leaves.values()), allow_unused=True))

    changed: dict[str, object] = {}
    before, again = _tried(slopes), _tried(slopes)
    if before is None or again is None or not all(map(_same, before, again)):
        # What changes from call to call, as an annealed weight does, changes without a setting.
        return ()
    found: list[Setting] = []
    for name, value, change in _candidates(loss, matched, changed):
        other = 1.7 * value + 0.3
        with change(other):
            after = _tried(slopes)
        if after is None:
            continue
        ratios = [_ratio(one, two) for one, two in zip(before, after, strict=True)]
        known = [ratio for ratio in ratios if ratio is not None]
        moved = [place for place, ratio in zip(places, ratios, strict=True) if ratio is not None and not _is(ratio, 1)]
        if moved and not (len(moved) == len(known) and all(_is(known[0], ratio) for ratio in known)):
            whole = value != 0 and all(_is(ratio, 1) or _is(ratio, other / value) for ratio in known)
            found.append(Setting(name, value if whole else None, tuple(given[place] for place in moved)))
    return tuple(found)


def _tried(slopes: Callable[[], list[Tensor | None] | None]) -> list[Tensor | None] | None:
    try:
        return slopes()
    except Exception:  # a loss that does not run with a setting changed says nothing of what it weighs
        return None


def _same(one: Tensor | None, other: Tensor | None) -> bool:
    return one is other or (one is not None and other is not None and torch.equal(one, other))


def _ratio(before: Tensor | None, after: Tensor | None) -> float | None:
    """The one factor between two gradients, None where there is none or nothing to compare."""
    if before is None or after is None or not before.any():
        return None
    one, two = before.double().flatten(), after.double().flatten()
    ratio = float(one @ two / (one @ one))
    return ratio if float((two - ratio * one).abs().max()) <= _CLOSE * float(two.abs().max()) else None


def _is(one: float, other: float) -> bool:
    return abs(one - other) <= _CLOSE * max(1.0, abs(other))


_Change = Callable[[float], AbstractContextManager[None]]


def _candidates(loss: Loss, matched: Matched, keywords: dict[str, object]) -> Iterator[tuple[str, float, _Change]]:
    """Name, value and a way to change each number that a loss may be set by."""
    found = [*_keywords(loss, matched, keywords), *_attributes(loss), *_globals(loss)]
    yield from found[:_MAX_SETTINGS]


def _keywords(loss: Loss, matched: Matched, keywords: dict[str, object]) -> Iterator[tuple[str, float, _Change]]:
    for place, parameter in enumerate(parameters_of(loss.function)):
        value = matched.kwargs.get(parameter.name, parameter.default)
        if place >= len(matched.args) and isinstance(value, (int, float)) and not isinstance(value, bool):
            yield parameter.name, float(value), functools.partial(_entry, keywords, parameter.name)


def _attributes(loss: Loss) -> Iterator[tuple[str, float, _Change]]:
    for module in loss.modules:
        for name, value in vars(module).items():
            if _is_number(value) and not name.startswith("_"):
                yield f"self.{name}", float(value), functools.partial(_entry, vars(module), name)


def _globals(loss: Loss) -> Iterator[tuple[str, float, _Change]]:
    target: Callable[..., object] = loss.function
    while isinstance(target, functools.partial):
        target = target.func
    function = inspect.unwrap(target.forward if isinstance(target, nn.Module) else target)
    code, names = getattr(function, "__code__", None), getattr(function, "__globals__", {})
    for name in code.co_names if code is not None else ():
        if name in names and _is_number(names[name]):
            yield name, float(names[name]), functools.partial(_entry, names, name)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


@contextmanager
def _entry(table: MutableMapping[str, object], name: str, value: float) -> Iterator[None]:
    """One entry of a table set to `value`, and set back at the end."""
    missing = object()
    before = table.get(name, missing)
    table[name] = value
    try:
        yield
    finally:
        if before is missing:
            del table[name]
        else:
            table[name] = before
