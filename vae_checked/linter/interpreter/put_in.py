"""What code puts under a text into a table that it was handed, as into a batch: `batch["z"] = z` is `batch["z"]` then.

Settings are left out: what a table of them says of a number or a text is there to be changed.
"""

from __future__ import annotations

from collections.abc import Mapping

from vae_checked.linter.interpreter.context import UNREAD, Context, Result
from vae_checked.linter.symbols.expression import Expr, strip
from vae_checked.linter.symbols.values import Choice, Class, Function, Instance, Layer, Partial, Value
from vae_checked.linter.symbols.values import Sequence as Layers

_KEPT = (Function, Class, Instance, Layer, Layers, Partial, Choice)


def store(context: Context, owner: Expr, key: str, value: Value) -> None:
    """owner[key] = value."""
    entries = context.observations.put_in.setdefault(strip(owner).uid, {})
    if isinstance(value, _KEPT) or (isinstance(value, Expr) and value.op != "const"):
        entries[key] = value
    else:
        entries.pop(key, None)


def read(context: Context, owner: Expr, key: str) -> Result:
    """owner[key], where something was put there."""
    entries = context.observations.put_in.get(strip(owner).uid, {})
    return entries.get(key, UNREAD) if key in entries else UNREAD


def call_method(context: Context, owner: Expr, name: str, args: list[Value], kwargs: Mapping[str, Value]) -> Result:
    """owner.update(entries) and owner.get(key); unread where nothing is known of the entry.

    Tables that hand out what was done to them hand out themselves; of a dict nobody keeps what that gives.
    """
    given = args[0] if args else {}
    if name == "update" and isinstance(given, dict):
        for key, value in (*given.items(), *kwargs.items()):
            if isinstance(value, Expr):
                # Whoever has the table has this as well.
                context.observations.handed_on.add(value.uid)
            if type(key) is str:
                store(context, owner, key, value)
        return owner
    return read(context, owner, given) if name == "get" and isinstance(given, str) else UNREAD
