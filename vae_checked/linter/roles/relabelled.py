"""Views that take an image's own sizes in another order: wrong wherever they stand, with a model around or without."""

from __future__ import annotations

import re
from collections.abc import Iterator

from vae_checked.facts import Data, Fact, Facts
from vae_checked.layout_facts import AxisOrder
from vae_checked.linter.evaluations.evaluation import Evaluation
from vae_checked.linter.files import prefilter
from vae_checked.linter.roles import layout
from vae_checked.linter.roles.view_sizes import STILL, sizes_of
from vae_checked.linter.symbols.expression import Expr, Graph, origin, walk
from vae_checked.linter.symbols.values import Module
from vae_checked.linter.torch_model.transforms import is_picture

# Numbers of channels that only an image has.
_COLOURS = frozenset((3, 4))
# The last axis before the two of the pixels, and the first behind them: as nobody views anything but an image.
_ACROSS_PIXELS = ([0, 3, 1, 2], [0, 2, 3, 1])
# What is relabelled by a view to three sizes, and to four.
_ORDERS = {3: AxisOrder.SCRAMBLED_ARRAY, 4: AxisOrder.SCRAMBLED}
# What reads an array, and what tells of a value that it was made by a model, drawn, or handed out by a loader.
_CALLED = frozenset(("call", "opaque"))
_READ = frozenset("layer noise sample batch data parameter weight".split())
_BY_NUMBERS = frozenset(("mul", "div", "add", "sub"))
_OF_PICTURES = re.compile(r"\.(?:view|reshape)\(\s*\(?\s*[34],")


def facts(evaluation: Evaluation) -> list[Facts]:
    """A view of an image's own sizes in another order, by each place where one stands."""
    if not any(module.read_once(_may_hold) for module in evaluation.modules()):
        return []
    places = {id(view.site and view.site.node): view for view in _found(evaluation.graph())}
    return [
        Facts(evaluation.subject, data=Data(axis_order=Fact(_ORDERS[len(sizes_of(view))], origin(view))))
        for view in places.values()
    ]


def of_an_array(evaluation: Evaluation) -> Expr | None:
    """A view that makes pictures in colour of an array whose sizes are not read: it may relabel the axes, or may not.

    A single colour stands anywhere, and what a model makes is no array.
    """
    views = evaluation.graph().having("view", "reshape")
    return next((view for view in views if _makes_colours(view) and _is_of_an_array(view)), None)


def _makes_colours(view: Expr) -> bool:
    sizes = sizes_of(view)
    return len(sizes) in _ORDERS and sizes[-3] in _COLOURS and layout.own_order(view) is None


def _is_of_an_array(view: Expr) -> bool:
    below = {node.op for node in walk(view)}
    return not below.isdisjoint(_CALLED) and below.isdisjoint(_READ)


def _may_hold(module: Module) -> bool:
    return any(
        _OF_PICTURES.search(cell.text) is not None or prefilter.relabels(cell.text.encode(errors="replace"))
        for cell in module.file.cells
    )


def _found(graph: Graph) -> Iterator[Expr]:
    """The views that a convolution receives, or receives from one, and those that name the number of the colours."""
    taken = {node.get("channels_in") for node in graph.having("layer") if layout.is_convolution(node)}
    # Of a single colour nothing is moved.
    coloured = not _COLOURS.isdisjoint(taken) and 1 not in taken
    for node in graph.having("layer"):
        if layout.is_convolution(node) and node.args:
            below, moves = layout.moves_above(node.args[0])
            if not moves and node.get("channels_in") != 1 and layout.is_relabelled(below):
                yield below
    for node in graph.having("view", "reshape"):
        if layout.is_relabelled(node):
            above, moves = layout.moves_above(node.args[0])
            made = layout.is_convolution(above) and not moves and above.get("channels_out") != 1
            across = coloured and layout.own_order(node) in _ACROSS_PIXELS
            if made or across or not _COLOURS.isdisjoint(sizes_of(node)):
                yield node
        elif _is_of_a_picture(node):
            yield node


def _is_of_a_picture(view: Expr) -> bool:
    """Whether the colours of an array of a picture, whose last axis they are, are given the first one by a view."""
    colours, *pixels = sizes_of(view) or (None,)
    if colours not in _COLOURS or len(pixels) != 2 or not _COLOURS.isdisjoint(pixels):
        return False
    held = view.args[0]
    while not is_picture(held):
        numbers = [arg for arg in held.args if arg.op != "const"]
        by_numbers = held.op in _BY_NUMBERS and len(numbers) == 1 and len(held.args) == 2
        if not by_numbers and not (held.op in STILL and held.args):
            return False
        held = numbers[0] if by_numbers else held.args[0]
    return True
