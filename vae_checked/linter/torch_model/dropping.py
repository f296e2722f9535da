"""Functions of torch that drop elements, and whether evaluation switches them off."""

from __future__ import annotations

from vae_checked.linter.symbols.expression import Expr, Site, strip
from vae_checked.linter.symbols.values import Value, as_expr, number_of
from vae_checked.linter.torch_model.elementwise import Handler, argument, first_tensor
from vae_checked.linter.torch_model.evaluator import Evaluator

# Whether each is on where nothing is said of the mode.
ON_BY_DEFAULT = {
    "dropout": True,
    "dropout1d": True,
    "dropout2d": True,
    "dropout3d": True,
    "alpha_dropout": False,
    "feature_alpha_dropout": False,
}


def _drops(on_by_default: bool) -> Handler:
    def handle(_: Evaluator, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
        x = first_tensor(args, kwargs, site)
        rate = number_of(argument(args, kwargs, 1, "p"))
        if len(args) > 2 or "training" in kwargs:
            # Whoever writes that it is always on may mean it, and a condition of another kind may be either.
            mode = argument(args, kwargs, 2, "training")
            always = False if mode is False or rate == 0.0 or _is_mode(mode) else None
        else:
            always = on_by_default and rate != 0.0 and not _is_of_training_alone(argument(args, kwargs, 1, "p"))
        kept = 0.5 if len(args) < 2 and "p" not in kwargs else "unknown" if rate is None else rate
        return Expr("layer", (x,), (("kind", "dropout"), ("always_on", always), ("rate", rate), ("p", kept)), site)

    return handle


def _is_mode(value: Value) -> bool:
    """Whether a value says whether a module is in training, or is handed over by somebody who knows."""
    if not isinstance(value, Expr) or value.op not in ("training", "atom", "attribute"):
        return False
    # The method that sets the mode is always true.
    return value.get("name") not in ("train", "eval")


def _is_of_training_alone(rate: Value) -> bool:
    """Whether a rate is one in training, and 0 in evaluation."""
    if not isinstance(rate, Expr):
        return False
    # A mode that is made a number of, as by float().
    rate = strip(rate)
    if rate.op == "phi" and rate.args[0].op == "training":
        return number_of(rate.args[2]) == 0.0
    return rate.op == "mul" and any(strip(factor).op == "training" for factor in rate.args)


def _attends(_: Evaluator, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
    """F.scaled_dot_product_attention(query, key, value, attn_mask, dropout_p): no mode switches its dropout off."""
    tensors = [*args[:3], *(kwargs[name] for name in ("query", "key", "value") if name in kwargs)]
    made = Expr("attention", tuple(as_expr(each, site) for each in tensors), (), site)
    given = argument(args, kwargs, 4, "dropout_p")
    rate = 0.0 if given is None else number_of(given)
    if rate == 0.0:
        return made
    always = False if _is_of_training_alone(given) else None if rate is None else True
    return Expr("layer", (made,), (("kind", "attention_dropout"), ("always_on", always), ("rate", rate)), site)


HANDLERS: dict[str, Handler] = {
    **{name: _drops(is_on) for name, is_on in ON_BY_DEFAULT.items()},
    "scaled_dot_product_attention": _attends,
}
