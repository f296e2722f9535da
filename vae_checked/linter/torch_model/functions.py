"""What torch's functions and methods do to expressions: one table for `torch.f(x)`, `F.f(x)`, `x.f()` and `x.f_()`."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable

from vae_checked.linter.symbols.expression import Expr, Site, const, is_data, opaque
from vae_checked.linter.symbols.values import Value, as_expr, number_of
from vae_checked.linter.torch_model.evaluator import Evaluator

Handler = Callable[["Evaluator", list[Value], dict[str, Value], Site], Value]

_UNARY = {
    **{name: name for name in (
        "exp log log1p expm1 sqrt rsqrt abs square reciprocal neg sigmoid logsigmoid tanh relu selu gelu silu softsign "
        "hardsigmoid relu6 erf sign floor ceil round sin cos nan_to_num mish tanhshrink celu logit".split()
    )},
    "exponential": "exp", "negative": "neg", "absolute": "abs", "expit": "sigmoid", "fabs": "abs", "swish": "silu",
}  # fmt: skip
_PARAMETRIC = {"leaky_relu": 0.01, "elu": 1.0, "softplus": 1.0, "prelu": 0.25}
_BINARY = {
    "add": "add", "sub": "sub", "subtract": "sub", "mul": "mul", "multiply": "mul", "div": "div", "divide": "div",
    "true_divide": "div", "maximum": "maximum", "minimum": "minimum",
}  # fmt: skip
_CASTS = frozenset(
    "to cuda cpu float double half bfloat16 type type_as long int requires_grad_ requires_grad clone numpy tolist "
    "as_tensor asarray from_numpy tensor Tensor FloatTensor DoubleTensor HalfTensor array Variable "
    "astype ascontiguousarray asfarray float32 float64 "
    "share_memory_ pin_memory realize rename align_to as_subclass asnumpy copy".split()
)
_SHAPES = {
    **{name: name for name in "view reshape flatten unsqueeze squeeze expand repeat contiguous".split()},
    **dict.fromkeys(("view_as", "unflatten", "rearrange_view"), "view"),
    **dict.fromkeys(("repeat_interleave", "tile"), "repeat"),
    **dict.fromkeys(("expand_as", "broadcast_to"), "expand"),
    "reshape_as": "reshape", "ravel": "flatten", "expand_dims": "unsqueeze",
}  # fmt: skip
_MOVES = frozenset(("permute", "transpose", "swapaxes", "movedim", "moveaxis", "t", "flip", "roll"))


def _tensor(args: list[Value], kwargs: dict[str, Value], site: Site) -> Expr:
    for name in ("input", "x", "a"):
        if not args and name in kwargs:
            return as_expr(kwargs.pop(name), site)
    return as_expr(args[0], site) if args else opaque("nothing", (), site)


def _argument(args: list[Value], kwargs: dict[str, Value], position: int, *names: str) -> Value:
    for name in names:
        if name in kwargs:
            return kwargs[name]
    return args[position] if position < len(args) else None


def axes_of(value: Value) -> Hashable:
    """The axes of a reduction: a tuple of ints, "all" when none are named, "unknown" when they cannot be read."""
    if value is None:
        return "all"
    number = number_of(value)
    if number is not None:
        return (int(number),)
    if isinstance(value, (tuple, list)):
        numbers = [number_of(item) for item in value]
        if all(item is not None for item in numbers):
            return tuple(int(item) for item in numbers if item is not None) or "all"
    return "unknown"


def _unary(op: str) -> Handler:
    def handle(_: Evaluator, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
        return Expr(op, (_tensor(args, kwargs, site),), (), site)

    return handle


def _parametric(op: str, default: float) -> Handler:
    def handle(_: Evaluator, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
        x = _tensor(args, kwargs, site)
        given = number_of(_argument(args, kwargs, 1, "negative_slope", "alpha", "beta"))
        return Expr(op, (x,), (("parameter", default if given is None else given),), site)

    return handle


def _binary(op: str) -> Handler:
    def handle(_: Evaluator, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
        left = _tensor(args, kwargs, site)
        right = as_expr(_argument(args, kwargs, 1, "other"), site)
        alpha = kwargs.get("alpha")
        if alpha is not None:
            right = Expr("mul", (as_expr(alpha, site), right), (), site)
        return Expr(op, (left, right), (), site)

    return handle


def _cast(_: Evaluator, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
    value = args[0] if args else next((kwargs[name] for name in ("data", "input", "object") if name in kwargs), None)
    if isinstance(value, Expr):
        return Expr("cast", (value,), (), site)
    pieces = [item for item in value if isinstance(item, Expr) and is_data(item)] if isinstance(value, list) else []
    if isinstance(value, list) and pieces and len(pieces) == len(value):
        return Expr("stack", tuple(pieces), (("axis", 0),), site)
    single: Value = value
    while isinstance(single, (list, tuple)) and len(single) == 1:
        single = single[0]
    return as_expr(value if number_of(single) is None else single, site)


def _copied(_: Evaluator, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
    """x.new_tensor(data): a copy of the data that no gradient reaches."""
    return Expr("detach", (as_expr(_argument(args, kwargs, 1, "data"), site),), (), site)


def _half(_: Evaluator, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
    return Expr("cast", (_tensor(args, kwargs, site),), (("dtype", "float16"),), site)


def _dropout(_: Evaluator, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
    x = _tensor(args, kwargs, site)
    rate = number_of(_argument(args, kwargs, 1, "p"))
    training = _argument(args, kwargs, 2, "training")
    always = (training is True or (len(args) < 3 and "training" not in kwargs)) and rate != 0.0
    return Expr("layer", (x,), (("kind", "dropout"), ("always_on", always)), site)


def _detach(_: Evaluator, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
    return Expr("detach", (_tensor(args, kwargs, site),), (), site)


def _shape(op: str) -> Handler:
    def handle(_: Evaluator, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
        x = _tensor(args, kwargs, site)
        sizes = args[1:]
        if len(sizes) == 1 and isinstance(sizes[0], (tuple, list)):
            sizes = list(sizes[0])
        return Expr(op, (x,), (("sizes", tuple(_size(item) for item in sizes)),), site)

    return handle


def _size(value: Value) -> Hashable:
    number = number_of(value)
    if number is not None:
        return int(number)
    if isinstance(value, Expr):
        return ("expr", value.uid, axis_of_size(value))
    return None


def axis_of_size(value: Expr) -> Hashable:
    """The axis whose length this expression is, None when it is no tensor's size."""
    return value.get("axis") if value.op == "size" else None


def _move(op: str) -> Handler:
    def handle(_: Evaluator, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
        x = _tensor(args, kwargs, site)
        rest = args[1:]
        if len(rest) == 1 and isinstance(rest[0], (tuple, list)):
            rest = list(rest[0])
        rest = rest or [kwargs[name] for name in ("dims", "dim0", "dim1") if name in kwargs]
        if len(rest) == 1 and isinstance(rest[0], (tuple, list)):
            rest = list(rest[0])
        return Expr("move", (x,), (("how", op), ("axes", axes_of(rest))), site)

    return handle


def _reduce(op: str) -> Handler:
    def handle(_: Evaluator, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
        x = _tensor(args, kwargs, site)
        axes = axes_of(_argument(args, kwargs, 1, "dim", "axis"))
        keep = _argument(args, kwargs, 2, "keepdim", "keepdims")
        if x.op == "stack" and keep is not True and axes in ("all", (x.get("axis"),)):
            return _folded(op, x, axes, site)
        return Expr(op, (x,), (("axes", axes), ("keepdim", keep is True)), site)

    return handle


def _folded(op: str, stack: Expr, axes: object, site: Site) -> Expr:
    """The sum or mean of stacked tensors along the axis that they are stacked on, or along all: one by one."""
    attrs = (("axes", "all"), ("keepdim", False))
    pieces = [Expr(op, (piece,), attrs, site) for piece in stack.args] if axes == "all" else list(stack.args)
    total = pieces[0]
    for piece in pieces[1:]:
        total = Expr("add", (total, piece), (), site)
    if op == "mean" and len(pieces) > 1:
        total = Expr("mul", (const(1.0 / len(pieces), site), total), (), site)
    return total


def _pow(_: Evaluator, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
    x = _tensor(args, kwargs, site)
    return Expr("pow", (x, as_expr(_argument(args, kwargs, 1, "exponent"), site)), (), site)


def _clamp(_: Evaluator, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
    x = _tensor(args, kwargs, site)
    low = number_of(_argument(args, kwargs, 1, "min", "a_min", "min_val"))
    high = number_of(_argument(args, kwargs, 2, "max", "a_max", "max_val"))
    known = all(
        value is None or number_of(value) is not None for value in (*args[1:3], kwargs.get("min"), kwargs.get("max"))
    )
    if not known:
        return opaque("clamp", (x,), site)
    return Expr("clamp", (x,), (("low", low), ("high", high)), site)


def _clamp_low(_: Evaluator, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
    x, low = _tensor(args, kwargs, site), number_of(_argument(args, kwargs, 1, "min"))
    return opaque("clamp", (x,), site) if low is None else Expr("clamp", (x,), (("low", low), ("high", None)), site)


def _clamp_high(_: Evaluator, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
    x, high = _tensor(args, kwargs, site), number_of(_argument(args, kwargs, 1, "max"))
    return opaque("clamp", (x,), site) if high is None else Expr("clamp", (x,), (("low", None), ("high", high)), site)


def _hardtanh(_: Evaluator, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
    x = _tensor(args, kwargs, site)
    given = _argument(args, kwargs, 1, "min_val"), _argument(args, kwargs, 2, "max_val")
    low, high = (
        default if value is None else number_of(value) for value, default in zip(given, (-1.0, 1.0), strict=True)
    )
    if low is None or high is None:
        return opaque("hardtanh", (x,), site)
    return Expr("clamp", (x,), (("low", low), ("high", high)), site)


def _addc(op: str) -> Handler:
    """addcmul, addcdiv: x + value * (left op right); the value may stand between, as in old code."""

    def handle(_: Evaluator, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
        x = _tensor(args, kwargs, site)
        old = len(args) > 3
        left = as_expr(_argument(args, kwargs, 2 if old else 1, "tensor1"), site)
        right = as_expr(_argument(args, kwargs, 3 if old else 2, "tensor2"), site)
        product = Expr(op, (left, right), (), site)
        value = args[1] if old else kwargs.get("value")
        if value is not None:
            product = Expr("mul", (as_expr(value, site), product), (), site)
        return Expr("add", (x, product), (), site)

    return handle


def _lerp(_: Evaluator, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
    start = _tensor(args, kwargs, site)
    end, weight = (as_expr(_argument(args, kwargs, *item), site) for item in ((1, "end"), (2, "weight")))
    return Expr("add", (start, Expr("mul", (weight, Expr("sub", (end, start), (), site)), (), site)), (), site)


def _softmax(_: Evaluator, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
    return Expr("softmax", (_tensor(args, kwargs, site),), (), site)


def _log_softmax(_: Evaluator, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
    return Expr("log", (Expr("softmax", (_tensor(args, kwargs, site),), (), site),), (), site)


def _size_of(_: Evaluator, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
    x = _tensor(args, kwargs, site)
    axis = number_of(_argument(args, kwargs, 1, "dim"))
    return Expr("shape", (x,), (), site) if axis is None else Expr("size", (x,), (("axis", int(axis)),), site)


def _numel(_: Evaluator, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
    return Expr("size", (_tensor(args, kwargs, site),), (("axis", "all"),), site)


def _chunk(_: Evaluator, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
    x = _tensor(args, kwargs, site)
    count = number_of(_argument(args, kwargs, 1, "chunks"))
    axis = number_of(_argument(args, kwargs, 2, "dim", "axis"))
    pieces = 2 if count is None else max(1, min(int(count), 16))
    return tuple(
        Expr("part", (x,), (("index", index), ("of", pieces), ("axis", axis)), site) for index in range(pieces)
    )


def _split(_: Evaluator, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
    x = _tensor(args, kwargs, site)
    sizes = _argument(args, kwargs, 1, "split_size_or_sections", "split_size", "indices_or_sections")
    axis = number_of(_argument(args, kwargs, 2, "dim", "axis"))
    pieces = len(sizes) if isinstance(sizes, (tuple, list)) else 2
    return tuple(
        Expr("part", (x,), (("index", index), ("of", pieces), ("axis", axis)), site) for index in range(min(pieces, 16))
    )


def _unbind(_: Evaluator, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
    x = _tensor(args, kwargs, site)
    axis = number_of(_argument(args, kwargs, 1, "dim"))
    return tuple(Expr("part", (x,), (("index", index), ("of", 2), ("axis", axis)), site) for index in range(2))


def _filled(value: float) -> Handler:
    def handle(_: Evaluator, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
        return const(value, site)

    return handle


def _full(_: Evaluator, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
    return as_expr(_argument(args, kwargs, 1, "fill_value"), site)


def _cat(_: Evaluator, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
    pieces = _argument(args, kwargs, 0, "tensors")
    axis = number_of(_argument(args, kwargs, 1, "dim", "axis"))
    items = tuple(as_expr(item, site) for item in (pieces if isinstance(pieces, (tuple, list)) else [pieces]))
    if len(items) > 1 and len({item.uid for item in items}) == 1:
        return Expr("repeat", items[:1], (), site)
    return Expr("cat", items, (("axis", axis),), site)


def _stack(_: Evaluator, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
    pieces = _argument(args, kwargs, 0, "tensors", "arrays")
    axis = number_of(_argument(args, kwargs, 1, "dim", "axis"))
    if not isinstance(pieces, (tuple, list)) or not pieces:
        return Expr("stack", (as_expr(pieces, site),), (), site)
    items = tuple(as_expr(item, site) for item in pieces)
    return Expr("stack", items, (("axis", 0 if axis is None else int(axis)),), site)


def asks_for_nan(condition: Value, value: Expr) -> bool:
    """Whether a condition is true where `value` is NaN: isnan(value), or value != value."""
    if not isinstance(condition, Expr):
        return False
    name = str(condition.get("name"))
    asks = name.endswith("isnan") or (condition.op == "opaque" and name == "compare:NotEq")
    return asks and bool(condition.args) and all(item.uid == value.uid for item in condition.args)


def _where(_: Evaluator, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
    if len(args) < 3:
        return opaque("where", tuple(as_expr(item, site) for item in args), site)
    condition, one, other = (as_expr(item, site) for item in args[:3])
    if asks_for_nan(condition, other):
        return Expr("nan_to_num", (other,), (), site)
    return Expr("where", (condition, one, other), (), site)


def _fraction(factor: float, op: str) -> Handler:
    """log2, log10, exp2 and the like: a scaled argument or result."""

    def handle(_: Evaluator, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
        x = _tensor(args, kwargs, site)
        if op == "exp":
            return Expr("exp", (Expr("mul", (const(factor), x), (), site),), (), site)
        return Expr("mul", (const(factor), Expr("log", (x,), (), site)), (), site)

    return handle


def _detached_scalar(_: Evaluator, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
    number = number_of(args[0]) if args else None
    return const(number, site) if number is not None else Expr("cast", (_tensor(args, kwargs, site),), (), site)


def _diag(_: Evaluator, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
    return Expr("diag", (_tensor(args, kwargs, site),), (), site)


def _eye(_: Evaluator, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
    return Expr("diag", (const(1.0, site),), (), site)


HANDLERS: dict[str, Handler] = {
    **{name: _unary(op) for name, op in _UNARY.items()},
    **{name: _parametric(name, default) for name, default in _PARAMETRIC.items()},
    **{name: _binary(op) for name, op in _BINARY.items()},
    **dict.fromkeys(_CASTS, _cast),
    "half": _half, "new_tensor": _copied,
    **dict.fromkeys(("dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout"), _dropout),
    **{name: _shape(op) for name, op in _SHAPES.items()},
    **{name: _move(name) for name in _MOVES},
    "sum": _reduce("sum"), "nansum": _reduce("sum"), "reduce_sum": _reduce("sum"),
    "mean": _reduce("mean"), "nanmean": _reduce("mean"), "average": _reduce("mean"), "reduce_mean": _reduce("mean"),
    "pow": _pow, "power": _pow, "float_power": _pow,
    "clamp": _clamp, "clip": _clamp, "clamp_min": _clamp_low, "clamp_max": _clamp_high, "hardtanh": _hardtanh,
    "addcmul": _addc("mul"), "addcdiv": _addc("div"), "lerp": _lerp,
    "softmax": _softmax, "log_softmax": _log_softmax, "detach": _detach, "item": _detach,
    "size": _size_of, "numel": _numel, "nelement": _numel,
    "chunk": _chunk, "split": _split, "tensor_split": _split, "unbind": _unbind,
    "zeros": _filled(0.0), "zeros_like": _filled(0.0), "new_zeros": _filled(0.0),
    "zero": _filled(0.0), "ones": _filled(1.0), "ones_like": _filled(1.0), "new_ones": _filled(1.0),
    "full": _full, "full_like": _full, "new_full": _full, "fill": _full,
    "cat": _cat, "concat": _cat, "concatenate": _cat, "hstack": _cat, "where": _where,
    "stack": _stack, "vstack": _cat, "row_stack": _cat,
    "log2": _fraction(1 / math.log(2), "log"), "log10": _fraction(1 / math.log(10), "log"),
    "exp2": _fraction(math.log(2), "exp"), "scalar": _detached_scalar,
    "diag_embed": _diag, "diag": _diag, "eye": _eye,
}  # fmt: skip
MATH = frozenset(("exp", "log", "sqrt", "pow", "log2", "log10", "tanh", "fabs"))


def plain(name: str) -> str:
    """The name of an operation without the underscore of its in-place form."""
    return name[:-1] if name.endswith("_") and not name.endswith("__") else name
