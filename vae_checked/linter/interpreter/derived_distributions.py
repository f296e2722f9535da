"""Objects of the project's classes that are derived from a torch distribution: each holds the one that its base is."""

from __future__ import annotations

from vae_checked.linter.interpreter.context import Context
from vae_checked.linter.symbols.expression import Site
from vae_checked.linter.symbols.values import Class, Distribution, Instance, Value
from vae_checked.linter.torch_model import distributions

_HELD = "_distribution"


def initialise(
    context: Context, instance: Instance, cls: Class, args: list[Value], kwargs: dict[str, Value], site: Site | None
) -> None:
    """Make what the first distribution among the bases of `cls` makes of these arguments."""
    family = next((name for name in map(_last, sorted(cls.external_bases())) if name in distributions.FAMILIES), None)
    if family is not None and site is not None:
        instance.attributes[_HELD] = distributions.construct(context, family, list(map(held, args)), kwargs, site)


def held(value: Value) -> Value:
    """The distribution that an object is by its base; any other value itself."""
    made = value.attributes.get(_HELD) if isinstance(value, Instance) else None
    return made if isinstance(made, Distribution) else value


def _last(dotted: str) -> str:
    return dotted.rpartition(".")[2]
