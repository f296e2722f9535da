"""The functions and networks in which values are computed, by their names."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from vae_checked.linter.roles import batch_sizes
from vae_checked.linter.symbols.expression import Expr

if TYPE_CHECKING:
    from vae_checked.linter.files.source import Cell

# A network that is called so is a model as a whole.
_WHOLE = re.compile("vae|autoencoder")


def names_around(value: Expr) -> Iterator[str]:
    """The names of the functions and networks in which stands what makes a value, as far as the layers of it."""
    seen: set[int] = set()
    lines: set[tuple[int, int]] = set()
    stack = [value]
    while stack:
        node = stack.pop()
        if node.uid in seen:
            continue
        seen.add(node.uid)
        if node.op != "layer":
            stack.extend(node.args)
        where = node.site
        if where is None or not isinstance(where.node, ast.expr):
            continue
        # A line stands in one function: that of a network's is asked for once, however much is computed there.
        line = id(where.source.cell), where.node.lineno
        if line in lines:
            continue
        lines.add(line)
        around = batch_sizes.function_around(where.node, where.source.cell)
        if around is not None:
            yield around.name.lower()
            network = where.source.cell.read_once(_networks).get(id(around))
            if network is not None:
                yield network


def _networks(cell: Cell) -> dict[int, str]:
    """By the ids of methods the names of their classes, in small letters; without those called after a whole VAE."""
    named = [(item, item.name.lower()) for item in cell.of(ast.ClassDef)]
    return {id(method): name for item, name in named if not _WHOLE.search(name) for method in item.body}
