"""Batches that are dicts: where each of the pictures lies that a data set, its transform and its collation hand out."""

from __future__ import annotations

import ast
import re
from collections.abc import Hashable

from vae_checked.linter.files import syntax
from vae_checked.linter.symbols.expression import TRANSPARENT, Expr, Site, walk
from vae_checked.linter.symbols.intervals import interval_of
from vae_checked.linter.symbols.observations import Pipeline
from vae_checked.linter.symbols.values import Function, Key, Loader, Value
from vae_checked.linter.torch_model.evaluator import Evaluator
from vae_checked.record import replace

# What an item is called that is a picture; others may lie in the same interval, and are no data.
_PICTURE = re.compile(r"image|img|pixel|frame|video|picture|photo", re.IGNORECASE)
_NO_PICTURE = re.compile(r"mask|label|path|name|size|text|prompt|_ids?$|cond|hint|depth", re.IGNORECASE)
_PASSED = TRANSPARENT | frozenset(("item", "index", "part", "move", "stack", "flatten"))
# The methods of a table of `datasets` that hand its rows through a function; the second does so where it lies.
TRANSFORMED = frozenset(("with_transform", "set_transform", "map"))
# By which a function brings pixels to another scale.
_SCALES = (ast.Div, ast.Mult, ast.Sub)
Field = tuple[str, Hashable, Site | None]


def fields_of(item: Value) -> tuple[Field, ...]:
    """The pictures in an item that is a dict: name, the ends of the interval, None where unknown, and the place.

    They are known by their names, or by what made them: `target` may be a label, or a picture that was read.
    """
    if not isinstance(item, dict):
        return ()
    return tuple(
        (name, _ends(value), _settled(value).site)
        for name, value in item.items()
        if isinstance(name, str)
        and isinstance(value, Expr)
        and not _NO_PICTURE.search(name)
        and (_PICTURE.search(name) or _is_read(value))
    )


def _is_read(value: Expr) -> bool:
    """Whether a value is made of a picture that was read, and lies in an interval which is known."""
    return _ends(value) is not None and any(node.op == "data" for node in walk(value))


def _settled(value: Expr) -> Expr:
    """The operation that gave a picture its interval: what only moves or joins pixels is passed by."""
    node = value
    while node.args and (node.op in _PASSED or node.op == "phi"):
        node = node.args[1] if node.op == "phi" else node.args[0]
    return node if node.site is not None else value


def _ends(value: Expr) -> Hashable:
    interval = interval_of(value)
    return None if interval is None else (interval.low, interval.high, interval.low_open, interval.high_open)


def field(batch: Expr, name: object) -> Expr | None:
    """The picture of this name in a batch; None where the batch is not known to have it."""
    fields = batch.get("fields")
    for known, ends, site in fields if isinstance(fields, tuple) else ():
        if known == name:
            attrs = (*((key, batch.get(key)) for key in ("loader", "batched")), ("field", known), ("interval", ends))
            return Expr("data", (), attrs, site)
    return None


def collated(evaluator: Evaluator, loader: Loader, function: Value, site: Site) -> Loader:
    """A loader whose items a function puts together: one item of it says what is in a batch.

    What a function computes of items that are no dict is not read: where they lie is not known, if it computes at all.
    """
    if not isinstance(function, Function):
        return loader
    if loader.item is None:
        if not any(isinstance(node, _SCALES) for node in syntax.descendants(function.node)):
            return loader
        evaluator.project_observations.note_pipeline(Pipeline(None, site, held=True))
        return replace(loader, interval=None, own=True)
    sample = loader.item
    made = evaluator.aside(lambda: evaluator.call(function, [[sample]], {}, site))
    found = fields_of(made)
    return replace(loader, fields=found) if found else loader


def with_transform(evaluator: Evaluator, function: Value, site: Site) -> Loader | None:
    """The rows of a table of `datasets` as a function hands them out; None where its items are not known."""
    if not isinstance(function, Function):
        return None
    rows = evaluator.aside(lambda: evaluator.call(function, [{}], {}, site))
    if not isinstance(rows, dict):
        return None
    item: dict[Key, Value] = {
        name: value[0] if isinstance(value, list) and value else value for name, value in rows.items()
    }
    found = fields_of(item)
    return Loader(None, site, "data", found, item) if found else None
