"""The parts of a value: iterating, unpacking, indexing, and writing into it."""

from __future__ import annotations

from collections.abc import Sequence

from vae_checked.linter.interpreter import derived_containers, filled, operators, put_in, selection, texts
from vae_checked.linter.interpreter.context import UNREAD, Context, Result
from vae_checked.linter.interpreter.in_place import is_whole
from vae_checked.linter.interpreter.kinds import holds_kinds
from vae_checked.linter.symbols.constants import MAX_ITEMS, exactly_whole, whole
from vae_checked.linter.symbols.expression import REDUCTIONS, Attrs, Expr, Site, atom, const, opaque, walk
from vae_checked.linter.symbols.given import is_data
from vae_checked.linter.symbols.index_keys import index_key
from vae_checked.linter.symbols.places import Grown, MoreItems, Places, is_unknown_item, unknown_item
from vae_checked.linter.symbols.record_fields import tuple_fields
from vae_checked.linter.symbols.registered import is_learned
from vae_checked.linter.symbols.several_lengths import at, of_length
from vae_checked.linter.symbols.turns import is_of_any_turn
from vae_checked.linter.symbols.unknown_keys import UnknownKey, key_of, stands_for, written
from vae_checked.linter.symbols.values import (
    AnyOf,
    Class,
    Defaults,
    External,
    Function,
    Instance,
    Key,
    Loader,
    Method,
    Module,
    Transform,
    Value,
    as_expr,
    is_number,
    number_of,
)
from vae_checked.linter.symbols.values import Sequence as Layers
from vae_checked.linter.torch_model import data_choices, diagonals, fields, pieces
from vae_checked.linter.torch_model.nans import asks_for_nan, without_nan

# So many sizes of a slice are written out.
_MOST_AXES = 8


def items(context: Context, value: Value, site: Site) -> list[Value]:
    """What iterating over a value yields; one unknown item where that is not known."""
    context.charge(value)
    if isinstance(value, Places):
        return value.from_place(0)
    if isinstance(value, (list, tuple)):
        return list(value)
    if isinstance(value, dict):
        return written(value)
    if isinstance(value, Layers):
        return written(value.items) if value.by_name else list(value.items.values())
    if isinstance(value, str):
        return list(value[:64])
    if isinstance(value, Loader):
        return [batch(context, value)]
    if isinstance(value, Instance):
        fields = tuple_fields(value)
        if fields is not None:
            return fields
        container = derived_containers.held(value)
        if container is not None:
            return items(context, container, site)
        made = value.cls.find("__iter__")
        yielded = context.invoke(made.bound_to(value), [], {}, site) if isinstance(made, Function) else None
        if isinstance(yielded, Grown):
            return list(yielded)
        found = value.cls.find("__getitem__")
        if isinstance(found, Function):
            return [context.invoke(found.bound_to(value), [atom("index", site)], {}, site)]
    return [unknown_item(value, site)]


def any_item(found: list[Value], site: Site) -> Value:
    """One stand-in for many items."""
    return atom("loop", site, site.place.line) if is_number(found[0]) else found[0]


def batch(context: Context, loader: Loader) -> Expr:
    """One batch of a loader: its first item carries the data's interval."""
    interval = loader.interval
    ends = None if interval is None else (interval.low, interval.high, interval.low_open, interval.high_open)
    attrs: Attrs = (("loader", id(loader)), ("interval", ends), ("own", loader.own), ("batched", loader.batched))
    if loader.batched and loader.rows is not None:
        attrs = (*attrs, ("rows", loader.rows), ("is_told_rows", loader.is_told_rows))
    if loader.shuffled:
        attrs = (*attrs, ("shuffled", True))
    if loader.centred:
        attrs = (*attrs, ("centred", True))
    return Expr("batch", (), (*attrs, ("fields", loader.fields)) if loader.fields else attrs, loader.site)


def unpack(context: Context, value: Value, count: int, site: Site, starred: int | None = None) -> list[Value]:
    """The `count` parts of a value that is unpacked."""
    context.charge(value)
    known: list[Value] | None = None
    if isinstance(value, (tuple, list)):
        known = list(of_length(value, count) if starred is None else value)
    elif isinstance(value, Instance):
        known = tuple_fields(value)
    elif isinstance(value, (Layers, dict)):
        known = items(context, value, site)
    if known is not None:
        if starred is not None and len(known) >= count - 1:
            rest = len(known) - count + 1
            return [*known[:starred], known[starred : starred + rest], *known[starred + rest :]]
        if len(known) == count:
            return known
        is_whole = not any(isinstance(each, Expr) and each.op == "spread" for each in known)
        if isinstance(value, tuple) and is_whole:
            context.observations.misfits.add(site.place)
        if isinstance(value, tuple) and len(known) < count and is_whole:
            # Something else is meant: nothing stands in for what a tuple lacks.
            return [opaque("beyond", (const(index),), site) for index in range(count)]
    return [item(context, value, index, site, one_of=count) for index in range(count)]


def item(context: Context, value: Value, index: Value, site: Site, one_of: int = 1) -> Expr:
    """One part of something whose parts are not known, `one_of` so many that it is unpacked into."""
    expr = as_expr(value, site)
    if expr.op == "const" or (index == 0 and expr.get("packed")):
        return expr
    if expr.op == "shape" and isinstance(index, int):
        return Expr("size", expr.args, (("axis", _axis(expr, index)),), site)
    if expr.op == "batch":
        known = fields.field(expr, index)
        if known is not None:
            return known
        if index == 0 or index in ("image", "images", "img", "data", "x", "input", "inputs", "pixel_values"):
            # What a data set of the project hands out may be a tensor alone, and its first part a row of the batch.
            may_be_row = index == 0 and one_of == 1 and expr.get("own")
            attrs = tuple(each for each in expr.attrs if each[0] != "batched" or not may_be_row)
            return Expr("data", (), attrs, expr.site)
        # What was done to the data was not done to their labels.
        attrs = tuple(each for each in expr.attrs if each[0] != "centred")
        return Expr("label", (), (*attrs, ("index", str(index))), site)
    if expr.op == "phi":
        condition, one, other = expr.args
        return Expr("phi", (condition, item(context, one, index, site), item(context, other, index, site)), (), site)
    if expr.op == "opaque" and expr.get("name") == "sequence" and isinstance(index, int):
        length = len(expr.args)
        if -length <= index < length:
            return expr.args[index]
    own = pieces.stacked(expr, 0) if expr.op == "stack" and isinstance(index, int) else None
    if own is not None and isinstance(index, int) and -len(own) <= index < len(own):
        return own[index]
    return Expr("item", (expr,), (("index", index if isinstance(index, (int, str)) else repr(index)),), site)


def _axis(shape: Expr, index: int) -> int | None:
    """The axis whose length an entry of a shape is, or of a slice of one; None where its ends are not known."""
    cut = dict(shape.attrs)
    if index < 0:
        return None if "to" in cut else index
    start = cut.get("from", 0)
    return int(start) + index if isinstance(start, (int, float)) else None


def spread(context: Context, value: Value, site: Site, target: Value = None) -> list[Value]:
    """The arguments that `*value` stands for, of a call of `target`.

    What is built may be given any number of options by one of whose items nobody knows how many there are.
    """
    if isinstance(value, (list, tuple, dict)) and len(value) >= MAX_ITEMS:
        return [Expr("spread", (opaque("long", (), site),), (), site)]
    if isinstance(value, MoreItems):
        return [*value[: value.known], Expr("spread", (value.source,), (), site)]
    if isinstance(value, (list, tuple, dict, Layers)):
        given = [*items(context, value, site)]
        builds = isinstance(target, Class) or (isinstance(target, (Function, Method)) and target.name == "__init__")
        if builds and given and isinstance(last := given[-1], Expr) and any(map(is_unknown_item, walk(last))):
            given[-1] = Expr("spread", (opaque("each", (last,), site),), (), site)
        return given
    if isinstance(value, Instance):
        fields = tuple_fields(value)
        if fields is not None:
            return fields
    return [Expr("spread", (as_expr(value, site),), (), site)]


def subscript(context: Context, owner: Value, key: Value, site: Site) -> Value:
    """owner[key]."""
    context.charge(owner)
    index = whole(number_of(key)) if not isinstance(key, (tuple, list)) else None
    if isinstance(key, Expr) and index is None and holds_kinds(owner) and is_of_any_turn(key):
        # Each turn picks another one, and the last decides what comes out.
        return unknown_item(owner, site)
    match owner:
        case Places() if isinstance(key, Expr) and index is None:
            return owner.at(key)
        case Places() if isinstance(key, slice):
            # Which places are left out is not known, but for the first.
            start = None if key.start is None else whole(number_of(key.start))
            return owner.from_place(0 if key.start is None else 1 if start is None else start)
        case list() | tuple():
            return _listed(context, owner, key, index, site)
        case dict():
            return _kept(context, owner, key, site)
        case Layers():
            return _layers_item(owner, key, index)
        case Instance():
            found = _held(context, owner, key, index, site)
            if found is not UNREAD:
                return found
        case Module() | AnyOf():
            return selection.entry(context, owner, key, site)
        case External() | Class():
            return owner
        case Loader() if not owner.batched and not isinstance(key, str):
            # What a data set has at a place is what a loop over it is handed.
            return batch(context, owner)
    return _tensor_item(context, as_expr(owner, site), key, index, site)


def _is_of_more(item: Expr) -> bool:
    """Whether an item of a list stands for several that are not the same: all arguments, all parameters of a model."""
    return item.op == "spread" or (item.op == "item" and item.args[0].op == "parameters")


def _listed(
    context: Context, owner: list[Value] | tuple[Value, ...], key: Value, index: int | None, site: Site
) -> Value:
    """An item or a slice of a list; its first item where it is not known which is asked for."""
    having = [] if index is None else at(owner, index)
    if index is not None and having and (len(having) == 1 or -len(owner) <= index < len(owner)):
        return having[0]
    if index is not None and (isinstance(owner, tuple) or _is_whole(owner)):
        return opaque("beyond", tuple(as_expr(each, site) for each in having), site)
    ends = _ends(key) if isinstance(key, slice) else None
    if ends is not None and ends != slice(None) and any(isinstance(each, Expr) and _is_of_more(each) for each in owner):
        some = opaque("slice", tuple(as_expr(each, site) for each in owner), site)
        return Grown([Expr("spread", (some,), (), site)])
    if ends is not None and (isinstance(owner, Grown) or any(map(_is_of_many, owner))):
        # How many items there are is not known, and so which of them a slice leaves.
        return Grown(owner[ends] or owner)
    if ends is not None:
        return owner[ends]
    if not owner:
        return opaque("empty", (), site)
    if all(isinstance(item, Transform) for item in owner):
        return data_choices.any_of(owner)
    if isinstance(key, Expr):
        # Another time it is another one: what becomes of those is not seen.
        context.observations.handed_on.update(each.uid for each in owner[1:] if isinstance(each, Expr))
        return filled.entry(owner, key, site) or items(context, owner, site)[0]
    return items(context, owner, site)[0]


def _is_whole(owner: list[Value]) -> bool:
    """Whether a list has what it has, as a tuple does: several different values, and none of them stands for more."""
    different = {item.uid for item in owner if isinstance(item, Expr) and not _is_of_more(item)}
    return len(different) == len(owner) > 1 and not isinstance(owner, Grown) and not any(map(_is_of_many, owner))


def _is_of_many(item: Value) -> bool:
    """Whether an item stands for all of a list: that of a value that is not known, or of a range to such a number."""
    return is_counted(item) or is_unknown_item(item)


def is_counted(item: Value) -> bool:
    """Whether an item stands for all numbers of a range to one that is not known."""
    return isinstance(item, Expr) and item.op == "atom" and item.get("name") == "index"


def _ends(key: slice) -> slice | None:
    """A slice by whole numbers, in which an end that is not known is none; None where a list takes no such slice."""
    ends: list[int | None] = []
    for part in (key.start, key.stop, key.step):
        number = None if part is None else number_of(part)
        ends.append(exactly_whole(number))
        if number is not None and ends[-1] is None:
            return None
    return None if ends[2] == 0 else slice(*ends)


def _kept(context: Context, owner: dict[Key, Value], key: Value, site: Site) -> Value:
    """What a dict has for a key, or may have for one that is not known."""
    own = key_of(key)
    if own is not None and own in owner:
        return owner[own]
    if isinstance(owner, Defaults) and own is not None:
        owner[own] = made = context.call(owner.factory, [], {}, site)
        return made
    if isinstance(key, Expr) and len(owner) == 1:
        only = next(iter(owner.values()))
        if isinstance(only, (Class, Function, Instance)) or stands_for(owner, key) is not None:
            return only
    written = selection.by_settings(context, owner, key) if isinstance(key, Expr) else None
    either = operators.chosen(owner, key, site) if written is None else written
    if either is None and isinstance(key, Expr):
        named = {name: value for name, value in owner.items() if isinstance(name, str)}
        either = selection.among(context, named, key) or selection.of_entries(owner.values())
    if either is not None:
        return either
    unnamed = [value for name, value in owner.items() if isinstance(name, UnknownKey)]
    if isinstance(own, (int, float)) and unnamed and isinstance(unnamed[-1], Expr):
        # It may be what was kept last under a key that is not known, and is not what another key is asked for.
        return Expr("item", (unnamed[-1],), (("index", own),), site)
    return atom(f"[{key!r}]" if isinstance(key, str) else "item", site, id(owner))


def _held(context: Context, owner: Instance, key: Value, index: int | None, site: Site) -> Result:
    """What an object of the project has for a key: an item of a NamedTuple, an attribute, or what it computes."""
    fields = tuple_fields(owner)
    if fields is not None and index is not None and -len(fields) <= index < len(fields):
        return fields[index]
    if isinstance(key, str) and key in owner.attributes:
        return owner.attributes[key]
    container = derived_containers.held(owner)
    if container is not None:
        return _layers_item(container, key, index)
    found = owner.cls.find("__getitem__")
    return context.invoke(found.bound_to(owner), [key], {}, site) if isinstance(found, Function) else UNREAD


def _layers_item(owner: Layers, key: Value, index: int | None) -> Value:
    values = list(owner.items.values())
    own = key_of(key) if isinstance(key, (str, Expr)) else None
    if isinstance(own, str) and own in owner.items:
        return owner.items[own]
    if index is not None and values and -len(values) <= index < len(values):
        return values[index]
    if isinstance(key, slice) and all(part is None or isinstance(part, int) for part in (key.start, key.stop)):
        ends = _ends(key)
        if ends is not None:
            return Layers(dict(list(owner.items.items())[ends]), owner.callable)
    if isinstance(key, Expr):
        # Of several that a name may stand for the first, as of every other container that is asked by that name.
        values = [item for name, item in owner.items.items() if texts.may_be(key, name)] or values
    return values[0] if values else None


def _some_sizes(context: Context, shape: Expr, key: slice, site: Site) -> Value:
    """A slice of a tensor's shape: one size after the other, where it says which ones it takes."""
    start, stop = (None if end is None else number_of(end) for end in (0 if key.start is None else key.start, key.stop))
    if key.stop is None:
        return Expr("shape", shape.args, (("from", start),), site)
    if key.step is None and start is not None and stop is not None and 0 <= start < stop <= _MOST_AXES:
        return tuple(item(context, shape, axis, site) for axis in range(int(start), int(stop)))
    return Expr("shape", shape.args, (("from", start), ("to", stop)), site)


def _tensor_item(context: Context, owner: Expr, key: Value, index: int | None, site: Site) -> Value:
    if owner.op in ("shape", "batch", "opaque") and index is not None:
        return item(context, owner, index, site)
    if owner.op == "shape" and isinstance(key, slice):
        return _some_sizes(context, owner, key, site)
    if isinstance(key, str):
        known = put_in.read(context, owner, key)
        return item(context, owner, key, site) if known is UNREAD else known
    parts = key if isinstance(key, tuple) else (key,)
    whole = [part is None or part is Ellipsis or (isinstance(part, slice) and part == slice(None)) for part in parts]
    if all(whole) and any(part is None for part in parts):
        return Expr("unsqueeze", (owner,), _new_axes(parts), site)
    kept = _of_kept_axes(owner, key, site)
    if kept is not None:
        return kept
    if index is not None:
        return item(context, owner, index, site)
    piece = pieces.sliced(owner, key)
    if piece is not None:
        return piece
    return Expr("index", (owner,), (("key", tuple(index_key(part) for part in parts)),), site)


def _new_axes(parts: tuple[Value, ...]) -> Attrs:
    """The places of the axes that an index adds, behind `...` counted from the last one; nothing where it has both."""
    new = tuple(axis for axis, part in enumerate(parts) if part is None)
    if Ellipsis not in parts:
        return (("sizes", new),)
    rest = parts.index(Ellipsis)
    if min(new) > rest:
        return (("sizes", tuple(axis - len(parts) for axis in new)),)
    return (("sizes", new),) if max(new) < rest else ()


def _of_kept_axes(owner: Expr, key: Value, site: Site) -> Expr | None:
    """What is picked of the axes that a reduction kept with one entry each: the reduction that keeps none of them."""
    if owner.op not in REDUCTIONS or owner.get("keepdim") is not True:
        return None
    places = key if isinstance(key, tuple) else (key,)
    picked = tuple(axis for axis, part in enumerate(places) if not (isinstance(part, slice) and part == slice(None)))
    if not picked or owner.get("axes") != picked or any(number_of(places[axis]) not in (0, -1) for axis in picked):
        return None
    return Expr(owner.op, owner.args, (("axes", picked), ("keepdim", False)), site)


def written_into(owner: Expr, key: Value, value: Value, site: Site) -> Expr | None:
    """A tensor after `owner[key] = value`, where it was made to be filled or its NaN are replaced; None for others."""
    if asks_for_nan(key, owner):
        return without_nan(owner, as_expr(value, site), site)
    filled_diagonal = diagonals.with_diagonal(owner, key, value, site)
    if filled_diagonal is not None:
        return filled_diagonal
    if isinstance(key, Expr) and is_data(owner):
        # Data that are thresholded lie elsewhere than before.
        return opaque("masked", (owner, key, as_expr(value, site)), site)
    blank = owner
    while blank.op == "cast":
        blank = blank.args[0]
    is_blank = blank.op in ("const", "empty", "stack")
    if is_whole(key) and isinstance(value, Expr) and not is_blank and not is_learned(owner):
        return value
    if blank.op == "index" and blank.args[0].op in ("const", "empty"):
        # Made of as many columns as are filled: `zeros_like(x)[..., :3]`.
        blank = blank.args[0]
    along = 1 if _are_columns(key) else _stretch(key, value) if number_of(value) is None else None
    if along is not None and (blank.op in ("const", "empty") or blank.get("filled")):
        # Put together piece by piece: what was written before stays beside it.
        beside = blank.args if blank.get("filled") else (blank,) if blank.op == "const" else ()
        return Expr("cat", (*beside, as_expr(value, site)), (("axis", along), ("filled", True)), site)
    if blank.op not in ("const", "empty", "stack"):
        return None
    if number_of(value) is not None and isinstance(key, Expr) and str(key.get("name")).startswith("compare:"):
        # A bound: what does not pass it stays as it was.
        return opaque("masked", (owner, key, as_expr(value, site)), site)
    return filled.filled(blank, as_expr(value, site), site)


def _are_columns(key: Value) -> bool:
    """Whether a key picks some of the columns of every row."""
    if not isinstance(key, tuple) or len(key) != 2:
        return False
    rows, columns = key
    return rows == slice(None) and isinstance(columns, slice) and columns != slice(None)


def _stretch(key: Value, value: Value) -> int | None:
    """The first axis of which a stretch alone is written with data; None for what else is written.

    A place in each turn of a loop, or what a layer made, fills all in the end.
    """
    if not isinstance(value, Expr) or any(node.op in ("layer", "noise") for node in walk(value)):
        return None
    parts = key if isinstance(key, tuple) else (key,)
    return next((axis for axis, part in enumerate(parts) if isinstance(part, slice) and part != slice(None)), None)


def store(owner: dict[Key, Value] | list[Value] | Instance, key: Value, value: Value) -> None:
    """owner[key] = value; the items of an output object are its attributes as well.

    A dict keeps what has a key that is not known, as a layer that is named by its number: it stands in its order.
    """
    if isinstance(owner, Instance):
        if isinstance(key, str):
            owner.attributes[key] = value
    elif isinstance(owner, dict):
        own = key_of(key)
        if own is not None or key is None:
            owner[own] = value
    elif isinstance(owner, Places):
        if isinstance(key, (Expr, int)):
            owner.put(key, value)
    elif isinstance(key, int) and -len(owner) <= key < len(owner):
        if not _stand_for_more(owner):
            owner[key] = value
        else:
            # Which of those that an item stands for this one is, is not known.
            owner[:] = map(_with_one_changed, owner)
    elif isinstance(key, Expr) and len(owner) == 1:
        # It is the one item, or each of those that it stands for.
        owner[0] = value


def _stand_for_more(owner: list[Value]) -> bool:
    """Whether an item of a list stands for several, as the sizes of a tensor whose rank is not known do."""
    return any(is_unknown_item(item) or (isinstance(item, Expr) and item.op == "spread") for item in owner)


def _with_one_changed(item: Value) -> Value:
    if not isinstance(item, Expr) or item.op != "spread":
        return item
    return Expr("spread", (opaque("changed", item.args, item.site),), (), item.site)


def of_pairs(pairs: Sequence[Value]) -> dict[Key, Value]:
    """A dict of (key, value) pairs, in their order."""
    made: dict[Key, Value] = {}
    for pair in pairs:
        if isinstance(pair, (tuple, list)) and len(pair) == 2:
            store(made, *pair)
    return made


def length(value: Value, site: Site) -> Value:
    """len(value)."""
    if isinstance(value, (list, tuple, dict, str)) and not isinstance(value, (Places, Grown)):
        return len(value)
    if isinstance(value, Instance):
        return length(container, site) if (container := derived_containers.held(value)) else opaque("len", (), site)
    if isinstance(value, Layers) and not any(map(is_unknown_item, value.items.values())):
        return len(value.items)
    if isinstance(value, Expr):
        return Expr("size", (value,), (("axis", 0),), site)
    return opaque("len", (as_expr(value, site),), site)
