"""Which axes of its heads share one draw of a sampler's noise, from the sizes that it is drawn with."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from vae_checked.facts import Axis, Fact
from vae_checked.linter.files import syntax
from vae_checked.linter.roles import drawn_by_row, extents, single_samples
from vae_checked.linter.roles.divergences import Divergence
from vae_checked.linter.roles.extents import latents
from vae_checked.linter.roles.flat_batches import one_row
from vae_checked.linter.roles.pooled import over_first_axis
from vae_checked.linter.roles.reductions import rank_of
from vae_checked.linter.roles.samplers import SamplerSite, is_scalar
from vae_checked.linter.symbols.expression import ELEMENTWISE, TRANSPARENT, Expr, elementwise, origin, strip, walk
from vae_checked.linter.symbols.index_keys import WHOLE
from vae_checked.linter.torch_model.sizes import SET_TO_ONE

# What gives a draw other axes, or another order of them; an axis of length 1 alone is added or repeated otherwise.
_PUT_IN_SHAPE = frozenset(("view", "reshape", "move"))
_GIVES_LATENTS = re.compile(r"Linear|Conv")
_KEEPING_AXES = (ELEMENTWISE | TRANSPARENT | {"layer", "const", "parameter"}) - _PUT_IN_SHAPE - {"squeeze", "flatten"}
_FIRST_ALONE = tuple(("slice", ("value", start), ("value", 1), ("value", None)) for start in (None, 0))


def over(site: SamplerSite, kl: Divergence | None) -> Fact[frozenset[Axis]] | None:
    """Which axes share one draw, from the sizes that are written; None where the shape is not known."""
    if site.noise.args:
        return _shared_by_rows(site, _shared_like(site, strip(site.noise.args[0])))
    shape = _drawn_sizes(site)
    if shape is None:
        return None
    shape = _with_what_is_set(shape, site)
    if shape in ((), (1,)):
        return _shared_of_one(site, kl)
    rank, least = rank_of(site.location), 0 if kl is None else _reduced_axes(kl.term)
    if rank is None and least <= len(shape) == 1 and _is_of_batches(site.location):
        least = 2
    return _shared_by_rows(site, _shared_by_sizes(shape, rank, least))


def _shared_by_rows(site: SamplerSite, axes: frozenset[Axis] | None) -> Fact[frozenset[Axis]] | None:
    """The axes that share a draw, as a fact; None where one row alone would have it, or each row one of its own."""
    if axes is None or (Axis.BATCH in axes and (_has_one_row(site.location) or drawn_by_row.is_made_for_each(site))):
        return None
    if Axis.LATENT in axes and _has_one_latent(site.location):
        # It shares its draw with no other; each step of a sample has it, where there are steps.
        axes -= {Axis.LATENT}
        return Fact(axes, origin(site.noise)) if axes or latents(site.location) == 1 else None
    return Fact(axes, origin(site.noise))


def _has_one_latent(mean: Expr) -> bool:
    """Whether the linear layer that makes a mean is written with one output: an option may be another number."""
    made = strip(mean)
    built = None if made.site is None or made.site.built is None else made.site.built.node
    if made.op != "layer" or made.get("kind") != "Linear" or not isinstance(built, ast.Call):
        return False
    return any(isinstance(each, ast.Constant) and each.value == 1 for each in syntax.given(built, 1, "out_features"))


def _shared_of_one(site: SamplerSite, kl: Divergence | None) -> Fact[frozenset[Axis]] | None:
    """The axes that share one number; None where one latent of one sample may have it, or no layer gives the axes.

    What has a KL has several latents, unless it is seen to have one.
    """
    made, width = site.location, latents(site.location)
    while made.op in TRANSPARENT or (made.op in ("part", "index") and not extents.is_entry(made)):
        made = made.args[0]
    if made.op != "layer" or not _GIVES_LATENTS.match(str(made.get("kind"))):
        return None
    if width is None and kl is None:
        return None
    rank, least = rank_of(site.location), 0 if kl is None else _reduced_axes(kl.term)
    has_rows = (least if rank is None else rank) > 1
    is_one = not has_rows or _has_one_row(site.location) or drawn_by_row.is_made_for_each(site)
    axes = frozenset(() if is_one else (Axis.BATCH,))
    axes |= frozenset(() if width == 1 or _has_one_latent(site.location) else (Axis.LATENT,))
    return Fact(axes, origin(site.noise)) if axes else None


def _drawn_sizes(site: SamplerSite) -> tuple[object, ...] | None:
    """The sizes of a draw as the heads meet it; None where it gets others, or another order of them, that are not read.

    What is drawn in one row and put in shape then has a number of its own at each place. A draw that gets a first axis
    of length 1 is one draw still.
    """
    shape = site.noise.get("shape")
    for node in walk(site.z):
        if node.op in _PUT_IN_SHAPE and strip(node).uid == site.noise.uid:
            sizes = node.get("sizes")
            if not isinstance(sizes, tuple) or (sizes[:1] != (1,) and (node.op == "move" or -1 in sizes)):
                return None
            if len(sizes) == 1 and not isinstance(sizes[0], int):
                # It may be a whole shape.
                return None
            # Of another tensor's size a view tells the axis alone.
            wide = tuple(("size", size[2], None) if isinstance(size, tuple) else size for size in sizes)
            shape = wide if sizes[:1] != (1,) else shape
    return shape if isinstance(shape, tuple) else None


def _with_what_is_set(shape: tuple[object, ...], site: SamplerSite) -> tuple[object, ...]:
    """The sizes, those that somebody set to 1 as a 1 beside heads that have more latents, as not known elsewhere."""
    if SET_TO_ONE not in shape:
        return shape
    known = latents(site.location)
    last = 1 if known is not None and known > 1 else None
    return (
        *(None if size == SET_TO_ONE else size for size in shape[:-1]),
        last if shape[-1] == SET_TO_ONE else shape[-1],
    )


def _has_one_row(mean: Expr) -> bool:
    """Whether a mean is that of one row, as what is pooled over its first axis is: the nodes of a graph are."""
    return _is_of_one_row(mean) or over_first_axis(mean) or single_samples.is_of_one(mean)


def _is_of_one_row(mean: Expr) -> bool:
    """Whether layers make a mean from a tensor that has one row: what is drawn for it has one as well."""
    given = [(node, arg) for node in walk(mean) if node.op == "layer" for arg in node.args[:1]]
    if any(node.get("kind") == "Linear" and one_row(arg) is not None for node, arg in given):
        return True
    bare = (strip(arg) for _, arg in given)
    shapes = (node.get("shape") for node in bare if node.op in ("noise", "const"))
    return any(isinstance(shape, tuple) and shape[:1] == (1,) for shape in shapes)


def _is_of_batches(mean: Expr) -> bool:
    """Whether layers make a mean from the batches of a loader, with no step between by which an axis may be lost."""
    nodes = list(walk(mean))
    made = any(node.op == "layer" for node in nodes) and any(node.get("batched") for node in nodes)
    return made and all(node.op in _KEEPING_AXES or node.get("batched") for node in nodes)


def _reduced_axes(term: Expr) -> int:
    """How many axes a term must have for the sums and means in it, which name some of them."""
    named = [axes for node in walk(term) if node.op in ("sum", "mean") and isinstance(axes := node.get("axes"), tuple)]
    numbers = [axis for axes in named for axis in axes if isinstance(axis, int)]
    return max((axis + 1 if axis >= 0 else -axis for axis in numbers), default=0)


def _shared_by_sizes(shape: tuple[object, ...], rank: int | None, least: int) -> frozenset[Axis] | None:
    """Which axes of heads with `rank` axes share a draw of these sizes; None where its first axis may be another.

    A draw of fewer axes than the heads have, `least` where their number is not known, is repeated along the first ones.
    Sizes are numbers, (`"size"`, axis, of what), (`"from"`, axis, of what) for all from an axis on, or None where they
    are not known.
    """
    shape = _axes_of_head(shape, rank)
    first = shape[0]
    if isinstance(first, tuple) and first[0] == "from":
        return frozenset((Axis.BATCH,)) if len(shape) == 1 and first[1] == 1 else None
    of_axis = first[1] if isinstance(first, tuple) else None
    if len(shape) == 1 and of_axis in (1, -1):
        return frozenset((Axis.BATCH,))
    shared = {Axis.LATENT} if len(shape) <= 2 and shape[-1] == 1 else set()
    if first == 1 and len(shape) > 1:
        return frozenset(shared | {Axis.BATCH})
    if len(shape) > 2 and 1 in shape[1:]:
        # One draw for all steps or places, unless the heads have one there themselves.
        return None
    if of_axis == 0 and len(shape) > 1:
        return frozenset(shared)
    if of_axis == 0 or (rank is None and len(shape) >= least):
        return None
    return frozenset(shared | {Axis.BATCH} if len(shape) < (rank or least) else shared)


def _axes_of_head(shape: tuple[object, ...], rank: int | None) -> tuple[object, ...]:
    """The sizes that meet a head's axes: those before them are of several draws for each sample, as in (K, B, L)."""
    batch = next((at for at, size in enumerate(shape) if isinstance(size, tuple) and size[:2] == ("size", 0)), 0)
    return shape[max(batch, 0 if rank is None else len(shape) - rank) :]


def _shared_like(site: SamplerSite, like: Expr) -> frozenset[Axis] | None:
    """Which axes share a draw that has the shape of a tensor: a head itself, one row or one column of a head."""
    heads = (site.location, site.scale)
    whole = {item.uid for head in heads for node in (head, *_shaped_like(head)) for item in (node, strip(node))}
    if like.uid in whole:
        return frozenset()
    if like.op not in ("index", "item"):
        # Of as many axes as the mean has: none of them is repeated.
        rank = rank_of(like)
        return frozenset() if rank is not None and rank == rank_of(site.location) else None
    if like.args[0].uid not in whole:
        return None
    if like.op == "item":
        return frozenset((Axis.BATCH,))
    rows = like.get("key")
    if not isinstance(rows, tuple):
        return None
    axes = {axis for axis, part in zip((Axis.BATCH, Axis.LATENT), rows, strict=False) if part in _FIRST_ALONE}
    return frozenset(axes) if all(part in (*_FIRST_ALONE, WHOLE) for part in rows) and len(rows) <= 2 else None


def _shaped_like(head: Expr) -> Iterator[Expr]:
    """The values that a head is computed from element by element, and that no other value is broadcast against."""
    for node in elementwise(head):
        yield node
        tensors = [arg for arg in node.args if arg.op != "const" and not is_scalar(arg)]
        if node.op in ELEMENTWISE and len(tensors) == 1:
            yield tensors[0]
