"""Of what a size is: of a batch, of one sample of it, of one part of several, or of all data."""

from __future__ import annotations

from vae_checked.linter.symbols.expression import Expr, contains, strip, walk
from vae_checked.linter.symbols.places import is_unknown_item

_ENTRIES = frozenset(("item", "index", "data"))
# How people call what hands out batches, and what all data are in.
_OF_ALL = ("loader", "dataset", "batches")


def is_of_one_sample(whole: Expr, term: Expr) -> bool:
    """Whether it is one entry of what stands in a term, taken for its size alone: `x[0].numel()`, `x[0].shape[-1]`."""
    taken = strip(whole)
    if not _is_by_number(taken) or contains(term, taken.uid) or not contains(term, taken.args[0].uid):
        return False
    # The first of what a loop goes through is a batch by itself, as of one modality; so is one of several results.
    among = taken.args[0]
    return not is_taken_apart(among, term) and _is_used_whole(among, term)


def _is_by_number(node: Expr) -> bool:
    """Whether a node takes one entry of something, by a number."""
    keys = node.get("key")
    key = node.get("index") if node.op == "item" else keys[0] if isinstance(keys, tuple) and keys else None
    return isinstance(key, int)


def _is_used_whole(value: Expr, term: Expr) -> bool:
    """Whether a term takes a value as it is, where it may take one entry of it, and another."""
    return term.uid == value.uid or any(
        any(arg.uid == value.uid for arg in node.args) and not _is_by_number(node) for node in walk(term)
    )


def may_be_of_one_sample(whole: Expr, term: Expr) -> bool:
    """Whether it is an entry of something that no term holds: of a batch one sample, of a tuple a batch."""
    taken = strip(whole)
    return taken.op in _ENTRIES and not contains(term, (taken.args[0] if taken.args else taken).uid)


def is_taken_apart(whole: Expr, term: Expr) -> bool:
    """Whether a term holds what a loop takes of a value, item by item."""
    return any(is_unknown_item(node) and node.args[0].uid == whole.uid for node in walk(term))


def may_be_all_data(value: Expr) -> bool:
    """Whether a value is what an unread call returns or an attribute that was never seen set, or a part of such.

    Or what hands out batches, by its name: how many these are is no size of one.
    """
    node = strip(value)
    if node.op == "atom" and any(word in str(node.get("name")).lower() for word in _OF_ALL):
        return True
    while node.op in ("item", "index", "part"):
        node = strip(node.args[0])
    return node.op in ("opaque", "call", "attribute")
