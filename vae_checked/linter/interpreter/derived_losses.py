"""Objects of the project's classes that are derived from a loss of torch: each holds the one that its base is."""

from __future__ import annotations

from vae_checked.facts import Reduction
from vae_checked.linter.interpreter.context import Context
from vae_checked.linter.symbols.expression import Site
from vae_checked.linter.symbols.values import Class, External, Instance, Layer, Value
from vae_checked.linter.torch_model import layers, losses

_HELD = "_loss"
_WRITTEN = {Reduction.MEAN: "mean", Reduction.SUM: "sum", Reduction.KEPT: "none"}


def takes_options(target: Value) -> bool:
    """Whether what is called is a loss of torch, or a class that is made as the one that it is derived from."""
    if isinstance(target, Class) and target.find("__init__") is None:
        return _base(target) is not None
    if not isinstance(target, External):
        return False
    library, _, last = target.dotted.rpartition(".")
    return library.startswith("torch") and (losses.is_class(last) or losses.is_functional(last))


def initialise(
    context: Context, instance: Instance, cls: Class, args: list[Value], kwargs: dict[str, Value], site: Site | None
) -> None:
    """Make what the first loss among the bases of `cls` makes of these arguments, and keep its reduction."""
    kind = _base(cls)
    if kind is None or site is None:
        return
    how = losses.reduction_of_class(kind, args, kwargs)
    if how is not None:
        instance.attributes["reduction"] = _WRITTEN[how]
    if kind in losses.CLASSES:
        instance.attributes[_HELD] = layers.construct(context, kind, args, kwargs, site)


def _base(cls: Class) -> str | None:
    """The first loss of torch that a class is derived from."""
    bases = (dotted.rpartition(".") for dotted in sorted(cls.external_bases()))
    return next((last for library, _, last in bases if losses.is_class(last) and library.startswith("torch")), None)


def held(value: Value) -> Layer | None:
    """The loss that an object is by its base, with the reduction that the object has by now."""
    made = value.attributes.get(_HELD) if isinstance(value, Instance) else None
    if not isinstance(value, Instance) or not isinstance(made, Layer):
        return None
    now = value.attributes.get("reduction")
    how = losses.reduction_of_class(made.kind, list(made.args), dict(made.kwargs))
    if now is not None and (how is None or now != _WRITTEN[how]):
        made.attributes["reduction"] = now
    return made
