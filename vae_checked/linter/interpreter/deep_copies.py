"""What copy.deepcopy makes of a model: one like it, whose layers and parameters are its own."""

from __future__ import annotations

from vae_checked.linter.interpreter.context import Context
from vae_checked.linter.symbols.expression import Expr, Site
from vae_checked.linter.symbols.values import Instance, Layer, Sequence, Value
from vae_checked.record import replace


def deep_copy(context: Context, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
    """A copy of a model and of containers that hold some; of anything else the copy is what it is of."""
    return _copied(args[0] if args else kwargs.get("x"), context, {})


def _copied(value: Value, context: Context, known: dict[int, Value]) -> Value:
    if id(value) in known:
        return known[id(value)]
    made: Value
    if isinstance(value, Layer):
        made = known[id(value)] = replace(value, serial=context.serial(), attributes={}, written=dict(value.written))
        made.attributes.update((name, _copied(part, context, known)) for name, part in value.attributes.items())
    elif isinstance(value, Sequence):
        made = known[id(value)] = replace(value, items={})
        made.items.update((name, _copied(part, context, known)) for name, part in value.items.items())
    elif isinstance(value, Instance) and value.cls.is_module:
        made = known[id(value)] = replace(value, attributes={})
        made.attributes.update((name, _copied(part, context, known)) for name, part in value.attributes.items())
    elif isinstance(value, Expr) and value.op == "parameter":
        attrs = (("serial", context.serial()) if name == "serial" else (name, item) for name, item in value.attrs)
        made = known[id(value)] = Expr(value.op, value.args, tuple(attrs), value.site)
    elif type(value) is tuple:
        made = known[id(value)] = tuple(_copied(part, context, known) for part in value)
    elif type(value) is list:
        made = known[id(value)] = [_copied(part, context, known) for part in value]
    elif type(value) is dict:
        made = known[id(value)] = {key: _copied(part, context, known) for key, part in value.items()}
    else:
        return value
    return made
