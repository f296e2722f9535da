"""Calls of what stands outside the project: Python's built-ins, torch, and helpers around either."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import TypeAlias

from vae_checked.linter.interpreter import (
    builtin_functions,
    configured_objects,
    derived_distributions,
    known_models,
    parts,
    records,
    selection,
    trainers,
    wrappers,
)
from vae_checked.linter.interpreter.context import Context
from vae_checked.linter.interpreter.deep_copies import deep_copy
from vae_checked.linter.symbols.constants import exactly_whole, is_followed
from vae_checked.linter.symbols.expression import Expr, Site, atom, opaque, strip
from vae_checked.linter.symbols.more_names import joined, taken_by_name
from vae_checked.linter.symbols.places import is_unknown_item, unknown_item
from vae_checked.linter.symbols.values import (
    Defaults,
    Distribution,
    Function,
    Instance,
    Partial,
    Value,
    as_expr,
    by_name,
    number_of,
)
from vae_checked.linter.torch_model import (
    contractions,
    distributions,
    layers,
    losses,
    noise,
    norms,
    optimizers,
    pictures,
    scalers,
    transforms,
)
from vae_checked.linter.torch_model.functions import MATH, handler_of, larger_or_smaller

_OTHER_FRAMEWORKS = frozenset(
    "tensorflow tensorflow_probability keras jax flax numpyro distrax edward edward2 mxnet paddle theano pymc".split()
)
_METHODS, _KL = ("sample", "rsample", "log_prob", "entropy"), "kl_divergence"
_OF_DISTRIBUTIONS = frozenset((*_METHODS, _KL))
_IMPORTING, _SIZES = "importlib.import_module", "torch.Size"
_TENSOR_LIBRARIES = frozenset(("torch", "numpy", "math", "np", "functional", "scipy", "einops", "jax", "tensor"))


def call(context: Context, dotted: str, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
    """dotted(*args, **kwargs), by the first part of the model that knows the name."""
    top, _, rest = dotted.partition(".")
    if top == "builtins":
        return builtin_functions.call(context, rest, args, kwargs, site)
    helper = _HELPERS.get(dotted.rpartition(".")[2])
    if helper is not None:
        return helper(context, args, kwargs, site)
    optimizers.note(context, dotted, args, kwargs, site)
    for make in _makers(dotted):
        made = make(context, dotted, args, kwargs, site)
        if made is not None:
            return made
    trainers.handed(context, args, kwargs, site)
    extra = tuple(as_expr(item, site) for item in (*args, *kwargs.values()))
    return opaque(dotted, extra, site)


# ----------------------------------------- what makes a value of a name, None where the name is of another part


def _prepared(context: Context, dotted: str, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value | None:
    return wrappers.prepared(dotted, args, kwargs)


def _moved(context: Context, dotted: str, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value | None:
    return wrappers.scaled_loss(None, dotted, args) or wrappers.moved(dotted, args)


def _imported(context: Context, dotted: str, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value | None:
    """importlib.import_module(name): the file of that name, or any of the folder that its known start says."""
    return selection.imported(context, args[0]) if dotted == _IMPORTING and args else None


def _distribution(
    context: Context, dotted: str, args: list[Value], kwargs: dict[str, Value], site: Site
) -> Value | None:
    last = dotted.rpartition(".")[2]
    if dotted.partition(".")[0] in _OTHER_FRAMEWORKS:
        # Their `sample` hands on a gradient, and theirs are other tensors.
        return None
    args = [derived_distributions.held(value) for value in args]
    if args and isinstance(args[0], Distribution) and last in _METHODS:
        return distributions.call_method(context, args[0], last, args[1:], kwargs, site)
    if "distributions" in dotted or last in distributions.FAMILIES or last == _KL:
        return distributions.construct(context, last, args, kwargs, site)
    return None


def _unfilled(context: Context, dotted: str, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value | None:
    last = dotted.rpartition(".")[2]
    return noise.unfilled(last, args, site) if last in noise.UNFILLED else None


def _loss(context: Context, dotted: str, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value | None:
    return losses.functional(context, dotted.rpartition(".")[2], args, kwargs, site)


def _layer(context: Context, dotted: str, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value | None:
    last = dotted.rpartition(".")[2]
    return layers.construct(context, last, args, kwargs, site) if layers.is_layer(dotted) else None


def _function(context: Context, dotted: str, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value | None:
    """A function of a tensor library, or of Python's math."""
    top, last = dotted.partition(".")[0], dotted.rpartition(".")[2]
    handler = handler_of(dotted)
    if top == "math" and last not in MATH:
        return opaque(dotted, tuple(as_expr(item, site) for item in args), site)
    if handler is not None and (args or kwargs) and top in _TENSOR_LIBRARIES:
        return handler(context, list(args), dict(kwargs), site)
    if top in _TENSOR_LIBRARIES and (extreme := larger_or_smaller(last, args, kwargs, site)) is not None:
        return extreme
    if top in _TENSOR_LIBRARIES and (apart := norms.distance(last, args, kwargs, site)) is not None:
        return apart
    if top == "einops" and last == "reduce":
        return contractions.reduced(args, kwargs, site)
    if last == "einsum":
        contracted = contractions.einsum(args, site)
        if contracted is not None:
            return contracted
        return opaque("einsum", tuple(as_expr(item, site) for item in args), site)
    return None


def _copied(context: Context, dotted: str, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value | None:
    """dataclasses.replace(record, part=...): the record with other parts."""
    record = args[0] if args else None
    if dotted.rpartition(".")[2] != "replace" or not isinstance(record, Instance):
        return None
    return records.replaced(record, kwargs)


def _chosen(context: Context, dotted: str, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value | None:
    """skorch.utils.params_for("module", named): the settings whose names begin so, without that beginning."""
    match args:
        case [str(prefix), dict(named)]:
            start = f"{prefix.rstrip('_')}__"
            texts = {name: value for name, value in named.items() if isinstance(name, str) and name.startswith(start)}
            return {name.removeprefix(start): value for name, value in texts.items()}
    return None


def _shape(context: Context, dotted: str, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value | None:
    """torch.Size(sizes): the sizes that it holds, written out as in a tuple."""
    return tuple(args[0]) if dotted == _SIZES and args and isinstance(args[0], (tuple, list)) else None


def _output(context: Context, dotted: str, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value | None:
    """A record of what a model returns, of a class of another library: `BaseModelOutput(last_hidden_state=h)`."""
    return by_name(kwargs) if not args and records.is_output(dotted) else None


def _trained(context: Context, dotted: str, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value | None:
    """A model of diffusers' that the evaluation trains, built or loaded, as what is known of its class makes it."""
    if not context.trains_library_models:
        return None
    loaded = dotted.rpartition(".")[2] != known_models.TRAINED[2]
    cls = context.imports.known(".".join(known_models.TRAINED))
    return context.call(cls, [] if loaded else args, {} if loaded else kwargs, site)


def _is_of_a_distribution(dotted: str) -> bool:
    last = dotted.rpartition(".")[2]
    return "distributions" in dotted or last in distributions.FAMILIES or last in _OF_DISTRIBUTIONS


def _is_of_tensors(dotted: str) -> bool:
    return dotted.partition(".")[0] in _TENSOR_LIBRARIES or dotted.rpartition(".")[2] == "einsum"


_Maker: TypeAlias = "Callable[[Context, str, list[Value], dict[str, Value], Site], Value | None]"
# What makes a value, in this order, each with whether a call of that name may be one of its own.
_MAKERS: tuple[tuple[Callable[[str], bool], _Maker], ...] = (
    (known_models.may_be_trained, _trained),
    (wrappers.is_preparing, _prepared),
    (wrappers.is_moving, _moved),
    (_IMPORTING.__eq__, _imported),
    (configured_objects.is_of_settings, configured_objects.made),
    (transforms.may_be_of_data, transforms.construct),
    (pictures.may_read, pictures.read),
    (_is_of_a_distribution, _distribution),
    (noise.may_draw, noise.from_function),
    (noise.fills, noise.from_init),
    (scalers.is_of_scalers, scalers.construct),
    (lambda dotted: dotted.rpartition(".")[2] in noise.UNFILLED, _unfilled),
    (lambda dotted: losses.is_functional(dotted.rpartition(".")[2]), _loss),
    (layers.is_layer, _layer),
    (_is_of_tensors, _function),
    (lambda dotted: dotted.rpartition(".")[2] == "replace", _copied),
    (_SIZES.__eq__, _shape),
    ("skorch.utils.params_for".__eq__, _chosen),
    (records.is_output, _output),
)


@lru_cache(maxsize=2048)
def _makers(dotted: str) -> tuple[_Maker, ...]:
    """Those that may make something of a call of this name: of most names it is one or none, and few names are many."""
    return tuple(make for may_be_its_own, make in _MAKERS if may_be_its_own(dotted))


# -------------------------------------------------------------- helpers, by their name wherever they are from


def _partial(context: Context, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
    return Partial(args[0], tuple(args[1:]), joined(kwargs)) if args else None


def _checkpoint(context: Context, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
    kwargs = {name: value for name, value in kwargs.items() if name not in ("use_reentrant", "preserve_rng_state")}
    return context.call(args[0], args[1:], kwargs, site) if args else None


def _first(context: Context, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
    return args[0] if args else None


def _mapped(context: Context, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
    """A model is one for a batch as well; of a function that is run for each row the axes are those of a row."""
    mapped = _first(context, args, kwargs, site)
    return opaque("vmap", (), site) if isinstance(mapped, Function) else mapped


def _ordered(context: Context, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
    """OrderedDict of pairs, of another dict, or of keywords."""
    if args and isinstance(args[0], dict):
        return {**args[0], **by_name(kwargs)}
    if not args:
        return taken_by_name(kwargs, by_name(kwargs))
    given = args[0] if isinstance(args[0], (list, tuple)) else [unknown_item(args[0], site)]
    made = {**parts.of_pairs(given), **by_name(kwargs)}
    unknown = next(filter(is_unknown_item, given), None)
    if unknown is not None:
        made["unknown"] = unknown_item(unknown, site)
    return made


def _namespace(context: Context, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
    """A namespace; the settings that it is made with are there to be changed, but for a sum that begins at 0."""
    made = _ordered(context, args, kwargs, site)
    if not isinstance(made, dict):
        return made
    return {
        key: Expr("attribute", (), (("name", str(key)), ("of", id(site.node))), site) if _is_setting(value) else value
        for key, value in made.items()
    }


def _is_setting(value: Value) -> bool:
    return value is not None and isinstance(value, (str, int, float)) and value != 0


def _defaults(context: Context, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
    """defaultdict(factory)."""
    return Defaults(args[0]) if args and args[0] is not None else by_name(kwargs)


def _record(context: Context, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
    made = records.make(context, args, kwargs, site)
    return opaque("record", tuple(as_expr(item, site) for item in args), site) if made is None else made


def _by_name(context: Context, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
    """dataclasses.asdict(record)."""
    record = args[0] if args else None
    return records.by_name(record) if isinstance(record, Instance) else opaque("asdict", (as_expr(record, site),), site)


def _parameter(context: Context, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
    """nn.Parameter: a tensor of its own that is learned, unless it is made to stay as it is."""
    stays = kwargs.get("requires_grad", args[1] if len(args) > 1 else None) is False
    return Expr("parameter", (), (("serial", context.serial()), *((("fixed", True),) if stays else ())), site)


def _product(context: Context, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
    """prod of numbers, or of a tensor's sizes: a count of its elements."""
    values = args[0] if args else ()
    if isinstance(values, (list, tuple)):
        numbers = [number for number in map(number_of, values) if number is not None]
        if len(numbers) < len(values):
            return opaque("prod", tuple(as_expr(item, site) for item in values), site)
        total = math.prod(numbers)
        count = exactly_whole(total)
        return total if count is None or not is_followed(count) else count
    sizes = strip(as_expr(values, site))
    cut = dict(sizes.attrs)
    start = cut.get("from", 0)
    if sizes.op == "shape" and isinstance(start, (int, float)) and "to" not in cut:
        axis = ("from", int(start)) if start else "all"
        return Expr("size", sizes.args, (("axis", axis),), site)
    return opaque("prod", tuple(as_expr(item, site) for item in args), site)


_HELPERS: dict[str, Callable[[Context, list[Value], dict[str, Value], Site], Value]] = {
    "Parameter": _parameter,
    "partial": _partial,
    "checkpoint": _checkpoint,
    "tqdm": _first,
    "trange": lambda context, args, kwargs, site: [atom("epoch", site)],
    **dict.fromkeys(wrappers.OF_ONE, _first),
    "deepcopy": deep_copy,
    "__setattr__": lambda context, args, kwargs, site: builtin_functions.call(context, "setattr", args, kwargs, site),
    "vmap": _mapped,
    "fork": lambda context, args, kwargs, site: context.call(args[0], args[1:], kwargs, site) if args else None,
    "wait": _first,
    **dict.fromkeys(records.NAMESPACES, _namespace),
    "OrderedDict": _ordered,
    "defaultdict": _defaults,
    "asdict": _by_name,
    **dict.fromkeys(records.MAKERS, _record),
    "TypedDict": lambda context, args, kwargs, site: records.typed(context, args, site),
    "prod": _product,
}
