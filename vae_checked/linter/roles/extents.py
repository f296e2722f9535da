"""How many latents a head has, and how many elements a sample of what is compared, from the layers that make them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from vae_checked.linter.roles.draw_axes import OVER_STEPS
from vae_checked.linter.roles.reductions import rank_of, step_axes
from vae_checked.linter.symbols.expression import ELEMENTWISE, TRANSPARENT, Expr, called_name, strip, walk
from vae_checked.linter.symbols.index_keys import ELLIPSIS, WHOLE
from vae_checked.mathematics.reductions import ChainStep, read

if TYPE_CHECKING:
    from vae_checked.facts import Reduced
    from vae_checked.linter.roles.divergences import Divergence
    from vae_checked.linter.roles.reconstructions import Reconstruction

# What makes an axis of steps: copies of one row, rows put together, and layers that go through such an axis.
_OF_STEPS = ("unsqueeze", "repeat", "expand", "stack")
# Products with another tensor, as with the edges of a graph: what they are taken of may have rows of its own.
_OF_ROWS = frozenset(("matmul", "mm", "bmm", "einsum"))
_WITHOUT_STEPS = frozenset(("flatten", "view", "reshape", "index", "sum", "mean", "size"))
# What goes through steps and hands on what it makes of each; what makes them beside that.
_LAYERS_OF_STEPS = (*OVER_STEPS, "Embedding")
# What gives the axes of a tensor other lengths, or another order.
_OTHER_AXES = frozenset(("view", "reshape", "move"))
# What leaves a tensor its axes.
_WITH_ITS_AXES = ELEMENTWISE | frozenset(("cast", "detach", "contiguous", "alias"))
# What has as many elements as its first argument.
_AS_MANY = ELEMENTWISE | TRANSPARENT | frozenset(("move", "softmax", "item", "loss"))
_KEEPING = ELEMENTWISE | frozenset(("cat", "part", "phi"))
_MAX_NODES = 400
_AXES_OF_PICTURES = 4
_AXES_OF_ROWS = 2
# Written sizes may be those of pictures.
_OF_PICTURES = frozenset(("view", "reshape"))


def latents(head: Expr) -> int | None:
    """The number of latents, from the linear layer that makes the head, or several heads as its parts or slices."""
    node, cuts, picked = head, [], False
    while node.op != "layer" and (len(node.args) == 1 or (node.args and node.op in TRANSPARENT)):
        if node.op == "stack" or (picked and node.op in _OTHER_AXES):
            # As many as there are in all that is put together; of an entry of other axes, what is left of these.
            return None
        picked = picked or is_entry(node)
        if node.op in ("part", "index"):
            cuts.append(node)
        node = node.args[0]
    width = None if _has_steps(node) else _outputs(node)
    for cut in reversed(cuts):
        width = _width_of_part(cut, width) if cut.op == "part" else _width_of_slice(cut, width)
    return width


def is_entry(node: Expr) -> bool:
    """Whether one entry of an axis is taken by its number: the axis is left out."""
    if node.op == "item":
        return isinstance(node.get("index"), int)
    key = node.get("key")
    return isinstance(key, tuple) and any(part[0] == "value" and isinstance(part[1], int) for part in key)


def latents_of(kl: Divergence) -> int | None:
    """The number of latents of a KL; None where its heads are several put together, of which nobody knows how many."""
    return None if kl.joined else latents(kl.part or kl.head)


def _width_of_part(part: Expr, whole: int | None) -> int | None:
    width, parts = part.get("width"), part.get("of")
    if isinstance(width, (int, float)):
        return int(width)
    return whole // parts if whole is not None and isinstance(parts, int) and whole % parts == 0 else None


def _width_of_slice(index: Expr, whole: int | None) -> int | None:
    """How many entries of the last axis `h[:, a:b]` and `h[..., a:b]` keep; None where the ends are not known."""
    key = index.get("key")
    if whole is None or not isinstance(key, tuple) or not all(isinstance(part, tuple) for part in key):
        return None
    rank, last = rank_of(index.args[0]), key[-1]
    if len(key) == 1 or (rank is not None and len(key) < rank and key[0] != ELLIPSIS):
        # Rows or steps are picked.
        return whole
    return _of_slice(last, whole)


def _of_slice(part: tuple[object, ...], whole: int) -> int | None:
    """How many entries of an axis a slice keeps; None where its ends are not known, and for what is no slice."""
    ends = [end[1] for end in part[1:] if isinstance(end, tuple) and end[0] == "value"]
    numbers = [None if end is None else int(end) for end in ends if end is None or isinstance(end, (int, float))]
    if part[0] != "slice" or len(numbers) < len(part) - 1 or numbers[2] == 0:
        return None
    return len(range(whole)[slice(*numbers)])


def elements(recon: Reconstruction) -> int | None:
    """The number of elements of a sample, from a written view or the last linear layer of the prediction.

    That is less what is cut off behind it; what is put together, or summed, has any number.
    """
    for side in (recon.first, recon.second):
        node, cuts = side, list[Expr]()
        while node.op not in ("layer", *_OF_STEPS) and node.args:
            sizes = node.get("sizes") if node.op in ("view", "reshape") else None
            if isinstance(sizes, tuple) and len(sizes) > 1 and all(isinstance(size, int) for size in sizes[1:]):
                known = [size for size in sizes[1:] if isinstance(size, int)]
                if min(known) > 0:
                    return _left(known, cuts)
            if node.op in ("part", "index"):
                cuts.append(node)
            elif node.op not in _AS_MANY:
                break
            node = node.args[0]
        found = _outputs(node)
        if found is not None and not _has_steps(node):
            return _left([found], cuts)
    return None


def _left(lengths: list[int], cuts: Iterable[Expr]) -> int | None:
    """The number of elements of a sample whose axes have such lengths, once it is cut, the last cut first."""
    for cut in reversed(list(cuts)):
        left = _of_part(cut, lengths) if cut.op == "part" else _of_slices(cut, lengths)
        if left is None:
            return None
        lengths = left
    return math.prod(lengths)


def _of_part(part: Expr, lengths: Sequence[int]) -> list[int] | None:
    axis = part.get("axis")
    if not isinstance(axis, (int, float)) or not -len(lengths) <= axis <= len(lengths):
        return None
    place = int(axis) - (axis > 0)
    width = None if axis == 0 else _width_of_part(part, lengths[place])
    return None if width is None else [width if index == place % len(lengths) else n for index, n in enumerate(lengths)]


def _of_slices(index: Expr, lengths: Sequence[int]) -> list[int] | None:
    """The lengths that an index of all samples leaves: of the axes behind that of the samples, or of the last ones."""
    key = index.get("key")
    if not isinstance(key, tuple) or len(key) > len(lengths) + 1 or key[0] not in (WHOLE, ELLIPSIS):
        return None
    parts = key[1:]
    start = 0 if key[0] == WHOLE else len(lengths) - len(parts)
    found = list(lengths[:start])
    for length, part in zip(lengths[start:], parts, strict=False):
        kept = _of_slice(part, length)
        if kept is not None:
            found.append(kept)
        elif part[0] != "value" or not isinstance(part[1], int):
            return None
    return [*found, *lengths[start + len(parts) :]]


def _has_steps(layer: Expr) -> bool:
    """Whether a linear layer may be applied to each step of a sample, of which there are as many as there are."""
    if (rank_of(layer) or 0) > _AXES_OF_ROWS:
        return True
    seen: set[int] = set()
    stack = [*layer.args]
    while stack and len(seen) < _MAX_NODES:
        node = stack.pop()
        if node.uid in seen:
            continue
        seen.add(node.uid)
        kind = str(node.get("kind"))
        through = node.op == "layer" and kind.startswith(_LAYERS_OF_STEPS)
        if through or node.op in _OF_STEPS or _is_product(node):
            return True
        # What is flattened, averaged, picked or the last state of all steps has none.
        is_state = node.op == "item" and node.get("index") != 0
        if not (is_state or node.op in _WITHOUT_STEPS or kind.startswith("Conv")):
            stack.extend(node.args)
    return False


def _is_product(node: Expr) -> bool:
    """Whether a node is a product of tensors of which none is a parameter, by its operation or by its name."""
    unread = node.op in ("opaque", "call")
    name = called_name(node) if unread else node.op
    return name in _OF_ROWS and not any(strip(arg).op == "parameter" for arg in node.args)


def are_of_steps(*heads: Expr) -> bool:
    """Whether heads are made for each step of a sequence: by what keeps all axes, of all that a layer makes of one.

    Heads of single steps may be put together as well, along an axis after that of the samples.
    """
    return any(_stacks_steps(node) or _goes_through_steps(node) for node in _with_all_axes(heads))


def _with_all_axes(heads: Iterable[Expr]) -> Iterator[Expr]:
    """What heads are made of by what keeps all axes, with what does not where that ends."""
    stack, seen = [*heads], set[int]()
    while stack and len(seen) < _MAX_NODES:
        node = strip(stack.pop())
        if node.uid in seen:
            continue
        seen.add(node.uid)
        yield node
        kind = str(node.get("kind")) if node.op == "layer" else ""
        of_all = node.op == "item" and node.get("index") == 0 and node.args[0].op == "layer"
        if of_all or node.op in _KEEPING or kind == "Linear" or kind.startswith(("LayerNorm", "Dropout")):
            stack.extend(node.args)


def _goes_through_steps(node: Expr) -> bool:
    kind = str(node.get("kind")) if node.op == "layer" else ""
    return kind.startswith(OVER_STEPS) and not kind.endswith("Cell")


def averages_more(kl: Divergence, chain: Sequence[ChainStep], taken: Reduced) -> bool:
    """Whether a KL that is taken for one of rows may be averaged over positions as well, of which there are any number.

    So are the maps of a convolution, and the nodes of a graph, which are multiplied by its edges.
    """
    rank = rank_of(kl.head) or rank_of(kl.location)
    # A head that is made of a product of tensors, of which none is a layer's own.
    of_nodes = any(map(_is_product, _with_all_axes((kl.head, kl.location))))
    whole = read(chain, rank, (), step_axes(rank), flat=not of_nodes)
    return whole is not None and whole.event is not taken.event


def _stacks_steps(node: Expr) -> bool:
    """Whether a node puts tensors together along a new axis after the first."""
    return node.op == "stack" and node.get("axis") not in (None, 0)


def _outputs(node: Expr) -> int | None:
    out = node.get("outputs") if node.op == "layer" and node.get("kind") == "Linear" else None
    return out if isinstance(out, int) and out > 0 else None


def single_axes(recon: Reconstruction) -> tuple[int, ...]:
    """The axes of a reconstruction error that have length 1: channels of a grey picture, sizes that a view writes."""
    written = {axis for side in (recon.first, recon.second) for axis in _written_ones(side)}
    grey = any(layer.get("channels_out") == 1 for layer in _last_layers(recon))
    return tuple(sorted(written | ({1} if grey else set())))


def _written_ones(side: Expr) -> Iterator[int]:
    """The places after the first at which a view has a written 1, where it gives the axes of what is compared."""
    node = side
    while node.op in _WITH_ITS_AXES and len(node.args) == 1:
        node = node.args[0]
    sizes = node.get("sizes") if node.op in ("view", "reshape") else None
    if isinstance(sizes, tuple) and len(sizes) > 1:
        yield from (axis for axis, size in enumerate(sizes) if axis and size == 1 and isinstance(size, int))


def is_flat(recon: Reconstruction) -> bool:
    """Whether a linear layer makes what is compared: a row for each sample, as far as is known."""
    return any(layer.get("kind") == "Linear" and not _has_steps(layer) for layer in _last_layers(recon))


def _last_layers(recon: Reconstruction) -> Iterator[Expr]:
    for side in (recon.first, recon.second):
        node = strip(side)
        while node.op in ELEMENTWISE and len(node.args) == 1:
            node = node.args[0]
        if node.op == "layer":
            yield node


def is_no_picture(recon: Reconstruction) -> bool:
    """Whether a sample is no picture of channels, height and width: a row, a sequence, or made by no convolution."""
    rank = rank_of(recon.term)
    if rank is not None:
        return rank != _AXES_OF_PICTURES
    made = list(walk(recon.term))
    layers = [str(node.get("kind")).lower() for node in made if node.op == "layer"]
    return bool(layers) and not any("conv" in kind for kind in layers) and not any(n.op in _OF_PICTURES for n in made)
