"""Views that take an image's own sizes in another order: wrong wherever they stand, with a model around or without."""

from __future__ import annotations

from collections.abc import Iterator

from vae_checked.facts import Data, Fact, Facts
from vae_checked.layout_facts import AxisOrder
from vae_checked.linter.evaluations.evaluation import Evaluation
from vae_checked.linter.files import prefilter
from vae_checked.linter.roles import layout
from vae_checked.linter.roles.view_sizes import sizes_of
from vae_checked.linter.symbols.expression import Expr, Graph, origin
from vae_checked.linter.symbols.values import Module

# Numbers of channels that only an image has.
_COLOURS = frozenset((3, 4))


def facts(evaluation: Evaluation) -> list[Facts]:
    """A view of an image's own sizes in another order, by each place where one stands."""
    if not any(module.read_once(_may_hold) for module in evaluation.modules()):
        return []
    places = {id(view.site and view.site.node): view for view in _found(Graph(evaluation.values()))}
    return [
        Facts(evaluation.subject, data=Data(axis_order=Fact(AxisOrder.SCRAMBLED, origin(view))))
        for view in places.values()
    ]


def _may_hold(module: Module) -> bool:
    return any(prefilter.relabels(cell.text.encode(errors="replace")) for cell in module.file.cells)


def _found(graph: Graph) -> Iterator[Expr]:
    """The views that a convolution receives, or receives from one, and those that name the number of the colours."""
    for node in graph.having("layer"):
        if layout.is_convolution(node) and node.args:
            below, moves = layout.moves_above(node.args[0])
            if not moves and node.get("channels_in") != 1 and layout.is_relabelled(below):
                yield below
    for node in graph.having("view", "reshape"):
        if layout.is_relabelled(node):
            above, moves = layout.moves_above(node.args[0])
            made = layout.is_convolution(above) and not moves and above.get("channels_out") != 1
            if made or not _COLOURS.isdisjoint(sizes_of(node)):
                yield node
