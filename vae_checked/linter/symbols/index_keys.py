"""What an index of a tensor holds for each axis, as expressions keep it: `h[:, 0]` and `h.unbind(1)[0]` are one."""

from __future__ import annotations

from vae_checked.linter.symbols.expression import Expr, Site, const, opaque
from vae_checked.linter.symbols.values import Value

Part = tuple[object, ...]


def index_key(part: Value) -> Part:
    """What an index holds for one axis."""
    if isinstance(part, slice):
        return ("slice", *(index_key(end) for end in (part.start, part.stop, part.step)))
    if isinstance(part, Expr):
        return ("expr", part.uid)
    return ("value", part if isinstance(part, (int, float, str, bool, type(None))) else str(type(part)))


# All axes that no other part of an index is for, and all entries of one axis.
ELLIPSIS = index_key(...)
WHOLE = index_key(slice(None))


def entry(x: Expr, axis: int | None, index: int, site: Site) -> Expr:
    """One entry of an axis of a tensor, which has that axis no more; of an axis that is not known nothing is."""
    if axis is None:
        return opaque("entry", (x, const(float(index), site)), site)
    if axis == 0:
        return Expr("item", (x,), (("index", index),), site)
    picked = index_key(index)
    key = (*[WHOLE] * axis, picked) if axis > 0 else (ELLIPSIS, picked, *[WHOLE] * (-axis - 1))
    return Expr("index", (x,), (("key", key),), site)
