"""Which layer of the one lock is which of the other: by key, and where keys differ by what the layers are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    same = {key: key for key in old if key in new and (not _numbered(key) or _complete(key, old, new))}
    for parent in sorted({_parent(key) for key in old if key not in same and _numbered(key)}):
        same.update(_aligned(_children(parent, old), _children(parent, new), old, new))
    left = [key for key in old if key not in same]
    free = [key for key in new if key not in set(same.values())]
    for likeness in (_exactly, _in_kind):
        for key in list(left):
            alike = [each for each in free if likeness(old[key], new[each]) and _leaf_alike(key, each)]
            if alike:
                best = max(alike, key=lambda each, key=key: SequenceMatcher(None, key, each).ratio())  # type: ignore[misc]  # mypy cannot type the default
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
    return Pairing(same, left, free)


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
