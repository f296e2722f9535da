"""Factors that are 1 by default: at one end of a latent's way the default was read, at the other the name."""

from __future__ import annotations

import re
from collections.abc import Iterable

from vae_checked.facts import Origin
from vae_checked.linter.files import syntax
from vae_checked.linter.pretrained.pairs import Pair
from vae_checked.linter.symbols.values import Module


def may_have_a_value(pair: Pair, modules: Iterable[Module]) -> bool:
    """Whether the one end has a quantity that another function, around the other end, takes from its object.

    A setting that is 1 by default is known by its name where it stands in the operation, and is 1 where it was bound to
    another name before: `undo = 1 / self.scale_factor`.
    """
    encoded, decoded = pair.encoded, pair.decoded
    behind, before = encoded.applied.names, decoded.applied.names
    if behind == before:
        return False
    known = list(modules)
    scaled, given, taken = (around(each, known) for each in (encoded.at, encoded.call, decoded.call))
    sides = (
        (behind - before, taken, (scaled,)),
        (before - behind, given, (taken,)),
        (before - behind, scaled, (taken,)),
    )
    return any(
        text and text not in others and re.search(rf"\bself\.{re.escape(name)}\b", text, re.IGNORECASE) is not None
        for names, text, others in sides
        for name in names
    )


def around(origin: Origin, modules: Iterable[Module]) -> str:
    """The function that a place stands in, the innermost one; empty for a place outside of any."""
    place = origin.place
    module = None if place is None else next((each for each in modules if each.path == place.path), None)
    if place is None or module is None:
        return ""
    source = next((each for each in module.sources if each.cell.number == place.cell), None)
    functions = [
        node
        for node in ([] if source is None else syntax.descendants(source.cell.tree))
        if isinstance(node, syntax.DEFINITIONS) and node.lineno <= place.line <= (node.end_lineno or 0)
    ]
    if source is None or not functions:
        return ""
    inner = max(functions, key=lambda node: node.lineno)
    return "\n".join(source.cell.lines[inner.lineno - 1 : inner.end_lineno])
