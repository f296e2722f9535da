"""Facts of layout: the order in which axes reach the convolutions, the shape of what comes out, samples kept apart."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

from vae_checked.facts import Fact
from vae_checked.layout_facts import AxisOrder, BatchMixing, Mixing, ShapePair
from vae_checked.linter.roles import flat_batches, recurrent_states, repeated_rows, steps_first
from vae_checked.linter.roles.view_sizes import STILL, VIEWS, sizes_of, under
from vae_checked.linter.symbols.expression import ELEMENTWISE, Expr, origin, strip, walk
from vae_checked.record import dataclass

_VIEWS = VIEWS | {"flatten"}
_SPATIAL = frozenset(
    "Conv2d ConvTranspose2d BatchNorm2d InstanceNorm2d Dropout2d MaxPool2d AvgPool2d Upsample UpsamplingNearest2d "
    "UpsamplingBilinear2d PixelShuffle ReflectionPad2d ZeroPad2d".split()
)
_CONVOLUTIONS = frozenset(("Conv2d", "ConvTranspose2d"))
_GROWING = frozenset("ConvTranspose2d Upsample UpsamplingNearest2d UpsamplingBilinear2d PixelShuffle".split())
_LEAST_CLASSES = 2
# Layers after which every number stands where it stood.
_KEEPING = frozenset("Dropout dropout LayerNorm ReLU GELU SiLU LeakyReLU Tanh Sigmoid ELU".split())
_PRODUCTS, _FACTORS = frozenset(("matmul", "mm")), 2
_ADJACENCY = re.compile(r"\badj|_adj")
# Layers that treat every sample by itself.
_PER_SAMPLE = _CONVOLUTIONS | frozenset(
    "Linear Dropout Dropout2d MaxPool2d AvgPool2d Upsample LayerNorm GroupNorm InstanceNorm2d".split()
)
Roles = tuple[str, ...]
_ORDERS: dict[Roles, AxisOrder] = {
    ("B", "C", "H", "W"): AxisOrder.NCHW,
    ("B", "H", "W", "C"): AxisOrder.NHWC,
    ("B", "C", "W", "H"): AxisOrder.NCWH,
}
_IMAGE = ("B", "C", "H", "W")


# --------------------------------------------------------------------------------------------- axis order


def axis_order(prediction: Expr | None, target: Expr | None) -> Fact[AxisOrder] | None:
    """The order in which an image's axes reach the first convolution; None where nothing tells it.

    A view that takes a tensor's own sizes in another order tells by itself, also in a mean of the posterior that stands
    for a prediction without a target. Otherwise the decoder does: its last convolution gives B C H W, and what it is
    compared with has the order in which it leaves the decoder. Which of two axes is the height, the decoder cannot say:
    height and width are swapped where its order and the moves of the data both say so.
    """
    if prediction is None:
        return None
    convolutions = [
        node for node in walk(prediction) if node.op == "layer" and node.get("kind") in _CONVOLUTIONS and node.args
    ]
    if target is not None and _is_of_neighbours(prediction, target):
        return Fact(AxisOrder.SCRAMBLED_CLASSES, origin(prediction))
    for node in convolutions:
        below, moves = moves_above(node.args[0])
        if not moves and node.get("channels_in") != 1 and (is_relabelled(below) or is_of_features(below)):
            return Fact(AxisOrder.SCRAMBLED, origin(below))
    if target is None:
        return None
    made = _roles_of_output(prediction)
    if made is None:
        return None
    root, moves = moves_above(target)
    given = _undone(made, moves)
    if given is None or root.op not in ("atom", "item", "data", "batch"):
        return None
    return next(filter(None, (_order_at(node, root, given) for node in convolutions)), None)


def _is_of_neighbours(prediction: Expr, target: Expr) -> bool:
    """Whether class scores of a picture, channels first, are viewed as rows of classes beside all pixels in one row."""
    last, moves = moves_above(prediction.args[0]) if prediction.op in VIEWS else (prediction, [])
    classes = last.get("channels_out")
    if moves or last.get("kind") not in _CONVOLUTIONS or not isinstance(classes, int) or classes < _LEAST_CLASSES:
        return False
    flat = flat_batches.is_whole(moves_above(target)[0])
    # Where a picture is a single pixel, the view is right.
    grown = any(node.get("kind") in _GROWING for node in walk(last))
    return flat and grown and sizes_of(prediction) == (-1, classes)


def _order_at(convolution: Expr, root: Expr, given: Roles) -> Fact[AxisOrder] | None:
    """The axis order in which `root`, whose axes are `given`, reaches a convolution, if nothing else comes between."""
    bottom, moves = moves_above(convolution.args[0])
    if bottom.op in _VIEWS and len(sizes_of(bottom)) == 4 and given[1] != "C":
        below, before = moves_above(bottom.args[0])
        if below.uid == root.uid and not before and bottom.op != "flatten":
            return Fact(AxisOrder.SCRAMBLED, origin(bottom))
    if bottom.uid != root.uid:
        return None
    order = _ORDERS.get(_through(given, moves) or ())
    if order is None:
        return None
    if order is AxisOrder.NCWH:
        own = _as_pictures(given)
        if _ORDERS.get(_through(own, moves) or ()) is not AxisOrder.NCWH:
            # The data take their axes in as they have them: what is swapped is swapped in what is compared with them.
            order = AxisOrder.NC_OPEN
        elif own == _IMAGE:
            order = AxisOrder.NCWH_OF_NCHW
    where = moves[-1] if moves and order is not AxisOrder.NHWC else convolution
    return Fact(order, origin(where))


def moves_above(expr: Expr) -> tuple[Expr, list[Expr]]:
    """What lies below moves and operations that leave every element in its place, and the moves, innermost first."""
    moves: list[Expr] = []
    node = expr
    while node.args:
        if node.op == "move":
            moves.insert(0, node)
            node = node.args[0]
        elif node.op in STILL:
            node = node.args[0]
        elif node.op in ELEMENTWISE and (inner := _only_tensor(node)) is not None:
            node = inner
        else:
            break
    return node, moves


def _only_tensor(node: Expr) -> Expr | None:
    """The one argument of an elementwise operation that is no number."""
    rest = [arg for arg in node.args if arg.op != "const"]
    return rest[0] if len(rest) == 1 else None


def _roles_of_output(prediction: Expr) -> Roles | None:
    bottom, moves = moves_above(prediction)
    if bottom.op != "layer" or bottom.get("kind") not in _SPATIAL:
        return None
    return _through(_IMAGE, moves)


def _permutation(move: Expr, rank: int) -> list[int] | None:
    """Per axis of the result the axis that it was; None for a move that is not understood."""
    how, axes = move.get("how"), move.get("axes")
    if not isinstance(axes, tuple) or not all(isinstance(axis, int) and -rank <= axis < rank for axis in axes):
        return None
    numbers = [axis % rank for axis in axes if isinstance(axis, int)]
    if how == "permute":
        return numbers if sorted(numbers) == list(range(rank)) else None
    if how in ("transpose", "swapaxes") and len(numbers) == 2:
        order = list(range(rank))
        order[numbers[0]], order[numbers[1]] = order[numbers[1]], order[numbers[0]]
        return order
    if how == "transpose" and sorted(numbers) == list(range(rank)):
        return numbers
    if how in ("movedim", "moveaxis") and len(numbers) == 2:
        order = [axis for axis in range(rank) if axis != numbers[0]]
        order.insert(numbers[1], numbers[0])
        return order
    return None


def _moved(roles: Roles, move: Expr) -> Roles | None:
    order = _permutation(move, len(roles))
    return None if order is None else tuple(roles[axis] for axis in order)


def _through(roles: Roles, moves: Iterable[Expr]) -> Roles | None:
    """The roles after some moves, innermost first."""
    moved: Roles | None = roles
    for move in moves:
        moved = None if moved is None else _moved(moved, move)
    return moved


def _as_pictures(roles: Roles) -> Roles:
    """Roles with the height before the width, as the axes of pictures come."""
    sides = iter("HW")
    return tuple(next(sides) if role in ("H", "W") else role for role in roles)


def _undone(roles: Roles, moves: Iterable[Expr]) -> Roles | None:
    """The roles before some moves, innermost first, that led to `roles`."""
    known: list[str] = list(roles)
    for move in reversed(list(moves)):
        order = _permutation(move, len(known))
        if order is None:
            return None
        before = [""] * len(known)
        for place, axis in enumerate(order):
            before[axis] = known[place]
        known = before
    return tuple(known)


def is_convolution(node: Expr) -> bool:
    """Whether a node is a convolution over two axes."""
    return node.get("kind") in _CONVOLUTIONS


def is_relabelled(node: Expr) -> bool:
    """Whether a view to four axes takes its argument's own sizes in another order, with the batch where it was."""
    order = own_order(node)
    return order is not None and order != [0, 1, 2, 3] and order[0] == 0


def is_of_features(node: Expr) -> bool:
    """Whether a view makes channels of features that stand last: `(B, H * W, C)` as `(B, C, H, W)`."""
    sizes = [_bare_size(size) for size in sizes_of(node)]
    if node.op not in VIEWS or len(sizes) != 4:
        return False
    made = node.args[0]
    while made.args and (made.op in STILL or made.op in ELEMENTWISE or made.get("kind") in _KEEPING):
        inner = _only_tensor(made) if made.op in ELEMENTWISE else made.args[0]
        if inner is None:
            return False
        made = inner
    features = made.get("outputs" if made.get("kind") == "Linear" else "features")
    if made.op != "layer" or features in (None, 1) or sizes[1] != features or features in sizes[2:]:
        return False
    pixels = [size for size in sizes[2:] if isinstance(size, int)]
    if len(pixels) == 2 and min(pixels) > 0:
        # A row of features for each pixel; where a channel has as many, the rows may be those of channels.
        return math.prod(pixels) not in (1, features)
    # A label is of one row, and is shaped as a picture of one pixel.
    return made.get("kind") == "Embedding" and under(made.args[0]).op in _VIEWS


def _bare_size(size: object) -> object:
    return size[:2] if isinstance(size, tuple) else size


def own_order(node: Expr) -> list[int] | None:
    """The order in which a view to four axes takes its argument's own sizes; None where it takes others.

    One of them may be a number, or -1: that stands for the size that is left. A single channel is where it was.
    """
    sizes = sizes_of(node)
    if node.op not in VIEWS or len(sizes) != 4:
        return None
    own: dict[int, int] = {}
    held = node
    while held is node or (held.op in STILL and held.args):
        held = held.args[0]
        own |= {Expr("size", (held,), (("axis", axis),)).uid: axis % 4 for axis in range(-4, 4)}
    axes = [own.get(size[1]) if isinstance(size, tuple) and size[0] == "expr" else None for size in sizes]
    if axes[0] is None and sizes[0] == -1:
        axes[0] = 0
    known = [axis for axis in axes if axis is not None]
    left = {0, 1, 2, 3}.difference(known)
    if len(known) == len(left) + 2 == 3:
        place = axes.index(None)
        size = sizes[place]
        if size == -1 or (isinstance(size, int) and size > 1):
            known.insert(place, *left)
    return known if sorted(known) == [0, 1, 2, 3] else None


# -------------------------------------------------------------------------------------------------- shapes


def output_shape(prediction: Expr | None, target: Expr | None) -> Fact[ShapePair] | None:
    """The shape that goes in and the one that comes out, as far as layers and views state them."""
    if prediction is None or target is None:
        return None
    root, moves = moves_above(target)
    if moves or (root.op in _VIEWS and moves_above(root.args[0])[1]):
        return None
    seen_as = _below_elementwise(prediction)
    if seen_as.op in _VIEWS and root.op in _VIEWS and sizes_of(seen_as) == sizes_of(root):
        # What is compared is cut alike on both sides, whatever a sample is.
        return None
    given = root
    while given.op in _VIEWS and given.args:
        given = moves_above(given.args[0])[0]
    made = _sample_shape(prediction)
    if made is None or given.op not in ("atom", "item", "data", "batch"):
        return None
    taken = _elements_of_input(prediction, given)
    if taken is None:
        return None
    seen = next(node for node in walk(prediction) if node.op not in STILL and node.op not in ELEMENTWISE)
    return Fact(ShapePair(f"B {taken}", " ".join(["B", *map(str, made)])), origin(seen))


def _elements_of_input(prediction: Expr, root: Expr) -> int | None:
    """How many elements a sample of the input has: what a linear layer takes that reads the flattened input."""
    found = set()
    for node in walk(prediction):
        if node.op == "layer" and node.get("kind") == "Linear" and node.args:
            below = moves_above(node.args[0])[0]
            flat = below.op == "flatten" or (below.op in _VIEWS and len(sizes_of(below)) == 2)
            width = node.get("inputs")
            if flat and isinstance(width, int) and moves_above(below.args[0])[0].uid == root.uid:
                found.add(width)
    return found.pop() if len(found) == 1 else None


def _sample_shape(expr: Expr) -> tuple[int, ...] | None:
    """The shape of one sample where it is stated: by a view that keeps the batch, by a linear layer on flat input."""
    node = _below_elementwise(expr)
    if node.op in VIEWS:
        sizes = sizes_of(node)[1:]
        numbers = tuple(size for size in sizes if isinstance(size, int) and size > 0)
        return numbers if numbers and len(numbers) == len(sizes) else None
    if node.op == "layer" and node.get("kind") == "Linear" and _is_flat(node.args[0]):
        width = node.get("outputs")
        return (width,) if isinstance(width, int) else None
    return None


def _below_elementwise(expr: Expr) -> Expr:
    """What has the shape of a value: the one tensor that it is computed from element by element."""
    node = expr
    for _ in range(64):
        if node.op in STILL and node.args:
            node = node.args[0]
        elif node.op in ELEMENTWISE and (inner := _only_tensor(node)) is not None:
            node = inner
        else:
            break
    return node


def _is_flat(expr: Expr) -> bool:
    """Whether a tensor is known to have two axes, batch and features."""
    node = expr
    for _ in range(200):
        if node.op == "flatten" or (node.op in VIEWS and len(sizes_of(node)) == 2):
            return True
        if node.op == "layer" and node.get("kind") not in ("Linear", "Dropout", "BatchNorm1d", "LayerNorm"):
            return False
        whole = node.op == "part" and node.get("axis") in (1, -1)
        if whole or node.op == "layer" or node.op in STILL or node.op in ELEMENTWISE:
            tensors = [arg for arg in node.args if arg.op not in ("const", "noise")]
            if not tensors:
                return False
            node = tensors[0]
        else:
            return False
    return False


# ------------------------------------------------------------------------------------------- batch mixing


@dataclass(frozen=True, slots=True)
class _Batch:
    """Whether a view keeps the samples apart: True, False, or None where its sizes do not tell."""

    kept: bool | None
    node: Expr


def is_of_pairs(value: Expr) -> bool:
    """Whether a value has an element for each two samples, as the inner products `z @ z.T` of a graph's nodes have.

    What a loss is given for an adjacency matrix has them, where it puts them in one row.
    """
    row, _ = moves_above(value)
    if flat_batches.is_whole(row) and _ADJACENCY.search(str(strip(row.args[0]).get("name"))):
        return True
    node = value
    while node.args:
        name = str(node.get("name")).rpartition(".")[2] if node.op in ("opaque", "call") else node.op
        if name in _PRODUCTS and len(node.args) == _FACTORS:
            return _is_turned(node.args[1])
        if name == "cdist":
            return True
        inner = _only_tensor(node) if node.op in ELEMENTWISE else node.args[0] if node.op in (*STILL, *_VIEWS) else None
        if inner is None:
            return False
        node = inner
    return False


def _is_turned(factor: Expr) -> bool:
    """Whether the samples of a matrix, which is no weight, were made its columns."""
    bottom, moves = moves_above(factor)
    if bottom.op in ("parameter", "attribute", "weight") or len(moves) != 1:
        return False
    if bottom.op == "layer" and bottom.get("kind") == "Embedding" and _counts(bottom.args[0]):
        # All rows of a table are weights too.
        return False
    (move,) = moves
    return move.get("how") in ("t", "T") or _permutation(move, _FACTORS) == [1, 0]


def _counts(value: Expr) -> bool:
    """Whether a value is 0, 1, 2 and so on."""
    node = strip(value)
    return node.op == "opaque" and str(node.get("name")).endswith("arange")


def batch_mixing(output: Expr | None) -> Fact[BatchMixing | None] | None:
    """Whether a view between input and output puts elements of one sample into another's place; None: not known."""
    if output is None:
        return None
    nodes = list(walk(output))
    of_states = recurrent_states.views(nodes)
    mixing = {uid: mixed for uid, mixed in of_states.items() if mixed is not None} | repeated_rows.views(nodes)
    views = [_Batch(_keeps_batch(node), node) for node in nodes if node.op in VIEWS]
    for node, by in flat_batches.rows(nodes):
        return Fact(BatchMixing(changed=0, moved=1, by=by), origin(node))
    for node in steps_first.layers(nodes):
        return Fact(BatchMixing(changed=0, moved=1, by=Mixing.BATCH_AS_STEPS), origin(node))
    for view in views:
        mixed = mixing.get(view.node.uid)
        if mixed is not None or view.kept is False:
            return Fact(BatchMixing(changed=0, moved=1, by=mixed), origin(view.node))
    for node in nodes:
        if node.op == "softmax" and node.get("axis") == 0 and _is_of_batches(list(walk(node.args[0]))):
            return Fact(BatchMixing(changed=0, moved=1, by=Mixing.BATCH_AS_CLASSES), origin(node))
    kept = all(view.kept or view.node.uid in of_states for view in views)
    if kept and _has_layers(nodes) and all(map(_keeps_samples, nodes)):
        return Fact(None, origin(output))
    return None


def _has_layers(nodes: Iterable[Expr]) -> bool:
    return any(node.op == "layer" for node in nodes)


def _keeps_batch(node: Expr) -> bool | None:
    sizes, before = sizes_of(node), _sample_shape(node.args[0])
    if not sizes:
        return None
    first = sizes[0]
    numbers = [size for size in sizes[1:] if isinstance(size, int) and size > 0]
    if before is None:
        width = math.prod(numbers)
        return True if first == -1 and len(numbers) == len(sizes) - 1 and width > 1 and len(sizes) > 2 else None
    elements = math.prod(before)
    if first == -1:
        if len(numbers) < len(sizes) - 1:
            return None
        count = math.prod(numbers)
        return True if elements % count == 0 else None
    if isinstance(first, int) and first > 1 and sizes.count(-1) == 1:
        # The batch stands where -1 is when the other sizes are those of one sample.
        return False if first * math.prod(numbers) == elements else None
    return True if isinstance(first, tuple) and first[2] == 0 else None


def _is_of_batches(nodes: list[Expr]) -> bool:
    """Whether a value has several samples along its first axis: those of batches, each by itself."""
    data = [node for node in nodes if node.op in ("batch", "data")]
    counts = [node.get("rows") for node in data if node.get("batched")]
    others = (node for node in nodes if node not in data)
    kept = (_keeps_batch(node) if node.op in VIEWS else _keeps_samples(node) for node in others)
    return any(isinstance(count, int) and count > 1 for count in counts) and all(kept)


def _keeps_samples(node: Expr) -> bool:
    """Whether an operation treats every sample by itself."""
    if node.op == "softmax" and node.get("axis") == 0:
        return False
    if node.op == "layer":
        return node.get("kind") in _PER_SAMPLE
    if node.op == "move":
        axes = node.get("axes")
        how = node.get("how")
        if not isinstance(axes, tuple):
            return False
        return axes[:1] == (0,) if how == "permute" else 0 not in axes
    if node.op in ("cat", "part"):
        return node.get("axis") not in (0, None)
    return node.op in ELEMENTWISE or node.op in STILL or node.op in (
        "const", "atom", "noise", "view", "reshape", "flatten", "training", "attribute", "size", "softmax", "parameter",
        "weight",
    )  # fmt: skip
