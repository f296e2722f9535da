"""Reconstruction losses: functional and module forms, their reduction, and arguments that torch ignores."""

from __future__ import annotations

from collections.abc import Sequence

from vae_checked.facts import Likelihood, Reduction
from vae_checked.linter.symbols.expression import Expr, Site
from vae_checked.linter.symbols.values import Layer, Value, as_expr
from vae_checked.linter.torch_model.evaluator import Evaluator

FUNCTIONS = {
    "mse_loss": Likelihood.MSE, "l1_loss": Likelihood.L1, "smooth_l1_loss": Likelihood.SMOOTH_L1,
    "huber_loss": Likelihood.SMOOTH_L1, "binary_cross_entropy": Likelihood.BCE,
    "binary_cross_entropy_with_logits": Likelihood.BCE_WITH_LOGITS, "cross_entropy": Likelihood.CROSS_ENTROPY,
    "nll_loss": Likelihood.CROSS_ENTROPY, "gaussian_nll_loss": Likelihood.GAUSSIAN_NLL,
    "poisson_nll_loss": Likelihood.POISSON,
}  # fmt: skip
CLASSES = {
    "MSELoss": Likelihood.MSE, "L1Loss": Likelihood.L1, "SmoothL1Loss": Likelihood.SMOOTH_L1,
    "HuberLoss": Likelihood.SMOOTH_L1, "BCELoss": Likelihood.BCE, "BCEWithLogitsLoss": Likelihood.BCE_WITH_LOGITS,
    "CrossEntropyLoss": Likelihood.CROSS_ENTROPY, "NLLLoss": Likelihood.CROSS_ENTROPY,
    "GaussianNLLLoss": Likelihood.GAUSSIAN_NLL, "PoissonNLLLoss": Likelihood.POISSON,
}  # fmt: skip
_LEGACY = ("size_average", "reduce", "reduction")
# The options in the order in which they may be given without a name.
_WEIGHED = ("weight", "size_average", "reduce", "reduction")
_ORDER = {
    Likelihood.BCE: _WEIGHED, Likelihood.BCE_WITH_LOGITS: _WEIGHED,
    Likelihood.GAUSSIAN_NLL: ("var", "full", "eps", "reduction"),
    Likelihood.CROSS_ENTROPY: ("weight", "size_average", "ignore_index", "reduce", "reduction"),
    Likelihood.POISSON: ("log_input", "full", "size_average", "eps", "reduce", "reduction"),
}  # fmt: skip
# What the losses are derived from, with what their constructors take in order.
_BASES = {"_Loss": _LEGACY, "_WeightedLoss": _WEIGHED}
# By this name stand options that are not read: any of them may be among these.
UNREAD_OPTIONS = "**"
_BESIDE = ("var", "weight", "pos_weight")
_AVERAGED = ("mean", "elementwise_mean")
_KL = ("kl_div", "KLDivLoss")


def is_functional(name: str) -> bool:
    """Whether a name is that of a loss of torch.nn.functional."""
    return name in _KL or name in FUNCTIONS


def is_class(name: str) -> bool:
    """Whether a name is that of a loss class of torch, or of what these are derived from."""
    return name in CLASSES or name in _BASES


def reduction_of_class(name: str, args: list[Value], kwargs: dict[str, Value]) -> Reduction | None:
    """How a loss of a class reduces that is made with these arguments; None where that cannot be read."""
    if name in _BASES:
        return reduction_of({**dict(zip(_BASES[name], args, strict=False)), **kwargs})
    return reduction_of(_named(name, CLASSES[name], args, kwargs))


def functional(
    evaluator: Evaluator, name: str, args: list[Value], kwargs: dict[str, Value], site: Site
) -> Value | None:
    """A loss of torch.nn.functional, None when `name` is none."""
    if name in _KL:
        return Expr("kl_div", tuple(as_expr(item, site) for item in args[:2]), (), site)
    kind = FUNCTIONS.get(name)
    if kind is None:
        return None
    options = _named(name, kind, args[2:], kwargs)
    return _loss(kind, args, kwargs, options, _mistaken_flag(options, site), site, takes_logs=name == "nll_loss")


def from_layer(evaluator: Evaluator, layer: Layer, args: list[Value], kwargs: dict[str, Value], site: Site) -> Expr:
    """Calling an instance of a loss class."""
    ignored = tuple(
        (name, layer.written.get(name, site)) for name in _LEGACY if name in layer.attributes and name != "reduction"
    )
    options = _named(layer.kind, CLASSES[layer.kind], layer.args, layer.kwargs)
    if "reduction" in layer.attributes:
        options = {"reduction": layer.attributes["reduction"]}
    if CLASSES[layer.kind] is Likelihood.GAUSSIAN_NLL:
        options = {**options, "var": args[2] if len(args) > 2 else kwargs.get("var")}
    ignored += _mistaken_flag(options, layer.site or site)
    return _loss(CLASSES[layer.kind], args, kwargs, options, ignored, site, takes_logs=layer.kind == "NLLLoss")


def _named(name: str, kind: Likelihood, given: Sequence[Value], kwargs: dict[str, Value]) -> dict[str, Value]:
    """The options of a loss by name, whether or not they were given by one."""
    order = ("reduction", "delta") if name in ("huber_loss", "HuberLoss") else _ORDER.get(kind, _LEGACY)
    return {**dict(zip(order, given, strict=False)), **kwargs}


def _mistaken_flag(options: dict[str, Value], site: Site) -> tuple[tuple[str, Site], ...]:
    """A text that names a reduction, given to an old flag: every text is true there, and the loss a mean."""
    if reduction_of(options) is not Reduction.MEAN:
        return ()
    flags = ((name, options.get(name)) for name in _LEGACY[:2])
    return tuple(
        (f'{name}="{value}"', site) for name, value in flags if isinstance(value, str) and value not in _AVERAGED
    )


def _loss(
    kind: Likelihood,
    args: list[Value],
    kwargs: dict[str, Value],
    options: dict[str, Value],
    ignored: tuple[tuple[str, Site], ...],
    site: Site,
    *,
    takes_logs: bool,
) -> Expr:
    first = args[0] if args else kwargs.get("input")
    second = args[1] if len(args) > 1 else kwargs.get("target")
    reduction = reduction_of(options)
    attrs = (("kind", kind), ("ignored", ignored), ("reduction", reduction), ("takes_logs", takes_logs))
    # A variance or a weight for each element is trained as well where a network makes it.
    beside = [each for name in _BESIDE if isinstance(each := options.get(name), Expr) and each.args]
    loss = Expr("loss", (as_expr(first, site), as_expr(second, site), *beside), attrs, site)
    if reduction is Reduction.KEPT or reduction is None:
        return loss
    return Expr(str(reduction), (loss,), (("axes", "all"), ("keepdim", False)), site)


def reduction_of(options: dict[str, Value]) -> Reduction | None:
    """What a loss does with its elements, from its options; None when they cannot be read.

    Either old flag, where it is given, settles it by whether it is true.
    """
    flags = [options.get(name) for name in _LEGACY[:2]]
    if any(flag is not None for flag in flags):
        if not all(flag is None or isinstance(flag, (bool, int, str)) for flag in flags):
            return None
        average, reduces = (flag is None or bool(flag) for flag in flags)
        if not reduces:
            return Reduction.KEPT
        return Reduction.MEAN if average else Reduction.SUM
    value = options.get("reduction", None if UNREAD_OPTIONS in options else "mean")
    known = {**dict.fromkeys(_AVERAGED, Reduction.MEAN), "sum": Reduction.SUM, "none": Reduction.KEPT}
    if value is None:
        return None
    return known.get(value) if isinstance(value, str) else None
