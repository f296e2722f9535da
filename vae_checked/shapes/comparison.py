"""What differs between two locks, as facts; `messages.py` says them."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from vae_checked.shapes.arrangement import arrangement, in_order_of, sources, without_sources
from vae_checked.shapes.fold import fold, natural
from vae_checked.shapes.lock import FACTS, LockedModel
from vae_checked.shapes.pairing import Layer, Pairing, layers_of, pair, regroupings, renames

_TENSOR = re.compile(r"(\w+)\[([^\]]*)\]")


class What(StrEnum):
    """The kinds of difference."""

    MISSING = "missing"
    UNUSED = "unused"
    CHANGED = "changed"
    ADDED = "added"
    REMOVED = "removed"
    RENAMED = "renamed"
    REGROUPED = "regrouped"
    DTYPE = "dtype"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference: in which model, in which table (`facts` for what is said of the whole), at which key.

    `was` and `now` are the lock's own texts, empty where there is none. `parameters` are (name, was, now). `follows`
    are the keys of layers that changed only because what they take did. `covers` are keys of a renamed or regrouped
    module's layers that are otherwise as they were. `sources` are (what, was, now) of a tensor that another layer gives
    than before: `output 2`, `fc_mu`, `fc_logvar`. Of a model that could not be built or probed `now` says why.
    """

    model: str
    what: What
    table: str = ""
    key: str = ""
    was: str = ""
    now: str = ""
    parameters: tuple[tuple[str, str, str], ...] = ()
    follows: tuple[str, ...] = ()
    covers: tuple[str, ...] = ()
    sources: tuple[tuple[str, str, str], ...] = ()

    @property
    def rearranged(self) -> bool:
        """Whether a stage returns its tensors in something else, or under other names."""
        return self.table == "stages" and bool(self.was and self.now) and _rearranged(self.was, self.now)


def compare(old: Mapping[str, LockedModel], new: Mapping[str, LockedModel]) -> tuple[Difference, ...]:
    """Every difference, model by model: entries that `old` lacks are missing, those that `new` lacks unused."""
    found: list[Difference] = []
    for name in sorted({*old, *new}, key=natural):
        if name not in old:
            found.append(Difference(name, What.MISSING))
        elif name not in new:
            found.append(Difference(name, What.UNUSED))
        else:
            found += compare_models(name, old[name], new[name])
    return tuple(found)


def compare_models(name: str, old: LockedModel, new: LockedModel) -> Iterator[Difference]:
    """The differences of one model: what is said of the whole first, then stages, layers, parameters and buffers."""
    cast = _cast(old, new)
    if cast:
        yield Difference(name, What.DTYPE, "facts", "dtype", *cast)
        return
    for key in FACTS:
        was, now = old.facts.get(key, ""), new.facts.get(key, "")
        if was != now:
            yield Difference(name, What.CHANGED, "facts", key, was, now)
    before, after = layers_of(old.layers, old.parameters), layers_of(new.layers, new.parameters)
    pairing = pair(before, after)
    stages = list(_stages(name, old, new, pairing.same))
    stages = [each for each in stages if not _told_by_layers(each, before, after, pairing.same)]
    yield from _explained(stages, *_layers(name, before, after, pairing))
    owners = {key.partition("@")[0] for key in (*before, *after)}
    moved = {a.partition("@")[0]: b.partition("@")[0] for a, b in pairing.same.items()}
    for table in ("parameters", "buffers"):
        yield from _tensors(name, table, old.table(table), new.table(table), owners, moved)


def _stages(name: str, locked: LockedModel, now: LockedModel, layers: Mapping[str, str]) -> Iterator[Difference]:
    old, new = locked.stages, now.stages
    removed, added = [key for key in old if key not in new], [key for key in new if key not in old]
    moved = {**{key: key for key in old if key in new}, **layers}
    for key in list(removed):
        twin = next((each for each in added if without_sources(new[each]) == without_sources(old[key])), None)
        if twin:
            yield Difference(name, What.RENAMED, "stages", key, key, twin)
            removed.remove(key)
            added.remove(twin)
            moved[key] = twin
    for key in old:
        if key in new and old[key] != new[key]:
            ordered = in_order_of(old[key], new[key])
            resourced = tuple(_resourced(old[key], ordered, moved, now.layers))
            found = Difference(name, What.CHANGED, "stages", key, old[key], ordered, sources=resourced)
            if resourced or found.rearranged or _shapes(old[key]) != _shapes(ordered):
                yield found
    for key in removed:
        yield Difference(name, What.REMOVED, "stages", key, old[key])
    for key in added:
        yield Difference(name, What.ADDED, "stages", key, now=new[key])


def _resourced(was: str, now: str, moved: Mapping[str, str], layers: Container[str]) -> Iterator[tuple[str, str, str]]:
    """Which tensors come from elsewhere than before, where the lock and the model say from where.

    What a layer gave and a stage gives, or the other way round, may be the same with one step more: that is said where
    the same tensors are there in another order.
    """
    for side, part in (("input", 0), ("output", 2)):
        written = sources(was.partition(" -> ")[part])
        before, after = [_moved(each, moved) for each in written], sources(now.partition(" -> ")[part])
        if len(before) != len(after):
            continue
        reordered = sorted(before) == sorted(after)
        names = arrangement(was).names if side == "output" else ()
        for place, (old, a, b) in enumerate(zip(written, before, after, strict=True), 1):
            alike = (_layer(a) in layers) == (_layer(b) in layers)
            if a and b and a != b and (alike or reordered):
                name = names[place - 1] if names else ""
                yield f"{side} {name or place}", old, b


def _moved(source: str, moved: Mapping[str, str]) -> str:
    """A source by its name in the other lock; empty where that has it not."""
    name = _layer(source)
    return source if source.startswith("input ") else source.replace(name, moved[name], 1) if name in moved else ""


def _layer(source: str) -> str:
    return source.partition(" part ")[0]


def _rearranged(was: str, now: str) -> bool:
    before, after = arrangement(was), arrangement(now)
    if not before.kind or not after.kind:
        return False
    if before.kind != after.kind:
        return True
    # What came or went is known by its shape.
    return len(before.names) == len(after.names) and before.names != after.names


def _shapes(text: str) -> tuple[object, ...]:
    """The type of a part of the model, and the shapes of what it takes and gives."""
    return text.partition("(")[0], takes(text), gives(text)


def _explained(
    stages: list[Difference], renamed: list[Difference], origins: list[Difference], follows: list[Difference]
) -> list[Difference]:
    """Stages and layers with what follows from something else left out: a stage's shapes follow from its layers'."""
    others = [each for each in stages if each.what is not What.CHANGED]
    rearranged = [each for each in stages if each.rearranged]
    swapped = [each for each in stages if each.sources and not each.rearranged]
    changed = [each for each in stages if each not in (*others, *rearranged, *swapped)]
    if not origins:
        # Nothing began it among the layers: what happens between them changed.
        inner = [each for each in changed if each.key != "forward"] or changed
        origins = [each for each in inner if takes(each.was) == takes(each.now)] or follows[:1] or inner[:1]
    keys = tuple(each.key for each in (*follows, *changed) if each not in origins)
    if origins and keys:
        origins = [*origins[:-1], replace(origins[-1], follows=keys)]
    return [*others, *renamed, *rearranged, *_first_of(swapped), *origins]


def _first_of(swapped: Sequence[Difference]) -> list[Difference]:
    """Where tensors were swapped, with the stages that they went on to."""
    inner = [each for each in swapped if all(what.startswith("output") for what, _, _ in each.sources)]
    first = next((each for each in inner if each.key != "forward"), None) or next(iter([*inner, *swapped]), None)
    if first is None:
        return []
    return [replace(first, follows=tuple(each.key for each in swapped if each is not first))]


def _told_by_layers(each: Difference, old: Iterable[str], new: Iterable[str], same: Mapping[str, str]) -> bool:
    """Whether a part of the model that came, went or was renamed is one whose layers all stand in both locks."""
    if each.what is What.CHANGED:
        return False
    added = each.what is What.ADDED
    below = [key for key in (new if added else old) if key.startswith(f"{each.key}.")]
    return bool(below) and set(same.values() if added else same).issuperset(below)


def _layers(
    name: str, old: Mapping[str, Layer], new: Mapping[str, Layer], pairing: Pairing
) -> tuple[list[Difference], list[Difference], list[Difference]]:
    """The layers that were renamed, those with which something begins, and those that follow from what they take."""
    same, removed, added = pairing
    regrouped = regroupings(same)
    elsewhere = {key for keys in regrouped for key in keys}
    renamed = [
        Difference(name, What.RENAMED, "layers", before, before, after, covers=_unchanged(keys, old, new, same))
        for (before, after), keys in renames({a: b for a, b in same.items() if a not in elsewhere}).items()
    ]
    for keys in regrouped:
        was, now = _folded(keys), _folded([same[key] for key in keys])
        renamed.append(
            Difference(name, What.REGROUPED, "layers", was, was, now, covers=_unchanged(keys, old, new, same))
        )
    origins = [Difference(name, What.REMOVED, "layers", key, old[key].text) for key in removed]
    origins += [Difference(name, What.ADDED, "layers", key, now=new[key].text) for key in added]
    follows: list[Difference] = []
    for before, after in same.items():
        a, b = old[before], new[after]
        if a != b:
            found = Difference(name, What.CHANGED, "layers", after, a.text, b.text, changed_parameters(a, b))
            explained = a.type == b.type and takes(a.text) != takes(b.text) and _follows(a, b)
            (follows if explained else origins).append(found)
    return renamed, origins, follows


def _folded(keys: Iterable[str]) -> str:
    return ", ".join(fold(dict.fromkeys(keys, "")))


def _unchanged(
    keys: list[str], old: Mapping[str, Layer], new: Mapping[str, Layer], same: Mapping[str, str]
) -> tuple[str, ...]:
    return tuple(key for key in keys if old[key] == new[same[key]])


def _follows(a: Layer, b: Layer) -> bool:
    """Whether what a layer takes explains its change: its own kernel and its outgoing size are the same."""
    if not a.parameters:
        return True
    for name, was, now in changed_parameters(a, b):
        before, after = _sizes(was), _sizes(now)
        if len(before) != len(after) or name == "bias":
            return False
        if len(before) >= 2 and (before[2:] != after[2:] or (before[0] != after[0] and before[1] != after[1])):
            return False
        if len(before) >= 2 and _outgoing(a, before) != _outgoing(b, after):
            return False
    return True


def _outgoing(layer: Layer, sizes: tuple[str, ...]) -> str:
    """The outgoing channels in the shape of a weight; torch keeps them second where a convolution is transposed."""
    return sizes[1] if layer.type.startswith("ConvTranspose") else sizes[0]


def changed_parameters(a: Layer, b: Layer) -> tuple[tuple[str, str, str], ...]:
    """(name, was, now) of every parameter that differs, empty for one that is not there."""
    before, after = dict(a.parameters), dict(b.parameters)
    names = sorted({*before, *after})
    return tuple((n, before.get(n, ""), after.get(n, "")) for n in names if before.get(n) != after.get(n))


def _tensors(
    name: str,
    table: str,
    old: Mapping[str, str],
    new: Mapping[str, str],
    owners: set[str],
    moved: Mapping[str, str],
) -> Iterator[Difference]:
    """Parameters and buffers that belong to no layer which ran, and so were not compared with one."""

    def mine(entries: Mapping[str, str], names: Mapping[str, str]) -> dict[str, str]:
        found = {}
        for key, value in entries.items():
            owner, _, last = key.rpartition(".")
            if table == "buffers" or owner not in owners:
                found[f"{names.get(owner, owner)}.{last}".lstrip(".")] = value
        return found

    before, after = mine(old, moved), mine(new, {})
    for key in sorted({*before, *after}, key=natural):
        was, now = before.get(key, ""), after.get(key, "")
        owner = key.rpartition(".")[0]
        if was != now and not (table == "buffers" and owner in owners):
            what = What.CHANGED if was and now else What.ADDED if now else What.REMOVED
            yield Difference(name, what, table, key, was, now)


def _cast(old: LockedModel, new: LockedModel) -> tuple[str, str] | None:
    """(was, now) when every difference is that one dtype is another."""
    for was, now in _casts(old.parameters, new.parameters):

        def same(a: Mapping[str, str], b: Mapping[str, str], was: str = was, now: str = now) -> bool:
            return {key: value.replace(f"{was}[", f"{now}[") for key, value in a.items()} == {
                key: value.replace(f"{was}[", f"{now}[") for key, value in b.items()
            }

        if old.facts == new.facts and all(
            same(old.table(table), new.table(table)) for table in ("stages", "layers", "parameters", "buffers")
        ):
            return was, now
    return None


def _casts(old: Mapping[str, str], new: Mapping[str, str]) -> set[tuple[str, str]]:
    pairs = {(old[key].partition("[")[0], new[key].partition("[")[0]) for key in old if key in new}
    changed = {each for each in pairs if each[0] != each[1]}
    return changed if len(changed) == 1 and len(pairs) == 1 else set()


# ------------------------------------------------------------------------------------------- texts taken apart


def tensors(text: str) -> list[tuple[str, tuple[str, ...]]]:
    """Every (dtype, axes) that is written in a part of a lock's line."""
    return [(dtype, tuple(axes.split())) for dtype, axes in _TENSOR.findall(text)]


def takes(text: str) -> list[tuple[str, tuple[str, ...]]]:
    """What a layer or stage takes."""
    return tensors(text.partition(" -> ")[0])


def gives(text: str) -> list[tuple[str, tuple[str, ...]]]:
    """What a layer or stage gives."""
    return tensors(text.partition(" -> ")[2])


def _sizes(text: str) -> tuple[str, ...]:
    found = tensors(text)
    return found[0][1] if found else ()
