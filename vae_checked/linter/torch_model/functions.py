"""What torch's functions and methods do to expressions: one table for `torch.f(x)`, `F.f(x)`, `x.f()` and `x.f_()`."""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Sequence

from vae_checked.linter.symbols.asked_data import without_ranges
from vae_checked.linter.symbols.constants import whole
from vae_checked.linter.symbols.expression import Expr, Site, const, opaque, strip
from vae_checked.linter.symbols.given import is_data
from vae_checked.linter.symbols.index_keys import entry
from vae_checked.linter.symbols.numeric import settled
from vae_checked.linter.symbols.places import Places
from vae_checked.linter.symbols.rows import is_of_rows
from vae_checked.linter.symbols.turns import over_turns
from vae_checked.linter.symbols.values import MAX_NESTED, Value, as_expr, number_of
from vae_checked.linter.torch_model import diagonals, dropping, elementwise, norms
from vae_checked.linter.torch_model.elementwise import Handler, argument, first_tensor
from vae_checked.linter.torch_model.evaluator import Evaluator
from vae_checked.linter.torch_model.nans import asks_for_nan, is_endless, without_nan
from vae_checked.linter.torch_model.number_kinds import cast_attributes
from vae_checked.linter.torch_model.pieces import concatenated, number_of_equal, stacked
from vae_checked.linter.torch_model.sizes import UNKNOWN, axes_of, axis_of_size, reduced_axes, shape_of, shaped_like
from vae_checked.mathematics.ops import OPERATIONS, Kind

_SHAPES = {
    name: operation.name
    for operation in OPERATIONS.values()
    if operation.kind is Kind.RESHAPE or operation.name == "contiguous"
    for name in operation.names.functions
}


# What takes each element of its result from a window of its input, by the functions that do.
_WINDOWS = {
    name: operation.name
    for operation in OPERATIONS.values()
    if operation.kind is Kind.WINDOW
    for name in operation.names.functional
}
# What goes beyond the values between which it computes others.
_OVERSHOOTING = "bicubic"
# How many pieces of a tensor are known one by one, and how many there are where nothing says it: one for each head.
_MOST_PIECES, _BOTH = 16, 2


def _into(name: str) -> Handler:
    """The handler of a cast by its name, which may say what it makes of data."""

    def handle(evaluator: Evaluator, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
        made, attributes = _cast(evaluator, args, kwargs, site), cast_attributes(name, args, kwargs)
        is_cast = attributes and isinstance(made, Expr) and made.op == "cast"
        return Expr("cast", made.args, attributes, site) if is_cast and isinstance(made, Expr) else made

    return handle


def _cast(_: Evaluator, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
    value = args[0] if args else next((kwargs[name] for name in ("data", "input", "object") if name in kwargs), None)
    if isinstance(value, Expr):
        return value if value.op == "const" else Expr("cast", (value,), (), site)
    pieces = [item for item in value if isinstance(item, Expr) and is_data(item)] if isinstance(value, list) else []
    if isinstance(value, list) and pieces and len(pieces) == len(value):
        return Expr("stack", tuple(pieces), (("axis", 0),), site)
    single: Value = value
    axes = 0
    while isinstance(single, (list, tuple)) and len(single) == 1 and axes < MAX_NESTED:
        single, axes = single[0], axes + 1
    number = (settled(single) if isinstance(single, Expr) else number_of(single)) if axes else None
    if number is None or not axes:
        return as_expr(value if number is None else single, site)
    # One number in a list may stand for as many as a comprehension makes.
    return Expr("const", (), (("value", number), ("shape", (None,) * axes)), site)


def _tensor(evaluator: Evaluator, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
    """torch.tensor(data), x.long(): of a tensor a copy that no gradient reaches."""
    made = _cast(evaluator, args, kwargs, site)
    copied = isinstance(made, Expr) and made.op == "cast" and not is_data(made)
    return Expr("detach", (made,), (), site) if copied and isinstance(made, Expr) else made


def _copied(_: Evaluator, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
    """x.new_tensor(data): a copy of the data that no gradient reaches."""
    return Expr("detach", (as_expr(argument(args, kwargs, 1, "data"), site),), (), site)


def _half(_: Evaluator, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
    return Expr("cast", (first_tensor(args, kwargs, site),), (("dtype", "float16"),), site)


# Of these a tensor takes no other one.
_UNARY = frozenset("relu sigmoid tanh softplus gelu silu elu".split())


def of_kept_module(owner: Expr, name: str, args: list[Value], kwargs: dict[str, Value], site: Site) -> Expr | None:
    """`block.dropout(x)`, `block.sigmoid(x)`: of something unknown, a module that it keeps under that name.

    No tensor has such a method, or one that takes a tensor. What the module does, its name alone does not tell, nor
    whether evaluation switches it off.
    """
    if len(args) != 1 or kwargs or not isinstance(args[0], Expr) or args[0].op == "const":
        return None
    if name in dropping.ON_BY_DEFAULT:
        attrs = (("kind", "dropout"), ("always_on", None), ("rate", None), ("p", "unknown"))
        return Expr("layer", (args[0],), attrs, site)
    return Expr("call", (owner, args[0]), (("name", name),), site) if name in _UNARY else None


def _detach(_: Evaluator, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
    return Expr("detach", (first_tensor(args, kwargs, site),), (), site)


def _shape(op: str) -> Handler:
    def handle(_: Evaluator, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
        x = first_tensor(args, kwargs, site)
        if op == "flatten" and "end_dim" in kwargs and not args[1:]:
            kwargs = {"start_dim": 0, **kwargs}
        sizes = args[1:] or [kwargs[name] for name in ("start_dim", "end_dim", "shape", "dim") if name in kwargs]
        if len(sizes) == 1 and isinstance(sizes[0], (tuple, list)):
            sizes = list(sizes[0])
        return Expr(op, (x,), (("sizes", tuple(_size(item) for item in sizes)),), site)

    return handle


def _broadcast(_: Evaluator, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
    """All of some tensors, each with copies along the axes that the others are larger in."""
    return tuple(Expr("expand", (as_expr(item, site),), (), site) for item in args)


def _repeat_interleave(_: Evaluator, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
    """Copies of each row beside one another, where `repeat` puts copies of all of them after one another."""
    times = _size(argument(args, kwargs, 1, "repeats"))
    axis = number_of(argument(args, kwargs, 2, "dim"))
    x = first_tensor(args, kwargs, site)
    return Expr("repeat", (x,), (("sizes", (times,)), ("each", True), ("axis", axis)), site)


def _size(value: Value) -> Hashable:
    number = whole(number_of(value))
    if number is not None:
        return number
    if isinstance(value, Expr):
        return ("expr", value.uid, axis_of_size(value))
    return None


def _move(op: str) -> Handler:
    def handle(_: Evaluator, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
        x = first_tensor(args, kwargs, site)
        rest = args[1:]
        if len(rest) == 1 and isinstance(rest[0], (tuple, list)):
            rest = list(rest[0])
        rest = rest or [kwargs[name] for name in ("dims", "dim0", "dim1") if name in kwargs]
        if len(rest) == 1 and isinstance(rest[0], (tuple, list)):
            rest = list(rest[0])
        return Expr("move", (x,), (("how", op), ("axes", axes_of(rest))), site)

    return handle


def _reduce(op: str, *, without_nan: bool = False) -> Handler:
    own = (("without_nan", True),) if without_nan else ()

    def handle(_: Evaluator, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
        x = first_tensor(args, kwargs, site)
        axes = reduced_axes(argument(args, kwargs, 1, "dim", "axis"), x)
        keep = argument(args, kwargs, 2, "keepdim", "keepdims")
        if x.op == "stack" and keep is not True and axes in ("all", (x.get("axis"),)) and not _is_of_rows(x):
            return _folded(op, _each_without_nan(x, site) if without_nan else x, axes, site)
        return Expr(op, (x,), (("axes", axes), ("keepdim", keep is True), *own), site)

    return handle


def _each_without_nan(stack: Expr, site: Site) -> Expr:
    """Stacked tensors with a number for NaN in each: `nansum` of them adds up what is left."""
    return Expr("stack", tuple(Expr("nan_to_num", (piece,), (), site) for piece in stack.args), stack.attrs, site)


def _is_of_rows(stack: Expr) -> bool:
    """Whether one tensor stands for those of all rows of a batch: the axis of the stack is that of the samples."""
    return len(stack.args) == 1 and is_of_rows(stack.args[0])


def _folded(op: str, stack: Expr, axes: object, site: Site) -> Expr:
    """The sum or mean of stacked tensors along the axis that they are stacked on, or along all: one by one.

    A single one stands for those of all turns of a loop.
    """
    attrs = (("axes", "all"), ("keepdim", False))
    pieces = [Expr(op, (piece,), attrs, site) for piece in stack.args] if axes == "all" else list(stack.args)
    if len(pieces) == 1:
        return over_turns(op, pieces[0], site)
    total = pieces[0]
    for piece in pieces[1:]:
        total = Expr("add", (total, piece), (), site)
    if op == "mean" and len(pieces) > 1:
        total = Expr("mul", (const(1.0 / len(pieces), site), total), (), site)
    return total


def _softmax(_: Evaluator, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
    x = first_tensor(args, kwargs, site)
    axis = whole(number_of(argument(args, kwargs, 1, "dim", "axis")))
    return Expr("softmax", (x,), () if axis is None else (("axis", axis),), site)


def _log_softmax(evaluator: Evaluator, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
    return Expr("log", (as_expr(_softmax(evaluator, args, kwargs, site), site),), (), site)


def _size_of(_: Evaluator, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
    x = first_tensor(args, kwargs, site)
    axis = whole(number_of(argument(args, kwargs, 1, "dim")))
    return Expr("shape", (x,), (), site) if axis is None else Expr("size", (x,), (("axis", axis),), site)


def _numel(_: Evaluator, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
    return Expr("size", (first_tensor(args, kwargs, site),), (("axis", "all"),), site)


def _parts(x: Expr, widths: Sequence[float | None], axis: float | None, site: Site) -> Value:
    """The pieces of a tensor along an axis, each with its length where that is known."""
    own = concatenated(x, widths, axis)
    if own is not None:
        return own
    return tuple(
        Expr("part", (x,), (("index", index), ("of", len(widths)), ("axis", axis), ("width", width)), site)
        for index, width in enumerate(widths[:_MOST_PIECES])
    )


def _chunk(_: Evaluator, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
    count = whole(number_of(argument(args, kwargs, 1, "chunks", "sections")))
    axis = number_of(argument(args, kwargs, 2, "dim", "axis"))
    number = _BOTH if count is None else max(1, min(count, _MOST_PIECES))
    return _parts(first_tensor(args, kwargs, site), [None] * number, axis, site)


def _split(_: Evaluator, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
    sizes = argument(args, kwargs, 1, "split_size_or_sections", "split_size")
    axis = number_of(argument(args, kwargs, 2, "dim", "axis"))
    x = first_tensor(args, kwargs, site)
    if not isinstance(sizes, (tuple, list)):
        count = number_of_equal(x, number_of(sizes), axis) or _BOTH
        sizes = [sizes] * (count if count <= _MOST_PIECES else _BOTH)
    return _parts(x, [number_of(size) for size in sizes], axis, site)


def _tensor_split(evaluator: Evaluator, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
    places = argument(args, kwargs, 1, "indices_or_sections", "indices", "sections")
    if not isinstance(places, (tuple, list)):
        axis = argument(args, kwargs, 2, "dim")
        return _chunk(evaluator, [first_tensor(args, kwargs, site), places, axis], {}, site)
    ends = [number_of(place) for place in places]
    widths = [None if one is None or other is None else other - one for one, other in itertools.pairwise([0.0, *ends])]
    axis = number_of(argument(args, kwargs, 2, "dim"))
    return _parts(first_tensor(args, kwargs, site), [*widths, None], axis, site)


def _unbind(_: Evaluator, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
    x, given = first_tensor(args, kwargs, site), argument(args, kwargs, 1, "dim")
    axis = 0 if given is None else whole(number_of(given))
    own = stacked(x, axis)
    return tuple(entry(x, axis, index, site) for index in range(_length(x, axis))) if own is None else own


def _length(x: Expr, axis: int | None) -> int:
    """How many entries an axis has, as a view says; two where it does not: both heads."""
    sizes = x.get("sizes") if x.op in ("view", "reshape") else None
    if axis is None or not isinstance(sizes, tuple) or not -len(sizes) <= axis < len(sizes):
        return _BOTH
    length = sizes[axis]
    return min(length, _MOST_PIECES) if isinstance(length, int) and length > 0 else _BOTH


def _filled(value: float, given: int | None = None) -> Handler:
    """One number everywhere; its sizes are the arguments from the one at `given` on, kept where there are any."""

    def handle(_: Evaluator, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
        if given is None:
            return const(value, site)
        written = [*args[given:], *(kwargs[name] for name in ("size", "shape") if name in kwargs)]
        sizes, like = shape_of(written, site), shaped_like(written)
        if like is not None:
            return Expr("const", (), (("value", value), ("like", like)), site)
        return Expr("const", (), (("value", value), ("shape", UNKNOWN if sizes is None else sizes)), site)

    return handle


def _filled_like(value: float | None = None) -> Handler:
    """One number everywhere, that of the second argument without `value`, in the sizes of a tensor."""

    def handle(_: Evaluator, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
        like = args[0] if args else kwargs.get("input")
        filled = const(value, site) if value is not None else as_expr(argument(args, kwargs, 1, "fill_value"), site)
        if filled.op != "const" or not isinstance(like, Expr):
            return filled
        return Expr("const", (), (("value", filled.value), ("like", like)), site)

    return handle


def _full(place: int, sizes_at: int | None = None) -> Handler:
    """One number everywhere, the argument at `place`; its sizes are the argument at `sizes_at`."""

    def handle(_: Evaluator, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
        filled = as_expr(argument(args, kwargs, place, "fill_value"), site)
        if filled.op != "const" or sizes_at is None:
            return filled
        given = args[sizes_at] if sizes_at < len(args) else kwargs.get("size")
        shape, like = shape_of([given], site), shaped_like([given])
        if like is not None:
            return Expr("const", (), (("value", filled.value), ("like", like)), site)
        return Expr("const", (), (("value", filled.value), ("shape", UNKNOWN if shape is None else shape)), site)

    return handle


def larger_or_smaller(name: str, args: list[Value], kwargs: dict[str, Value], site: Site) -> Expr | None:
    """`max` or `min` of two tensors, element by element; None where one is asked for its largest along an axis."""
    op = {"max": "maximum", "min": "minimum"}.get(name)
    other = argument(args, kwargs, 1, "other")
    if op is None or not isinstance(other, Expr) or other.get("name") in ("dim", "axis"):
        return None
    return Expr(op, (first_tensor(args, kwargs, site), other), (), site)


def _pieces(args: list[Value], kwargs: dict[str, Value], *names: str) -> Value:
    """What tensors are put together: those that were written into a list, not what it was filled with."""
    given = argument(args, kwargs, 0, *names)
    return given.from_place(0) if isinstance(given, Places) else given


def _cat(_: Evaluator, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
    pieces = _pieces(args, kwargs, "tensors")
    axis = number_of(argument(args, kwargs, 1, "dim", "axis"))
    items = tuple(as_expr(item, site) for item in (pieces if isinstance(pieces, (tuple, list)) else [pieces]))
    if len(items) > 1 and len({item.uid for item in items}) == 1:
        return Expr("repeat", items[:1], (), site)
    return Expr("cat", items, (("axis", axis),), site)


def _hstack(evaluator: Evaluator, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
    return _cat(evaluator, [*args[:1], 1], kwargs, site)


def _stack(_: Evaluator, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
    pieces = _pieces(args, kwargs, "tensors", "arrays")
    axis = whole(number_of(argument(args, kwargs, 1, "dim", "axis"))) or 0
    several = pieces if isinstance(pieces, (tuple, list)) and pieces else [pieces]
    items = tuple(as_expr(item, site) for item in several)
    return Expr("stack", items, (("axis", axis),), site)


def _nan_to_num(evaluator: Evaluator, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
    """torch.nan_to_num(x, nan, posinf, neginf)."""
    instead = argument(args, kwargs, 1, "nan")
    shows = instead is not None and is_endless(as_expr(instead, site))
    return first_tensor(args, kwargs, site) if shows else _ELEMENTWISE["nan_to_num"](evaluator, args, kwargs, site)


def _where(_: Evaluator, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
    if len(args) < 3:
        return opaque("where", tuple(as_expr(item, site) for item in args), site)
    condition, one, other = (as_expr(item, site) for item in args[:3])
    if asks_for_nan(condition, other):
        return without_nan(other, one, site)
    return Expr("where", (condition, *without_ranges(condition, one, other)), (), site)


def _detached_scalar(_: Evaluator, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
    number = number_of(args[0]) if args else None
    return const(number, site) if number is not None else Expr("cast", (first_tensor(args, kwargs, site),), (), site)


def _masked(_: Evaluator, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
    """The elements of a tensor where a mask is true: as `x[mask]`."""
    mask = as_expr(argument(args, kwargs, 1, "mask"), site)
    return Expr("index", (first_tensor(args, kwargs, site),), (("key", (("expr", mask.uid),)),), site)


def _interpolated(_: Evaluator, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
    """F.interpolate(x, size, scale_factor, mode)."""
    x, mode = first_tensor(args, kwargs, site), argument(args, kwargs, 3, "mode")
    known = mode is None or (isinstance(mode, str) and mode != _OVERSHOOTING)
    return Expr("enlarge", (x,), (), site) if known else opaque("interpolate", (x,), site)


def _packed(_: Evaluator, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
    """pack_padded_sequence(x, lengths): the steps of all sequences that are no padding; as a pair its first part."""
    lengths = as_expr(argument(args, kwargs, 1, "lengths"), site)
    key = (("expr", lengths.uid),)
    return Expr("index", (first_tensor(args, kwargs, site),), (("key", key), ("packed", True)), site)


def _padded(_: Evaluator, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
    """pad_packed_sequence(packed): what is packed with its padding, and the lengths."""
    packed = first_tensor(args, kwargs, site)
    return packed, opaque("lengths", (packed,), site)


def _select(_: Evaluator, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
    """x.select(axis, index), which is `x[:, index]`: of one number everywhere the same."""
    inputs = tuple(as_expr(value, site) for value in (*args, *kwargs.values()))
    base = strip(inputs[0]) if inputs else None
    if base is not None and base.op == "const":
        return const(base.value, site)
    axis, index = (whole(number_of(argument(args, kwargs, *each))) for each in ((1, "dim"), (2, "index")))
    if axis is not None and index is not None:
        return entry(inputs[0], axis, index, site)
    return Expr("call", inputs, (("name", "select"),), site)


def _diag(_: Evaluator, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
    return Expr("diag", (first_tensor(args, kwargs, site),), (), site)


def _eye(_: Evaluator, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
    return Expr("diag", (const(1.0, site),), (), site)


def _diagonal(_: Evaluator, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
    """torch.diagonal(x, offset, dim1, dim2): what a diagonal matrix was made of."""
    offset = argument(args, kwargs, 1, "offset")
    entries = diagonals.diagonal(first_tensor(args, kwargs, site)) if offset is None or number_of(offset) == 0 else None
    given = tuple(as_expr(value, site) for value in (*args, *kwargs.values()))
    return opaque("diagonal", given, site) if entries is None else entries


_ELEMENTWISE = elementwise.handlers()
HANDLERS: dict[str, Handler] = {
    **_ELEMENTWISE,
    **{name: norms.squaring(_ELEMENTWISE[name]) for name in ("pow", "square", "float_power", "power")},
    **{name: norms.handler(name) for name in ("norm", "vector_norm")},
    "linalg.norm": norms.handler("norm", of_matrices=True),
    **{name: _into(name) for name in OPERATIONS["cast"].names.functions}, "long": _tensor, "int": _tensor,
    "half": _half, "new_tensor": _copied, "tensor": _tensor,
    **dropping.HANDLERS,
    **{name: _shape(op) for name, op in _SHAPES.items()},
    "repeat_interleave": _repeat_interleave, "broadcast_tensors": _broadcast, "broadcast_arrays": _broadcast,
    **{name: _move(name) for name in OPERATIONS["move"].names.functions},
    "sum": _reduce("sum"), "nansum": _reduce("sum", without_nan=True), "reduce_sum": _reduce("sum"),
    "mean": _reduce("mean"), "nanmean": _reduce("mean", without_nan=True), "average": _reduce("mean"),
    "reduce_mean": _reduce("mean"),
    "softmax": _softmax, "log_softmax": _log_softmax,
    **dict.fromkeys(OPERATIONS["detach"].names.functions, _detach),
    "size": _size_of, "numel": _numel, "nelement": _numel,
    "chunk": _chunk, "split": _split, "tensor_split": _tensor_split, "unbind": _unbind,
    "zeros": _filled(0.0, 0), "zeros_like": _filled_like(0.0), "new_zeros": _filled(0.0, 1),
    "zero": _filled(0.0), "ones": _filled(1.0, 0), "ones_like": _filled_like(1.0), "new_ones": _filled(1.0, 1),
    "full": _full(1, 0), "full_like": _filled_like(), "new_full": _full(2, 1), "fill": _full(1),
    "cat": _cat, "concat": _cat, "concatenate": _cat, "hstack": _hstack, "where": _where,
    "nan_to_num": _nan_to_num,
    "stack": _stack, "vstack": _cat, "row_stack": _cat,
    "scalar": _detached_scalar,
    **{name: elementwise.of_one(op) for name, op in _WINDOWS.items()}, "interpolate": _interpolated,
    "pack_padded_sequence": _packed, "pad_packed_sequence": _padded,
    "select": _select, "masked_select": _masked,
    "diag_embed": _diag, "diag": _diag, "eye": _eye, "diagonal": _diagonal,
}  # fmt: skip
# What Python's own mathematics is taken for when it is applied to something that is no number.
MATH = frozenset(_ELEMENTWISE)


def handler_of(dotted: str) -> Handler | None:
    """What a function makes of a tensor: by its module too, where functions of one name are not the same."""
    module, _, name = dotted.rpartition(".")
    return HANDLERS.get(f"{module.rpartition('.')[2]}.{name}") or HANDLERS.get(plain(name))


def plain(name: str) -> str:
    """The name of an operation without the underscore of its in-place form."""
    return name[:-1] if name.endswith("_") and not name.endswith("__") else name
