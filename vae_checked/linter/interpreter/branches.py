"""The two ways through an `if` whose condition is not known: what is bound and built in each, and put together."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from vae_checked.linter.interpreter import operators
from vae_checked.linter.symbols.either import unknown_layer
from vae_checked.linter.symbols.expression import Expr, Site, opaque
from vae_checked.linter.symbols.values import Instance, Key, Layer, Scope, Sequence, Transform, Value, settle
from vae_checked.linter.torch_model import data_choices
from vae_checked.record import dataclass

_MAX_LIST = 64
_NEVER_CHANGED = frozenset((Expr, str, int, float, bool, type(None)))
Bindings = dict[str, Value]
Tables = dict[int, Bindings]


@dataclass(slots=True)
class Saved:
    """The names of a scope and the attributes of its `self`, and the containers, lists and dicts that both know.

    `put_in` is what was put into tables that are not known, and what of it there was.
    """

    bindings: list[tuple[Bindings, Bindings]]
    containers: list[tuple[Bindings, Bindings]]
    lists: list[tuple[list[Value], list[Value]]]
    dicts: list[tuple[dict[Key, Value], dict[Key, Value]]]
    put_in: tuple[Tables, Tables]


def bound(scope: Scope) -> list[Bindings]:
    """The names of a scope, and the attributes of its `self`."""
    owner = scope.names.get("self")
    return [scope.names, owner.attributes] if isinstance(owner, Instance) else [scope.names]


@contextmanager
def kept(scope: Scope) -> Iterator[None]:
    """What is run inside a `with` of this binds new names and attributes alone: those that there are stay."""
    before = [(names, dict(names)) for names in bound(scope)]
    yield
    for names, held in before:
        names.update(held)


def save(scope: Scope, put_in: Tables) -> Saved:
    """What is bound and built at this point."""
    bindings = bound(scope)
    tables = put_in, {owner: dict(entries) for owner, entries in put_in.items()}
    saved = Saved([(names, dict(names)) for names in bindings], [], [], [], tables)
    for value in {id(value): value for names in bindings for value in names.values()}.values():
        # Most are tensors and texts, and every branch asks what all of them are.
        if value.__class__ in _NEVER_CHANGED:
            continue
        if isinstance(value, Sequence):
            saved.containers.append((value.items, dict(value.items)))
        elif isinstance(value, list):
            if len(value) <= _MAX_LIST:
                saved.lists.append((value, list(value)))
        elif isinstance(value, dict) and len(value) <= _MAX_LIST:
            saved.dicts.append((value, dict(value)))
    return saved


def restore(saved: Saved) -> None:
    """Bind and hold again what was saved."""
    for names, copy in (*saved.bindings, *saved.containers):
        names.clear()
        names.update(copy)
    for held, items in saved.lists:
        held[:] = items
    for entries, kept in saved.dicts:
        entries.clear()
        entries.update(kept)
    tables, known = saved.put_in
    tables.clear()
    tables.update(known)


def merge(
    condition: Expr,
    before: Saved,
    one: Saved,
    site: Site,
    prefer: operators.Prefer,
    note: Callable[[Value, bool], None],
) -> None:
    """Put what the first branch left, saved in `one`, beside what the second has left in place.

    `note` takes note of what one branch binds alone, with whether it does so where the condition holds.
    """
    either = unknown_layer(site)
    for target, source in one.bindings:
        for name, value in source.items():
            if name not in target:
                note(value, True)
                target[name] = value
            elif target[name] is not value:
                if value is None or target[name] is None:
                    note(target[name] if value is None else value, value is not None)
                target[name] = operators.merge(condition, settle(source, name), settle(target, name), prefer)
        for name in target.keys() - source.keys():
            note(target[name], False)
    left = {id(layers): copy for layers, copy in one.containers}
    for layers, old in before.containers:
        first = left.get(id(layers), old)
        for name in [name for name in old if (name in first) != (name in layers)]:
            layers[name] = operators.perhaps(old[name])
        # A name that a turn of a loop has used before is given another layer.
        added, also = ([name for name in side if side[name] is not old.get(name)] for side in (first, layers))
        if added and also:
            for name in also:
                del layers[name]
            layers[also[0]] = either
        else:
            for names, side in ((added, first), (also, layers)):
                layers.update({name: operators.perhaps(side[name]) for name in names})
    held_then = {id(held): items for held, items in one.lists}
    for held, items in before.lists:
        start, then = len(items), held_then.get(id(held), items)
        if held[:start] == then[:start]:
            held[start:] = _merged(condition, held[:start], then[start:], held[start:], either)
        elif len(held) == len(then):
            held[:] = [operators.merge(condition, left, right) for left, right in zip(then, held, strict=True)]
    for entries, first_entries in one.dicts:
        unset = opaque("unset", (), site)
        for key in [key for key, value in entries.items() if key not in first_entries and _is_setting(value)]:
            entries[key] = operators.merge(condition, unset, entries[key])
        for key, value in first_entries.items():
            if key in entries or _is_setting(value):
                entries[key] = operators.merge(condition, value, entries.get(key, unset))
            else:
                entries[key] = value
    tables, first_tables = one.put_in
    for uid in dict.fromkeys((*first_tables, *tables)):
        entries_of, first_of = tables.setdefault(uid, {}), first_tables.get(uid, {})
        for name in dict.fromkeys((*first_of, *entries_of)):
            if entries_of.get(name) is not first_of.get(name):
                left_out = opaque("unset", (), site)
                sides = first_of.get(name, left_out), entries_of.get(name, left_out)
                entries_of[name] = operators.merge(condition, *sides, prefer)


def of_self(scope: Scope) -> Bindings:
    """The attributes of a scope's `self`, as they are at this point."""
    return {name: value for names in bound(scope)[1:] for name, value in names.items()}


def keep_returned(
    condition: Expr, scope: Scope, before: Saved, returned: Bindings, holds: bool, prefer: operators.Prefer
) -> None:
    """Put what the branch that returns has bound to `self` beside what those that go on behind it leave.

    `returned` are the attributes where it returned, and `holds` is whether it is the one where the condition holds.
    """
    for names, (_, old) in zip(bound(scope)[1:], before.bindings[1:], strict=True):
        for name, value in returned.items():
            if not isinstance(value, Expr) or old.get(name) is value:
                continue
            other = names.get(name)
            if other is None:
                names[name] = value
            elif isinstance(other, Expr):
                sides = (value, other) if holds else (other, value)
                names[name] = operators.merge(condition, *sides, prefer)


def _is_setting(value: Value) -> bool:
    """Whether a value is a number: where a branch adds it to a dict, whoever is handed that has its own otherwise."""
    return isinstance(value, (int, float)) or (isinstance(value, Expr) and value.op == "const")


def _merged(condition: Expr, begun: list[Value], one: list[Value], other: list[Value], either: Layer) -> list[Value]:
    """What two branches appended: of two different layers, and of an activation or none, nothing is known."""
    if any(isinstance(item, Transform) for item in (*begun, *one, *other)):
        steps = data_choices.of_steps(one, other)
        if steps is not None:
            return steps
    if not one or not other:
        return list(map(operators.perhaps, one or other))
    if any(isinstance(item, Layer) for item in (*one, *other)):
        return [either]
    if len(one) == len(other):
        return [operators.merge(condition, left, right) for left, right in zip(one, other, strict=True)]
    return max(one, other, key=len)
