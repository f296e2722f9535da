"""Reconstruction losses: functional and module forms, their reduction, and arguments that torch ignores."""

from __future__ import annotations

from vae_checked.facts import Likelihood, Reduction
from vae_checked.linter.symbols.expression import Expr, Site
from vae_checked.linter.symbols.values import Layer, Value, as_expr
from vae_checked.linter.torch_model.evaluator import Evaluator

_FUNCTIONS = {
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


def functional(
    evaluator: Evaluator, name: str, args: list[Value], kwargs: dict[str, Value], site: Site
) -> Value | None:
    """A loss of torch.nn.functional, None when `name` is none."""
    if name in ("kl_div", "KLDivLoss"):
        return Expr("kl_div", tuple(as_expr(item, site) for item in args[:2]), (), site)
    kind = _FUNCTIONS.get(name)
    if kind is None:
        return None
    return _loss(kind, args, kwargs, kwargs, (), site)


def from_layer(evaluator: Evaluator, layer: Layer, args: list[Value], kwargs: dict[str, Value], site: Site) -> Expr:
    """Calling an instance of a loss class."""
    ignored = tuple(
        (name, layer.written.get(name, site)) for name in _LEGACY if name in layer.attributes and name != "reduction"
    )
    options = dict(layer.kwargs)
    if "reduction" in layer.attributes:
        options["reduction"] = layer.attributes["reduction"]
    return _loss(CLASSES[layer.kind], args, kwargs, options, ignored, site)


def _loss(
    kind: Likelihood,
    args: list[Value],
    kwargs: dict[str, Value],
    options: dict[str, Value],
    ignored: tuple[tuple[str, Site], ...],
    site: Site,
) -> Expr:
    first = args[0] if args else kwargs.get("input")
    second = args[1] if len(args) > 1 else kwargs.get("target")
    reduction = reduction_of(options)
    attrs = (("kind", kind), ("ignored", ignored), ("reduction", reduction))
    loss = Expr("loss", (as_expr(first, site), as_expr(second, site)), attrs, site)
    if reduction is Reduction.KEPT or reduction is None:
        return loss
    return Expr(str(reduction), (loss,), (("axes", "all"), ("keepdim", False)), site)


def reduction_of(options: dict[str, Value]) -> Reduction | None:
    """What a loss does with its elements, from its keyword arguments; None when they cannot be read."""
    average, reduce = options.get("size_average"), options.get("reduce")
    if isinstance(average, bool) or isinstance(reduce, bool):
        if reduce is False:
            return Reduction.KEPT
        return Reduction.SUM if average is False else Reduction.MEAN
    value = options.get("reduction", "mean")
    known = {"mean": Reduction.MEAN, "elementwise_mean": Reduction.MEAN, "sum": Reduction.SUM, "none": Reduction.KEPT}
    if value is None:
        return None
    return known.get(value) if isinstance(value, str) else None
