"""`del`: what is taken out of lists, dicts and containers of layers, and off an object."""

from __future__ import annotations

import ast

from vae_checked.linter.interpreter import derived_containers, operators, resized
from vae_checked.linter.interpreter.context import NOTHING, Context, Outcome
from vae_checked.linter.symbols.constants import exactly_whole
from vae_checked.linter.symbols.expression import Expr, strip
from vae_checked.linter.symbols.places import Grown, Places, is_unknown_item
from vae_checked.linter.symbols.unknown_keys import key_of
from vae_checked.linter.symbols.values import Instance, Scope, Value, number_of
from vae_checked.linter.symbols.values import Sequence as Layers


def run(context: Context, node: ast.Delete, scope: Scope) -> Outcome:
    """Take out what a statement deletes; names stay bound, as nothing asks for them any more."""
    targets = list(node.targets)
    while targets:
        target = targets.pop(0)
        if isinstance(target, (ast.Tuple, ast.List)):
            targets[:0] = target.elts
        elif isinstance(target, ast.Attribute):
            _attribute(context.eval(target.value, scope), target.attr)
        elif isinstance(target, ast.Subscript):
            _item(context, target, scope)
    return NOTHING


def _attribute(owner: Value, name: str) -> None:
    container = owner if isinstance(owner, Layers) else derived_containers.held(owner)
    if container is not None:
        container.items.pop(name, None)
    if isinstance(owner, Instance):
        owner.attributes.pop(name, None)


def _item(context: Context, target: ast.Subscript, scope: Scope) -> None:
    owner, key = context.eval(target.value, scope), context.eval(target.slice, scope)
    container = owner if isinstance(owner, Layers) else derived_containers.held(owner)
    if container is not None:
        _layers(container, key)
    elif isinstance(owner, dict):
        known = key_of(key)
        if known in owner:
            del owner[known]
    elif isinstance(owner, list) and not isinstance(owner, Places):
        kept = _without(owner, key)
        owner[:] = map(operators.perhaps, owner) if kept is None else kept
    elif isinstance(owner, Expr) and isinstance(key, str):
        context.observations.put_in.get(strip(owner).uid, {}).pop(key, None)
    elif isinstance(owner, Expr):
        resized.note(context, owner, "pop" if number_of(key) is not None else "clear", [key], context.site(target))


def _layers(owner: Layers, key: Value) -> None:
    """Take layers out of a container; those behind them are numbered anew."""
    if owner.by_name or isinstance(key, str):
        named = key_of(key)
        if named in owner.items:
            del owner.items[str(named)]
        return
    values = list(owner.items.values())
    kept = _without(values, key)
    held = list(map(operators.perhaps, values)) if kept is None else kept
    # In the table that there is: a branch that is taken back knows that one.
    owner.items.clear()
    owner.items.update((str(index), item) for index, item in enumerate(held))


def _without(values: list[Value], key: Value) -> list[Value] | None:
    """Values without those of an index or a slice; None where it is not known which these are."""
    ends = (key.start, key.stop, key.step) if isinstance(key, slice) else (key,)
    numbers = [None if end is None else exactly_whole(number_of(end)) for end in ends]
    is_known = all(end is None or number is not None for end, number in zip(ends, numbers, strict=True))
    if not is_known or isinstance(values, Grown) or any(map(is_unknown_item, values)) or numbers[2:] == [0]:
        return None
    (first, *rest), kept = numbers, list(values)
    if rest:
        del kept[slice(first, *rest)]
    elif first is not None and -len(kept) <= first < len(kept):
        del kept[first]
    return kept
