"""torch.nn layers: what constructing and applying one gives."""

from __future__ import annotations

import ast
from collections.abc import Callable, Hashable
from functools import partial, reduce

from vae_checked.linter.symbols.constants import whole
from vae_checked.linter.symbols.either import unknown_layer
from vae_checked.linter.symbols.expression import Expr, Site, opaque
from vae_checked.linter.symbols.given import is_data
from vae_checked.linter.symbols.places import unknown_item
from vae_checked.linter.symbols.unknown_keys import UnknownKey, key_of, written
from vae_checked.linter.symbols.values import Choice, Instance, Layer, Value, apart, as_expr, number_of
from vae_checked.linter.symbols.values import Sequence as Layers
from vae_checked.linter.torch_model import losses
from vae_checked.linter.torch_model.evaluator import Evaluator
from vae_checked.linter.torch_model.functions import HANDLERS
from vae_checked.mathematics.ops import MODULES, Operation

_CONTAINERS = frozenset(("Sequential", "ModuleList", "ModuleDict", "ParameterList", "ParameterDict"))


def is_layer(dotted: str) -> bool:
    """Whether a dotted name is a class of torch.nn (or of a library that follows its form)."""
    parts = dotted.split(".")
    return parts[0] == "torch" and "nn" in parts and parts[-1][:1].isupper() and parts[-1] != "Parameter"


def construct(evaluator: Evaluator, kind: str, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
    """An instance of an nn class."""
    if kind == "Sequential":
        return sequential([apart(item, evaluator.serial) for item in args], site)
    if kind in ("ModuleList", "ParameterList"):
        found = args[0] if args else kwargs.get("modules", [])
        items = list(found) if isinstance(found, (list, tuple)) else [unknown_item(found, site)]
        return Layers({str(index): item for index, item in enumerate(items)}, False)
    if kind in ("ModuleDict", "ParameterDict"):
        given = args[0] if args else kwargs.get("modules", kwargs.get("parameters", {}))
        return Layers({**_named(given, site)}, False, by_name=True)
    return Layer(kind, tuple(args), dict(kwargs), evaluator.serial(), site, _within(evaluator))


def _within(evaluator: Evaluator) -> tuple[str, ...]:
    """The classes of the instances whose methods are running, outermost first: a block is built for many models."""
    instances = (function.bound for function in evaluator.running())
    found = {id(each): each.cls.name for each in instances if isinstance(each, Instance)}
    return tuple(found.values())


def sequential(args: list[Value], site: Site | None) -> Layers:
    """nn.Sequential(*layers) or nn.Sequential(OrderedDict(...))."""
    if len(args) == 1 and isinstance(args[0], dict):
        return Layers({str(name): layer for name, layer in args[0].items()}, True)
    return Layers({str(index): item for index, item in enumerate(args)}, True)


def call_method(owner: Layers, name: str, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
    """add_module, append, extend, items and the like of a container; what else it is asked for is not known."""
    if name in ("add_module", "register_module"):
        given = [*args, *(kwargs[key] for key in ("name", "module") if key in kwargs)]
        if len(given) == 2:
            # A name that is not known is taken for a new one.
            name = given[0] if isinstance(given[0], str) else f"unknown {len(owner.items)}"
            owner.items[name] = given[1]
        return None
    if name == "append" and args:
        owner.append(args[0])
        return owner
    if name == "extend" and args:
        for item in args[0] if isinstance(args[0], (list, tuple)) else [unknown_item(args[0], site)]:
            owner.append(item)
        return owner
    if name == "insert" and len(args) == 2 and isinstance(args[0], int):
        values = list(owner.items.values())
        values.insert(args[0], args[1])
        _hold(owner, values)
        return None
    if name == "update" and owner.by_name:
        _update(owner, args[0] if args else kwargs.get("modules", {}), site)
        return None
    if name == "pop":
        found = _popped(owner, args)
        if found is not None:
            return found
    if name == "items":
        return list(zip(written(owner.items), owner.items.values(), strict=True))
    if name in ("values", "children", "modules"):
        return list(owner.items.values())
    if name == "keys":
        return written(owner.items)
    if name == "get_submodule" and args and isinstance(args[0], str) and args[0] in owner.items:
        return owner.items[args[0]]
    return opaque(
        f"method:{name}", (opaque(f"container:{id(owner)}", ()), *(as_expr(item, site) for item in args)), site
    )


def _hold(owner: Layers, values: list[Value]) -> None:
    """Hold these in order, in the table that there is: a branch that is taken back knows that one."""
    owner.items.clear()
    owner.items.update((str(index), item) for index, item in enumerate(values))


def _update(owner: Layers, given: Value, site: Site) -> None:
    """Put modules under their names; where that may be the one of another it is not known which of both there is."""
    named = _named(given, site)
    for name, present in owner.items.items():
        others = [
            other
            for key, other in named.items()
            if key != name and (isinstance(name, UnknownKey) or isinstance(key, UnknownKey))
        ]
        owner.items[name] = reduce(partial(_either, site), others, present)
    owner.items.update(named)


def _either(site: Site, present: Value, other: Value) -> Value:
    """What may be replaced: one of two models of the project, of which each is known, or a layer that is not."""
    if isinstance(present, Instance) and isinstance(other, Instance):
        return Choice(opaque("replaced", (as_expr(other, site),), site), other, present)
    if isinstance(present, Expr):
        return opaque("replaced", (as_expr(other, site), present), site)
    return unknown_layer(site)


def _named(given: Value, site: Site) -> dict[str, Value]:
    """The modules that a dict or another container names, or pairs; of what is not known one that may be any."""
    if isinstance(given, Layers):
        return dict(given.items)
    if isinstance(given, (list, tuple)) and all(isinstance(pair, (list, tuple)) and len(pair) == 2 for pair in given):
        given = {key_of(pair[0]): pair[1] for pair in given if isinstance(pair, (list, tuple))}
    if isinstance(given, dict):
        return {key if isinstance(key, str) else str(key): item for key, item in given.items()}
    item = unknown_item(given, site)
    return {UnknownKey(item): item}


def _popped(owner: Layers, args: list[Value]) -> Value:
    """What is taken out by its name, or by its place; None where neither is known, or it may stand for others."""
    key = args[0] if args else -1
    if owner.by_name:
        return owner.items.pop(key) if isinstance(key, str) and key in owner.items else None
    values = list(owner.items.values())
    if len(values) < 2 or not isinstance(key, int) or not -len(values) <= key < len(values):
        return None
    found = values.pop(key)
    if isinstance(found, Expr) or (key != -1 and any(isinstance(each, Expr) for each in values)):
        # Layers that are not known may be several, and where the others stand among them is open.
        return None
    _hold(owner, values)
    return found


def apply(
    evaluator: Evaluator,
    layer: Layer,
    args: list[Value],
    kwargs: dict[str, Value],
    site: Site,
    inside: bool = False,
) -> Value:
    """The result of calling a layer; one `inside` a container is known by the line on which it was put there."""
    x = as_expr(args[0] if args else next(iter(kwargs.values()), None), site)
    kind = layer.kind
    here = layer.site if inside and layer.site is not None else Site(site.source, site.node, layer.site)
    if kind in losses.CLASSES:
        return losses.from_layer(evaluator, layer, args, kwargs, site)
    operation = MODULES.get(kind)
    if operation is not None and operation.elementwise:
        return _elementwise(evaluator, operation, layer, x, here)
    if kind in _OF_ONE:
        return _OF_ONE[kind](layer, x, here if is_activation(layer) else site)
    inputs = (*(as_expr(item, site) for item in args), *(item for item in kwargs.values() if isinstance(item, Expr)))
    inputs = inputs or (x,)
    if kind in _OF_MANY:
        return _OF_MANY[kind](layer, inputs, site)
    attrs = (("kind", kind), ("serial", layer.serial), ("rank", _rank(kind)), ("within", layer.within), *_tied(layer))
    applied = Site(site.source, site.node, layer.site)
    result = Expr("layer", inputs, (*attrs, *_widths(layer), *_rate(layer), *_first(layer)), applied)
    if is_data(inputs[0]):
        evaluator.observations.fed.append(result)
    return result


def is_activation(layer: Layer) -> bool:
    """Whether a layer bends what it takes and has no weights that could undo it."""
    operation = MODULES.get(layer.kind)
    return operation is not None and (operation.elementwise or operation.name in ("softmax", "log_softmax"))


def _tied(layer: Layer) -> list[tuple[str, Hashable]]:
    """The number of the layer whose weights a layer was given in the place of its own."""
    weight = layer.attributes.get("weight")
    return [("tied", weight.get("layer"))] if isinstance(weight, Expr) and weight.op == "weight" else []


def _elementwise(evaluator: Evaluator, operation: Operation, layer: Layer, x: Expr, site: Site) -> Value:
    if len(operation.arguments) > 1:
        # Its second argument is learned: nn.PReLU's slope.
        return Expr(operation.name, (x, Expr("parameter", (), (("serial", layer.serial),))), (), site)
    return HANDLERS[operation.name](evaluator, [x, *layer.args], dict(layer.kwargs), site)


def _unflatten(layer: Layer, x: Expr, site: Site) -> Value:
    sizes = layer.option("unflattened_size", 1)
    known = tuple(number_of(item) for item in sizes) if isinstance(sizes, (tuple, list)) else ()
    return Expr("view", (x,), (("sizes", (None, *known)),) if known else (), site)


def _flatten(layer: Layer, x: Expr, site: Site) -> Value:
    """nn.Flatten keeps the batch; from another axis on, or up to one before the last, it is the method `flatten`."""
    start, end = layer.option("start_dim", 0, 1), layer.option("end_dim", 1, -1)
    if (start, end) == (1, -1):
        return Expr("flatten", (x,), (), site)
    known = tuple(item if isinstance(item, int) else None for item in ((start,) if end == -1 else (start, end)))
    return Expr("flatten", (x,), (("sizes", known),), site)


def _softmax(layer: Layer, x: Expr, site: Site) -> Expr:
    axis = whole(number_of(layer.option("dim", 0)))
    return Expr("softmax", (x,), () if axis is None else (("axis", axis),), site)


def _log_softmax(layer: Layer, x: Expr, site: Site) -> Value:
    return Expr("log", (_softmax(layer, x, site),), (), site)


def _recurrent(layer: Layer, inputs: tuple[Expr, ...], site: Site) -> Value:
    """The outputs of all steps, and the last state: of an LSTM two tensors."""
    described = (("kind", layer.kind), ("serial", layer.serial), *_state(layer), *_bounded(layer, len(inputs)))
    whole = Expr("layer", inputs, described, site)
    state = Expr("item", (whole,), (("index", 1),), site)
    hidden: Value = state
    if layer.kind == "LSTM":
        hidden = tuple(Expr("item", (state,), (("index", index),), site) for index in range(2))
    return (Expr("item", (whole,), (("index", 0),), site), hidden)


def _state(layer: Layer) -> tuple[tuple[str, int | None], ...]:
    """What makes up the axes of a recurrent layer's state beside that of the samples, as far as it is known.

    And whether the samples stand in front of the steps in what it takes.
    """
    layers, width = number_of(layer.option("num_layers", 2, 1)), number_of(layer.option("hidden_size", 1))
    both = layer.option("bidirectional", 6, False)
    return (
        ("layers", None if layers is None else int(layers)),
        ("directions", 1 + both if isinstance(both, bool) else None),
        ("width", None if width is None else int(width)),
        ("batch_first", _is_batch_first(layer)),
    )


def _bounded(layer: Layer, given: int) -> tuple[tuple[str, bool], ...]:
    """That all outputs lie in (-1, 1): an LSTM gives a share of a tanh, a GRU blends one with the state it began in.

    A projection behind an LSTM's takes them anywhere, as does a state that a GRU is handed.
    """
    if layer.kind == "LSTM":
        bounded = number_of(layer.option("proj_size", 7, 0)) == 0
    elif layer.kind == "GRU":
        bounded = given == 1
    else:
        bounded = layer.option("nonlinearity", 3, "tanh") == "tanh"
    return (("bounded", True),) if bounded else ()


def _attention(layer: Layer, inputs: tuple[Expr, ...], site: Site) -> Value:
    described = (("kind", layer.kind), ("serial", layer.serial), ("batch_first", _is_batch_first(layer)))
    whole = Expr("layer", inputs, described, site)
    return (whole, opaque("attention", inputs, site))


# The place at which a layer over steps is given whether the samples stand in front of them.
_BATCH_FIRST = {
    "LSTM": 4, "GRU": 4, "RNN": 5, "MultiheadAttention": 8,
    "TransformerEncoderLayer": 6, "TransformerDecoderLayer": 6, "Transformer": 10,
}  # fmt: skip
# What is built of one such layer.
_OF_LAYERS = {"TransformerEncoder": "encoder_layer", "TransformerDecoder": "decoder_layer"}


def _is_batch_first(layer: Layer) -> bool | None:
    """Whether the samples stand in front of the steps in what a layer takes; None where that is not known."""
    if layer.kind in _OF_LAYERS:
        inner = layer.option(_OF_LAYERS[layer.kind], 0)
        return _is_batch_first(inner) if isinstance(inner, Layer) else None
    unsaid = None if layer.site is None or _has_unread_options(layer.site.node) else False
    place = _BATCH_FIRST.get(layer.kind)
    said = layer.attributes.get("batch_first", layer.option("batch_first", place, unsaid))
    return said if isinstance(said, bool) and place is not None else None


def _has_unread_options(written: ast.AST) -> bool:
    """Whether a call is given options that it does not write: `nn.LSTM(7, 5, **options)`."""
    if not isinstance(written, ast.Call):
        return True
    return any(each.arg is None for each in written.keywords) or any(
        isinstance(each, ast.Starred) for each in written.args
    )


_OF_ONE: dict[str, Callable[[Layer, Expr, Site], Value]] = {
    "Identity": lambda layer, x, site: x,
    "Flatten": _flatten, "Unflatten": _unflatten,
    "Softmax": _softmax, "Softmax2d": _softmax, "LogSoftmax": _log_softmax,
}  # fmt: skip
_OF_MANY: dict[str, Callable[[Layer, tuple[Expr, ...], Site], Value]] = {
    "LSTM": _recurrent, "GRU": _recurrent, "RNN": _recurrent, "MultiheadAttention": _attention,
}  # fmt: skip


def _widths(layer: Layer) -> list[tuple[str, Hashable]]:
    """How many features a linear layer takes and makes, how many channels a convolution, as far as they are known."""
    if layer.kind == "Embedding":
        features = layer.option("embedding_dim", 1)
        own = ("expr", features.uid) if isinstance(features, Expr) and features.op != "const" else None
        return [("features", own or whole(number_of(features)))]
    if layer.kind == "Linear":
        names = (("inputs", "in_features"), ("outputs", "out_features"))
    elif layer.kind.startswith("Conv"):
        names = (("channels_in", "in_channels"), ("channels_out", "out_channels"))
    else:
        return []
    found = ((name, whole(number_of(layer.option(option, index)))) for index, (name, option) in enumerate(names))
    return [(name, number) for name, number in found if number is not None]


def _first(layer: Layer) -> list[tuple[str, Hashable]]:
    """Whether the samples stand in front of the steps, of a layer that has any."""
    has_steps = layer.kind in _OF_LAYERS or layer.kind in _BATCH_FIRST
    return [("batch_first", _is_batch_first(layer))] if has_steps else []


def _rate(layer: Layer) -> list[tuple[str, Hashable]]:
    """The share that a dropout drops, by which what it keeps grows; AlphaDropout moves what it keeps as well."""
    if layer.kind not in MODULES or MODULES[layer.kind].name != "dropout":
        return []
    rate = None if layer.kind == "AlphaDropout" else number_of(layer.option("p", 0, 0.5))
    return [("p", "unknown" if rate is None else rate)]


def _rank(kind: str) -> int | None:
    for suffix, rank in (("1d", 3), ("2d", 4), ("3d", 5)):
        if kind.endswith(suffix) and not kind.startswith(("BatchNorm1", "Dropout1")):
            return rank
    return None
