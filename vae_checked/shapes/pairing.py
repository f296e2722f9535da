"""Which layer of the one lock is which of the other: by key, and where keys differ by what the layers are."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from typing import NamedTuple

from vae_checked.shapes.fold import natural


class Layer(NamedTuple):
    """What a layer is, apart from its key: its line in the lock and its own parameters."""

    text: str
    parameters: tuple[tuple[str, str], ...]

    @property
    def type(self) -> str:
        """The type, as `Conv2d`."""
        return self.text.partition(" (")[0]


class Pairing(NamedTuple):
    """`same` maps old keys to new ones; `removed` and `added` have no other."""

    same: dict[str, str]
    removed: list[str]
    added: list[str]


def layers_of(layers: Mapping[str, str], parameters: Mapping[str, str]) -> dict[str, Layer]:
    """Every layer with its parameters by their own names."""
    owned: dict[str, list[tuple[str, str]]] = {}
    for key, shape in parameters.items():
        owner, _, name = key.rpartition(".")
        owned.setdefault(owner, []).append((name, shape))
    return {key: Layer(text, tuple(sorted(owned.get(key.partition("@")[0], [])))) for key, text in layers.items()}


def pair(old: Mapping[str, Layer], new: Mapping[str, Layer]) -> Pairing:
    """Pair by key where a container has the same keys in both, by order and kind in numbered ones, else by likeness."""
    same = _nested_otherwise(old, new)
    taken = set(same.values())
    same |= {
        key: key
        for key in old
        if key not in same and key in new and key not in taken and (not _numbered(key) or _complete(key, old, new))
    }
    for parent in sorted({_parent(key) for key in old if key not in same and _numbered(key)}):
        same.update(_aligned(_children(parent, old), _children(parent, new), old, new))
    same |= _under_another_name(old, new, same)
    left = [key for key in old if key not in same]
    free = [key for key in new if key not in set(same.values())]
    for likeness in (_exactly, _in_kind):
        for key in list(left):
            alike = [each for each in free if likeness(old[key], new[each]) and _leaf_alike(key, each)]
            if alike:
                best = max(alike, key=functools.partial(_likeness, key))
                same[key] = best
                left.remove(key)
                free.remove(best)
    moved = {(_parent(before), _parent(after)) for before, after in same.items() if _parent(before) != _parent(after)}
    for key in list(left):
        # Of a part that was renamed, a layer that was changed as well.
        twins = [f"{now}{key[len(was) :]}" for was, now in sorted(moved) if was == _parent(key) != ""]
        twin = next((each for each in twins if each in free and new[each].type == old[key].type), None)
        if twin is not None:
            same[key] = twin
            left.remove(key)
            free.remove(twin)
    for before, after in _taken_apart(left, free, old, new):
        same[before] = after
        left.remove(before)
        free.remove(after)
    return Pairing(same, left, free)


def regroupings(same: Mapping[str, str]) -> list[list[str]]:
    """The old keys of layers that stand in other containers than before, or otherwise nested, by where they stood."""
    groups: dict[tuple[str, str], list[str]] = {}
    wrapped = [a for a, b in same.items() if a != b and (_container(b) == a or _container(a) == b)]
    for before, after in same.items():
        if before != after and before not in wrapped:
            groups.setdefault((_container(before), _container(after)), []).append(before)
    found: dict[str, list[str]] = {}
    for (was, now), keys in groups.items():
        depths = {(key.count("."), same[key].count(".")) for key in keys}
        alike = all(key.removeprefix(was) == same[key].removeprefix(now) for key in keys)
        nested = was == now and any(a != b for a, b in depths)
        elsewhere = was != now and (not alike or "" in (was, now))
        if len(keys) > 1 and (nested or elsewhere):
            found.setdefault(was or now, []).extend(keys)
    return [*found.values(), *([wrapped] if wrapped else [])]


def renames(same: Mapping[str, str]) -> dict[tuple[str, str], list[str]]:
    """The renamed modules as (old, new) paths without what they share at the end, each with its layers' old keys.

    Layers of one numbered container that all moved by the same number are one: `encoder.{1..3}`, `encoder.{2..4}`.
    """
    found: dict[tuple[str, str], list[str]] = {}
    for before, after in same.items():
        if before != after:
            old, new = before.split("."), after.split(".")
            while len(old) > 1 and len(new) > 1 and old[-1] == new[-1]:
                old.pop()
                new.pop()
            found.setdefault((".".join(old), ".".join(new)), []).append(before)
    shifts: dict[tuple[str, int], list[tuple[int, list[str]]]] = {}
    for (was, now), keys in list(found.items()):
        parent, _, number = was.rpartition(".")
        other, _, moved = now.rpartition(".")
        if parent == other and number.isdigit() and moved.isdigit():
            shifts.setdefault((parent, int(moved) - int(number)), []).append((int(number), keys))
            del found[was, now]
    for (parent, shift), moved_ones in shifts.items():
        for run in _runs(sorted(moved_ones)):
            first, last = run[0][0], run[-1][0]
            pair_of_names = _range(parent, first, last), _range(parent, first + shift, last + shift)
            found[pair_of_names] = [key for _, keys in run for key in keys]
    return found


def _runs(numbered: Sequence[tuple[int, list[str]]]) -> list[list[tuple[int, list[str]]]]:
    runs: list[list[tuple[int, list[str]]]] = []
    for each in numbered:
        if runs and each[0] == runs[-1][-1][0] + 1:
            runs[-1].append(each)
        else:
            runs.append([each])
    return runs


def _range(parent: str, first: int, last: int) -> str:
    return f"{parent}.{first}" if first == last else f"{parent}.{{{first}..{last}}}"


def _nested_otherwise(old: Mapping[str, Layer], new: Mapping[str, Layer]) -> dict[str, str]:
    """The layers of containers of containers that hold the same kinds in one order, and have other keys."""
    found: dict[str, str] = {}
    after = _by_container(new)
    for root, keys in _by_container(old).items():
        others = after.get(root, [])
        if keys != others and [old[key].type for key in keys] == [new[key].type for key in others]:
            found.update(zip(keys, others, strict=True))
    return {**found, **_wrapped(old, new), **{after: before for before, after in _wrapped(new, old).items()}}


def _wrapped(old: Mapping[str, Layer], new: Mapping[str, Layer]) -> dict[str, str]:
    """The layers in whose place a container stands that holds them."""
    inside = _by_container(new)
    found = {}
    for key in old:
        alike = [] if key in new else [each for each in inside.get(key, ()) if _kind(new[each]) == _kind(old[key])]
        if len(alike) == 1:
            found[key] = alike[0]
    return found


def _under_another_name(
    old: Mapping[str, Layer], new: Mapping[str, Layer], same: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    """The layers of a numbered container that is gone and those of a new one with the same kinds in one order."""
    taken = set(same.values())
    free = {root: keys for root, keys in _by_container(new).items() if len(keys) > 1 and taken.isdisjoint(keys)}
    for root, keys in _by_container(old).items():
        types = [old[key].type for key in keys]
        alike = (
            []
            if any(key in same for key in keys)
            else [name for name, others in free.items() if [new[key].type for key in others] == types]
        )
        if alike:
            best = max(alike, key=lambda name: (_equal(keys, free[name], old, new), _likeness(root, name)))
            yield from zip(keys, free.pop(best), strict=True)


def _equal(before: Sequence[str], after: Sequence[str], old: Mapping[str, Layer], new: Mapping[str, Layer]) -> int:
    return sum(old[a] == new[b] for a, b in zip(before, after, strict=True))


def _likeness(a: str, b: str) -> float:
    return SequenceMatcher(None, a, b).ratio()


def _taken_apart(
    left: Sequence[str], free: Sequence[str], old: Mapping[str, Layer], new: Mapping[str, Layer]
) -> Iterator[tuple[str, str]]:
    """Of a container whose layers are attributes now, or the other way round, each layer and its equal.

    All that have parameters must have one: a layer alone that equals another is no sign that it moved.
    """
    groups = [*_by_container(left).values(), *_by_container(free).values()]
    before, after = list(left), list(free)
    for group in groups:
        forward = group[0] in left
        sources, targets, of, among = (before, after, old, new) if forward else (after, before, new, old)
        pairs: list[tuple[str, str]] = []
        for key in (each for each in group if each in sources):
            twin = next((each for each in targets if among[each] == of[key] and each not in dict(pairs).values()), None)
            if twin is not None:
                pairs.append((key, twin))
            elif of[key].parameters:
                pairs.clear()
                break
        if sum(bool(of[key].parameters) for key, _ in pairs) > 1:
            for key, twin in pairs:
                sources.remove(key)
                targets.remove(twin)
                yield (key, twin) if forward else (twin, key)


def _by_container(layers: Iterable[str]) -> dict[str, list[str]]:
    """The keys of numbered layers in the order in which they are counted, by the outermost container of numbers."""
    found: dict[str, list[str]] = {}
    for key in sorted(filter(_numbered, layers), key=natural):
        found.setdefault(_container(key), []).append(key)
    return found


def _container(key: str) -> str:
    """What holds a layer: the part of the model, where it is counted through in that."""
    parts = key.partition("@")[0].split(".")
    if not parts[-1].isdigit():
        return _parent(key)
    while parts and parts[-1].isdigit():
        parts.pop()
    return ".".join(parts)


def _aligned(
    before: Sequence[str], after: Sequence[str], old: Mapping[str, Layer], new: Mapping[str, Layer]
) -> dict[str, str]:
    """The layers of one numbered container in order: inserted and dropped ones shift the rest."""
    found: dict[str, str] = {}
    kinds = [_kind(old[key]) for key in before], [_kind(new[key]) for key in after]
    for tag, i, i_end, j, j_end in SequenceMatcher(None, *kinds, autojunk=False).get_opcodes():
        if tag == "equal" or (tag == "replace" and i_end - i == j_end - j):
            found.update(zip(before[i:i_end], after[j:j_end], strict=True))
        elif tag == "replace":
            types = [old[key].type for key in before[i:i_end]], [new[key].type for key in after[j:j_end]]
            for block in SequenceMatcher(None, *types, autojunk=False).get_matching_blocks():
                for step in range(block.size):
                    found[before[i + block.a + step]] = after[j + block.b + step]
    return found


def _kind(layer: Layer) -> tuple[str, tuple[tuple[str, str], ...]]:
    return layer.type, layer.parameters


def _exactly(a: Layer, b: Layer) -> bool:
    return a == b


def _in_kind(a: Layer, b: Layer) -> bool:
    return _kind(a) == _kind(b) and bool(a.parameters)


def _leaf_alike(a: str, b: str) -> bool:
    """Layers with one name that moved, or with one place that were renamed; anything else is another layer."""
    return a.rpartition(".")[2] == b.rpartition(".")[2] or _parent(a) == _parent(b) or a.count(".") == b.count(".")


def _complete(key: str, old: Mapping[str, Layer], new: Mapping[str, Layer]) -> bool:
    """Whether the numbered container of `key` has the same keys, and types, in both."""
    parent = _parent(key)
    before, after = _children(parent, old), _children(parent, new)
    return before == after and all(old[each].type == new[each].type for each in before)


def _children(parent: str, layers: Mapping[str, Layer]) -> list[str]:
    return sorted((key for key in layers if _parent(key) == parent and _numbered(key)), key=natural)


def _parent(key: str) -> str:
    return key.rpartition(".")[0]


def _numbered(key: str) -> bool:
    return key.rpartition(".")[2].partition("@")[0].isdigit()
