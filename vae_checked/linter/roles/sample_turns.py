"""Errors of single samples of a batch, one in each turn of a loop: the loop takes the batch, and no error has it.

`sum(error(a, b) for a, b in zip(x_hat, x))` is a sum over the batch whatever each error is over its own sample, and the
mean of a stack of such errors is a mean over the batch.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence

from vae_checked.facts import Reduction
from vae_checked.linter.files import syntax
from vae_checked.linter.roles import turn_means
from vae_checked.linter.roles.draw_axes import OVER_STEPS, adds_an_axis, is_in_front
from vae_checked.linter.roles.one_way import one_way_down
from vae_checked.linter.roles.reconstructions import Reconstruction
from vae_checked.linter.roles.reductions import Taken, steps_of, viewed_rank
from vae_checked.linter.roles.samplers import SamplerSite
from vae_checked.linter.symbols.expression import ELEMENTWISE, TRANSPARENT, Expr, Graph, strip, walk
from vae_checked.linter.symbols.places import is_unknown_item
from vae_checked.linter.symbols.turns import is_over_turns
from vae_checked.mathematics.names import is_batch_size
from vae_checked.mathematics.reductions import ChainStep, Extent, Reduce, Reshape, Size, Squeeze, Stack, Through, Weight

# What leaves the first axis of a value where it is; views do where they say so.
_KEEPING = ELEMENTWISE | TRANSPARENT | frozenset(("layer", "softmax"))
_SHAPED = frozenset(("view", "reshape"))
_UNREAD = (Through("samples"),)


def in_batches(
    way: Sequence[Taken],
    total: Expr,
    recon: Reconstruction,
    others: Iterable[Expr],
    samples: Iterable[SamplerSite],
    graph: Graph,
) -> tuple[ChainStep, ...] | None:
    """The chain of all errors of a batch, from the way to that of one sample; None where an error has the batch itself.

    `others` are the heads of the KL: where they are of one sample too, the two terms are in one batch as they stand.
    """
    taken = [_taken_of(side) for side in (recon.first, recon.second)]
    if any(isinstance(step, Stack) and step.of_rows for _, step in way):
        # The axis of the samples is in the chain.
        return None
    if None in taken or any(_taken_of(head) is not None for head in others):
        return None
    if not any(_keeps_samples(whole, site, graph) for whole in taken for site in samples if whole is not None):
        return None
    nodes = [node for node in one_way_down(total, graph, recon.term.uid) if node.uid != recon.term.uid]
    turns = [(node, kind) for node in nodes if (kind := _of_turns(node)) is not None]
    if not turns or (len(turns) > 1 and any(kind is not Reduction.SUM for _, kind in turns)):
        return (*steps_of(way), *_UNREAD)
    loop, kind = turns[-1]
    below = {node.uid for node in walk(loop)} - {loop.uid}
    counts = {node.uid for node in nodes if _is_divided_by_length(node, taken)}
    above = tuple(_by_batch(step) if uid in counts else step for uid, step in way if uid not in below)
    inside = tuple(step for uid, step in way if uid in below)
    if any(isinstance(step, (Reshape, Squeeze, Stack)) for step in inside):
        return (*steps_of(way), *_UNREAD)
    return (*above, Reduce(kind, (0,)), *map(_of_a_sample, inside))


def _of_a_sample(step: ChainStep) -> ChainStep:
    """What is done to one sample, as it is done to each of a batch."""
    if not isinstance(step, Reduce):
        return step
    if step.axes is Extent.ALL:
        return Reduce(step.kind, Extent.SAMPLE)
    if isinstance(step.axes, tuple):
        return Reduce(step.kind, tuple(axis if axis < 0 else axis + 1 for axis in step.axes))
    return step


def _taken_of(side: Expr) -> Expr | None:
    """What a side of an error is one entry of, where a loop takes its entries one by one."""
    node = strip(side)
    while len(node.args) == 1 and node.op in ELEMENTWISE | frozenset(("item", "index")):
        if is_unknown_item(node) or _is_by_turn(node):
            return node.args[0]
        if node.op in ("item", "index"):
            return None
        node = strip(node.args[0])
    return None


def _is_by_turn(node: Expr) -> bool:
    """Whether a loop over the batch takes one entry by the number of its turn: `x[i]` in `for i in range(len(x))`."""
    written = None if node.site is None else node.site.node
    if node.op != "index" or node.site is None or not isinstance(written, ast.Subscript):
        return False
    if not isinstance(written.slice, ast.Name):
        return False
    return any(
        target == written.slice.id and _counts_batch(over)
        for loop in node.site.source.cell.nodes
        if isinstance(loop, (ast.For, ast.ListComp, ast.GeneratorExp)) and syntax.holds(loop, written)
        for target, over in _numbered(loop)
    )


def _numbered(loop: ast.For | ast.ListComp | ast.GeneratorExp) -> Iterator[tuple[str, ast.expr]]:
    """The names that number the turns of a loop, each with what there are as many of."""
    for each in (loop,) if isinstance(loop, ast.For) else loop.generators:
        call, target = each.iter, each.target
        is_range = isinstance(call, ast.Call) and syntax.last(call.func) == "range"
        if is_range and isinstance(call, ast.Call) and isinstance(target, ast.Name) and len(call.args) == 1:
            yield target.id, call.args[0]


def _counts_batch(count: ast.expr) -> bool:
    """Whether a number is the length of a first axis, or the batch size by its name."""
    match count:
        case ast.Call(func=ast.Name(id="len"), args=[_]):
            return True
        case ast.Call(func=ast.Attribute(attr="size"), args=[ast.Constant(value=0)]):
            return True
        case ast.Subscript(value=ast.Attribute(attr="shape"), slice=ast.Constant(value=0)):
            return True
    return is_batch_size(syntax.last(count))


def _keeps_samples(value: Expr, site: SamplerSite, graph: Graph) -> bool:
    """Whether the entries of a value are those of z: what is made of it leaves the first axis where it is."""
    if not graph.holds(value, site.z.uid) or is_in_front(value):
        return False
    pending, seen = [value], {site.z.uid}
    while pending:
        node = pending.pop()
        if node.uid in seen or not graph.holds(node, site.z.uid):
            continue
        seen.add(node.uid)
        if not _keeps_first(node):
            return False
        pending += node.args
    return True


def _keeps_first(node: Expr) -> bool:
    if node.op in _SHAPED:
        return viewed_rank(node) is not None
    if node.op == "flatten":
        return isinstance(node.get("sizes"), tuple) and node.get("sizes") != ()
    if node.op == "cat":
        return node.get("axis") not in (None, 0)
    over_steps = str(node.get("kind")).startswith(OVER_STEPS)
    return node.op in _KEEPING and not over_steps and not adds_an_axis(node)


def _of_turns(node: Expr) -> Reduction | None:
    """How a node puts together what the turns of a loop made; None where it does something else."""
    if is_over_turns(node):
        return Reduction.SUM if node.op == "sum" else Reduction.MEAN
    return Reduction.SUM if turn_means.is_running_sum(node) else None


def _is_divided_by_length(node: Expr, taken: Iterable[Expr | None]) -> bool:
    """Whether a value is divided by how many entries there are of what a loop goes through."""
    count = strip(node.args[1]) if node.op == "div" else node
    return (
        count.op == "size"
        and count.get("axis") == 0
        and any(whole is not None and count.args[0].uid == whole.uid for whole in taken)
    )


def _by_batch(step: ChainStep) -> ChainStep:
    return Size(0, step.text, step.divides) if isinstance(step, Weight) else step
