"""Says a difference between locks: where, what was, what is, and what of it follows from what."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher

from vae_checked.shapes.arrangement import arrangement
from vae_checked.shapes.comparison import Difference, What, gives, takes, tensors
from vae_checked.shapes.departure import Departure, Leaves, UnacceptedError, departure
from vae_checked.shapes.formula import NO_FORMULA, evaluate, symbols_in
from vae_checked.shapes.lock import LockedModel
from vae_checked.shapes.model import RANK_VARIES
from vae_checked.text import counted

_AXES = {
    2: ("batch", "features"),
    3: ("batch", "channels", "length"),
    4: ("batch", "channels", "height", "width"),
    5: ("batch", "channels", "depth", "height", "width"),
}
_MANY = 6
Tensor = tuple[str, tuple[str, ...]]
_FAR = 2**20


def message_of(each: Difference) -> str:
    """The difference in one line, without the model's name."""
    match each.what:
        case What.MISSING:
            return "is not in the lock: run vae-checked shapes lock"
        case What.UNUSED:
            return "is in the lock and no model of that name is checked: run vae-checked shapes lock"
        case What.FAILED:
            return f"cannot be probed: {each.now}"
        case What.DTYPE:
            return f"dtype was {each.was}, is {each.now}, in every entry"
        case What.RENAMED:
            of = f" ({_unchanged(each)})" if len(each.covers) > 1 else ""
            return f"{each.key}: renamed, is {each.now}{of}"
        case What.REGROUPED:
            one = "," not in each.now
            return f"{_few(each.was)}: regrouped, {'is' if one else 'are'} {_few(each.now)} ({_unchanged(each)})"
        case What.ADDED:
            return f"{each.key}: added{_kind(each)}: {each.now}"
        case What.REMOVED:
            return f"{each.key}: removed{_kind(each)}: was {each.was}"
        case What.CHANGED:
            return _changed(each)


def unaccepted(error: UnacceptedError, locked: LockedModel | None) -> tuple[str, str]:
    """Why a model takes no input, with the layer where it leaves the lock, and the key of that layer if it does."""
    found = None if locked is None else departure(error, locked)
    return (str(error), "") if found is None else (f"{_departure(found)}; {error}", found.key)


def _unchanged(each: Difference) -> str:
    return f"{counted(len(each.covers), 'layer')}, shapes unchanged"


def _few(names: str) -> str:
    """A list of names, cut short."""
    found = names.split(", ")
    return f"{', '.join(found[:_MANY])} and {len(found) - _MANY} more" if len(found) > _MANY else names


def _departure(found: Departure) -> str:
    """Where a model that raises leaves the lock, in one sentence."""
    at = " ".join(f"{name}={size}" for name, size in found.sizes.items())
    match found.what:
        case Leaves.NEW:
            return f"it begins at {found.key}, which the lock has not: it takes {found.now} (at {at})"
        case Leaves.PARAMETERS:
            return f"it begins at {found.key}: the lock has {found.was}, now {found.now}"
        case Leaves.ITSELF:
            return f"up to {found.key} all that is passed is as locked (at {at})"
        case side:
            verb = "takes" if side is Leaves.INPUT else "gives"
            return f"it begins at {found.key}: it {verb} {found.now}, the lock says {found.was} (at {at})"


def followers(each: Difference) -> str:
    """The layers that changed with it, a few by name; empty when there are none."""
    if not each.follows:
        return ""
    named = ", ".join(each.follows[:_MANY])
    more = f" and {len(each.follows) - _MANY} more" if len(each.follows) > _MANY else ""
    one = len(each.follows) == 1
    return f"{len(each.follows)} other{'' if one else 's'} change{'s' if one else ''} with it: {named}{more}"


def _kind(each: Difference) -> str:
    return "" if each.table == "layers" else f" ({each.table.removesuffix('s')})"


def _changed(each: Difference) -> str:
    if each.table == "facts":
        return _fact(each)
    if each.table in ("parameters", "buffers"):
        return f"{each.key}: {each.table.removesuffix('s')} was {each.was}, is {each.now}"
    if "->" not in each.was:
        return f"{each.key}: was {each.was}, is {each.now}"
    said = [
        *_type(each),
        *_parameters(each),
        *_side(each, "input", takes),
        *_side(each, "output", gives),
        *_cause(each),
        *_arrangement(each),
        *_swapped(each),
    ]
    return f"{each.key}: {'; '.join(said) or f'was {each.was}, is {each.now}'}"


def _arrangement(each: Difference) -> Iterator[str]:
    """In what a stage returns its tensors, where that or their names are others."""
    if not each.rearranged:
        return
    before, after = arrangement(each.was), arrangement(each.now)
    if before.kind == after.kind:
        yield f"output was named {', '.join(before.names)}, is named {', '.join(after.names)}"
        return
    named = f" of {', '.join(after.names)}" if any(after.names) else ""
    yield f"output was {before.kind}, is {after.kind}{named}"


def _swapped(each: Difference) -> Iterator[str]:
    """Which tensors of one shape are those of other layers."""
    for side in ("input", "output"):
        of_side = [found for found in each.sources if found[0].startswith(side)]
        if len(of_side) > 1:
            places = " and ".join(what.removeprefix(f"{side} ") for what, _, _ in of_side)
            was, now = (" and ".join(found[place] for found in of_side) for place in (1, 2))
            yield f"{side}s {places} swapped: were those of {was}, are those of {now}"
        else:
            yield from (f"{what} was that of {was}, is that of {now}" for what, was, now in of_side)


def _fact(each: Difference) -> str:
    if each.key == "latent":
        before, after = each.was.split(), each.now.split()
        moved = [(a, b) for a, b in zip(before, after, strict=False) if a != b]
        if len(before) == len(after) and len(moved) == 1:
            return f"latent {moved[0][0]} -> {moved[0][1]} (posterior, decoder input)"
    name = {"constraint": "the reconstruction has the input's shape", "smallest": "smallest accepted size"}.get(
        each.key
    )
    if name and each.key == "constraint":
        return f"constraint ({name}): was {each.was}, is {each.now}"
    return f"{name or each.key}: was {each.was or 'not known'}, is {each.now or 'not known'}"


def _type(each: Difference) -> Iterator[str]:
    before, after = each.was.partition(" (")[0], each.now.partition(" (")[0]
    if before != after and each.table == "layers":
        yield f"type was {before}, is {after}"


def _parameters(each: Difference) -> Iterator[str]:
    kind = each.now.partition(" (")[0]
    what = "channels" if "Conv" in kind else "features" if "Linear" in kind else ""
    transposed = "ConvTranspose" in kind
    for name, was, now in each.parameters:
        before, after = _shape(was), _shape(now)
        if not was or not now:
            yield f"{name} {'added' if now else 'removed'} ({now or was})"
        elif was.partition("[")[0] != now.partition("[")[0]:
            yield f"{name} dtype was {was.partition('[')[0]}, is {now.partition('[')[0]}"
        elif name == "weight" and what and len(before) == len(after) >= 2:
            out, into = (1, 0) if transposed else (0, 1)
            if before[2:] != after[2:]:
                yield f"kernel {'x'.join(before[2:])} -> {'x'.join(after[2:])}"
            if before[out] != after[out]:
                yield f"{what} out {before[out]} -> {after[out]}"
            if before[into] != after[into]:
                yield f"{what} in {before[into]} -> {after[into]}"
        elif name != "bias" or not any(each_name == "weight" for each_name, _, _ in each.parameters):
            yield f"{name} was {' '.join(before)}, is {' '.join(after)}"


def _side(each: Difference, side: str, part: object) -> Iterator[str]:
    read = takes if part is takes else gives
    before, after = read(each.was), read(each.now)
    if len(before) != len(after):
        yield _more_or_fewer(side, before, after)
        return
    for position, ((was_type, was), (now_type, now)) in enumerate(zip(before, after, strict=True)):
        which = f"{side} {position + 1}" if len(before) > 1 else side
        if was_type != now_type:
            yield f"{which} dtype was {was_type}, is {now_type}"
        if was == now:
            continue
        if len(was) != len(now) or RANK_VARIES in (was, now):
            yield f"{which} was {_axes(was)}, is {_axes(now)}"
        elif sorted(was) == sorted(now):
            yield f"{which} axes permuted: was {_axes(was)}, is {_axes(now)}"
        else:
            for axis, (a, b) in enumerate(zip(was, now, strict=True)):
                if a != b:
                    name = _AXES[len(was)][axis] if len(was) in _AXES else f"axis {axis}"
                    yield f"{which} {name} was {a}, is {b}"


def _more_or_fewer(side: str, before: Sequence[Tensor], after: Sequence[Tensor]) -> str:
    """Which tensors came or went, where all others are as they were; else all of both."""
    longer, shorter, verb = (after, before, "added") if len(after) > len(before) else (before, after, "removed")
    codes = SequenceMatcher(None, longer, shorter, autojunk=False).get_opcodes()
    if any(tag not in ("equal", "delete") for tag, *_ in codes) or not shorter:
        return f"{side} was {_listed(before)}, is {_listed(after)}"
    places = [place for tag, start, end, *_ in codes if tag == "delete" for place in range(start, end)]
    return ", ".join(f"{side} {place + 1} {verb} ({_listed([longer[place]])})" for place in places)


def _cause(each: Difference) -> Iterator[str]:
    """What of a convolution or pooling with the same weights can have changed the size that it gives."""
    type_name = each.now.partition(" (")[0]
    if each.table != "layers" or each.parameters or not ("Conv" in type_name or "Pool" in type_name):
        return
    if takes(each.was) != takes(each.now):
        return
    for (_, was), (_, now) in zip(gives(each.was), gives(each.now), strict=False):
        for a, b in zip(was, now, strict=False):
            # Two numbers do not say which: a stride and a padding can make the same of one size.
            if a != b and NO_FORMULA not in (a, b) and symbols_in(a) and symbols_in(b):
                yield "its stride" if _slope(a) != _slope(b) else "its padding, output padding or dilation"
                return


def _slope(formula: str) -> float:
    letters = symbols_in(formula)
    if not letters:
        return float(evaluate(formula, {}))
    far = evaluate(formula, dict.fromkeys(letters, _FAR))
    return round(far / _FAR, 3)


def _shape(text: str) -> tuple[str, ...]:
    found = tensors(text)
    return found[0][1] if found else ()


def _axes(axes: Sequence[str]) -> str:
    if axes == RANK_VARIES:
        return "of more axes at some sizes than at others"
    return f"[{' '.join(axes)}]"


def _listed(found: Sequence[Tensor]) -> str:
    return ", ".join(f"{dtype}{_axes(axes)}" for dtype, axes in found) or "nothing"
