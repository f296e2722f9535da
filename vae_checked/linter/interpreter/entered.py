"""Objects of known classes that a `with` enters and leaves: what a block is weighed by, as Pyro's `scale` does.

A class of the project may do anything then, and is not followed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from vae_checked.linter.interpreter.context import Context
from vae_checked.linter.symbols.expression import Site
from vae_checked.linter.symbols.values import Function, Instance, Value


@contextmanager
def entered(context: Context, value: Value, site: Site) -> Iterator[None]:
    """What is run inside a `with` of this is run between the object's `__enter__` and its `__exit__`."""
    is_known = isinstance(value, Instance) and value.cls.scope.module.known
    for name in ("__enter__", "__exit__"):
        found = value.cls.find(name) if isinstance(value, Instance) and is_known else None
        if isinstance(found, Function):
            context.invoke(found.bound_to(value), [], {}, site)
        if name == "__enter__":
            yield
