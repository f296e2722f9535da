"""The chain of sums, means, divisions and weights above a term in the source, and the rank that it starts from."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from vae_checked.facts import Reduction
from vae_checked.linter.files import syntax
from vae_checked.linter.interpreter.arguments import are_parsed
from vae_checked.linter.roles import (
    batch_sizes,
    first_axes,
    given_numbers,
    ramps,
    row_steps,
    turn_means,
    written_factors,
)
from vae_checked.linter.roles.counted import is_of_one_sample, is_taken_apart, may_be_all_data, may_be_of_one_sample
from vae_checked.linter.roles.draw_axes import is_in_front
from vae_checked.linter.roles.entry_weights import are_of_entries, are_of_given
from vae_checked.linter.roles.samplers import is_scalar
from vae_checked.linter.symbols.expression import (
    ELEMENTWISE,
    TRANSPARENT,
    Expr,
    Graph,
    contains,
    is_square,
    strip,
    walk,
)
from vae_checked.linter.symbols.gradient_flow import stops_gradient
from vae_checked.linter.symbols.intervals import interval_of
from vae_checked.linter.symbols.numeric import leaves, settled
from vae_checked.linter.symbols.structures import once_per_structure, once_per_structures
from vae_checked.linter.symbols.turns import counts, is_over_turns, is_turn
from vae_checked.linter.torch_model.sizes import LATER
from vae_checked.mathematics.names import is_batch_size
from vae_checked.mathematics.reductions import (
    Axes,
    ChainStep,
    Extent,
    Negate,
    Number,
    Reduce,
    Reshape,
    Size,
    Squeeze,
    Stack,
    Tensor,
    Through,
    Weight,
    weighs_formula,
)

_MAX_CHAINS = 4
# Calls inside of one another that make a weight.
_MAX_CALLS = 6
_MAX_DEPTH = 200
# Batch, steps and features.
_OF_SEQUENCES = (3, 5)
# The operands of a product, and the axes of rows of features.
_OF_TWO, _ROWS = 2, 2
# What has an axis of samples.
_OF_DATA = frozenset(("layer", "noise", "batch", "data", "loss"))
# What has as many axes as the one of its arguments that has most.
_KEEPING_RANK = ELEMENTWISE | {"loss", "cast", "detach", "contiguous", "part", "alias", "softmax"}
_ROOT = (Through("sqrt"),)


# A step with the node that takes it: steps alike on two ways are one step where they are taken by one node.
Taken = tuple[int, ChainStep]


def chains(root: Expr, target: int, graph: Graph | None = None) -> list[tuple[ChainStep, ...]]:
    """The distinct chains of reductions and factors from `root` down to the node `target`, outermost first.

    With a graph that has `root`, only its nodes that lead to the target are looked into.
    """
    return [steps_of(way) for way in ways(root, target, graph)]


def steps_of(way: Sequence[Taken]) -> tuple[ChainStep, ...]:
    """The steps of a way without their nodes."""
    return tuple(step for _, step in way)


def trained_ways(root: Expr, target: int, graph: Graph) -> list[tuple[Taken, ...]]:
    """The `ways` that a gradient takes, where there are any: a detached loss may weigh another term of the loss."""
    return ways(root, target, graph, attached=True) or ways(root, target, graph)


def ways(root: Expr, target: int, graph: Graph | None = None, *, attached: bool = False) -> list[tuple[Taken, ...]]:
    """`chains` with the node of each step; of ways that take the same steps the first alone.

    With `attached` those without a detach on them.
    """
    leading = graph.holding(target) if graph is not None and root in graph else None
    taken = _Steps(graph) if graph is None else graph.read_once(_Steps)
    memo: dict[int, dict[tuple[ChainStep, ...], tuple[Taken, ...]]] = {}

    def visit(node: Expr, depth: int) -> dict[tuple[ChainStep, ...], tuple[Taken, ...]]:
        if node.uid == target:
            return {(): ()}
        if node.uid in memo or depth > _MAX_DEPTH or (leading is not None and node.uid not in leading):
            return memo.get(node.uid, {})
        memo[node.uid] = {}
        if attached and stops_gradient(node):
            return {}
        found: dict[tuple[ChainStep, ...], tuple[Taken, ...]] = {}
        weighed = _weighed_by_itself(node, target)
        # The size of a tensor says nothing of its values.
        for index, arg in enumerate(node.args if node.op not in ("size", "shape") else ()):
            below = visit(arg, depth + 1) if weighed in (None, index) else {}
            own = taken.steps(node, index) if below else ()
            for chain, way in below.items():
                # The square of a root is what stands under it.
                undone = int(chain[:1] == _ROOT and is_square(node))
                whole = (*own[undone:], *chain[undone:])
                if whole not in found and len(found) < _MAX_CHAINS:
                    found[whole] = (*((node.uid, step) for step in own[undone:]), *way[undone:])
        memo[node.uid] = found
        return found

    return list(visit(root, 0).values())


class _Steps:
    """What each node does to each of its arguments: read once for all ways in a graph that lead through it."""

    def __init__(self, graph: Graph | None) -> None:
        # By their ids: what is written at two places is one structure. They are held, lest another one takes an id.
        self._known: dict[tuple[int, int], tuple[Expr, tuple[ChainStep, ...]]] = {}

    def steps(self, node: Expr, index: int) -> tuple[ChainStep, ...]:
        """What a node does to its argument at `index`."""
        key = id(node), index
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = node, _steps(node, index)
        return known[1]


def _weighed_by_itself(node: Expr, target: int) -> int | None:
    """Which factor a term is in a product with a weight that is made of it, as in a focal error; None elsewhere."""
    if node.op != "mul":
        return None
    for index, (term, weight) in enumerate((node.args, node.args[::-1])):
        if strip(term).uid == target and contains(weight, target) and are_of_entries(weight, term):
            return index
    return None


def _steps(node: Expr, index: int) -> tuple[ChainStep, ...]:
    """What a node does to its argument at `index`."""
    of_rows = row_steps.steps(node, index)
    if of_rows is not None or is_over_turns(node):
        return of_rows or ()
    if node.op in ("sum", "mean"):
        return (Reduce(Reduction.SUM if node.op == "sum" else Reduction.MEAN, _axes(node)),)
    if node.op == "neg" or (node.op == "sub" and index == 1):
        return (Negate(),)
    if node.op == "mul" or (node.op == "div" and index == 0):
        if turn_means.is_mean(node):
            return ()
        return tuple(_scaling(node, 1 - index, inverse=node.op == "div"))
    if node.op == "flatten":
        rank = _flat_rank(node)
        return (Reshape(rank, merges=True, kept=rank - 1 if rank else 1),)
    if node.op in ("view", "reshape"):
        return (Reshape(viewed_rank(node)),)
    if node.op == "squeeze":
        return _squeezed(node)
    if node.op == "stack" and node.get("axis") in (None, 0):
        return (Stack(),)
    if node.op in ("add", "sub", "phi") or node.op in TRANSPARENT:
        return ()
    return (Through(node.op),)


def _squeezed(node: Expr) -> tuple[ChainStep, ...]:
    """What leaves out axes, by their numbers or whichever have length 1.

    Of three axes, without a number, it leaves the first and one more: it is there to leave one out.
    """
    axes = node.get("sizes")
    if not axes:
        return (Reshape(_ROWS, merges=True),) if rank_of(node.args[0]) == _ROWS + 1 else (Squeeze(None),)
    numbers = tuple(axis for axis in axes if isinstance(axis, int)) if isinstance(axes, tuple) else ()
    return (Squeeze(numbers),) if numbers else ()


def _axes(node: Expr) -> Axes:
    axes = node.get("axes")
    if isinstance(axes, tuple):
        numbers = tuple(axis for axis in axes if isinstance(axis, int))
        return Extent.UNKNOWN if _skips_an_axis(numbers, node.args[0]) else numbers
    return {"all": Extent.ALL, LATER: Extent.SAMPLE}.get(str(axes), Extent.UNKNOWN)


def _skips_an_axis(axes: tuple[int, ...], of: Expr) -> bool:
    """Whether axes that are reduced together are the first and later ones than the second, which may be the batch then.

    Of `(steps, batch, features)` those of a sample are 0 and 2.
    """
    if len(axes) < _OF_TWO or 0 not in axes or 1 in axes:
        return False
    rank = rank_of(of)
    return rank is None or rank > len(axes)


def viewed_rank(node: Expr) -> int | None:
    """The rank after a view that keeps the batch axis first; None for any other."""
    sizes = node.get("sizes")
    if not isinstance(sizes, tuple) or len(sizes) < 2:
        return None
    first = sizes[0]
    keeps = first == -1 or first is None or (isinstance(first, tuple) and first[0] == "expr" and first[2] in (0, None))
    keeps = keeps or (isinstance(first, int) and node.site is not None and batch_sizes.leads(node.site.node))
    return len(sizes) if keeps else None


def _scaling(node: Expr, index: int, inverse: bool) -> Iterator[ChainStep]:
    """What multiplying or dividing by the argument at `index` does to the other one, factor by factor."""
    factor = node.args[index]
    if is_number(factor):
        yield from _factors(node, index, inverse, node.args[1 - index])
        return
    interval = interval_of(strip(factor))
    positive = interval is not None and interval.low >= 0.0
    alike = are_of_entries(factor, node.args[1 - index])
    yield Tensor(_wholeness(factor), positive, alike=alike, given=not alike and are_of_given(factor))


def _wholeness(factor: Expr) -> bool | None:
    """Whether a factor has no axes left; None where it is made of what is not read alone, as of an entry of a table."""
    whole = is_whole(factor)
    return None if not whole and not any(node.op in _OF_DATA for node in walk(factor)) else whole


def factors_of(number: Expr, term: Expr, *, inverse: bool) -> Iterator[ChainStep]:
    """What a number that stands beside a term, or below it where it is `inverse`, does to the term."""
    return _factors(Expr("div", (term, number), (), None), 1, inverse, term)


def _factors(node: Expr, index: int, inverse: bool, term: Expr) -> Iterator[ChainStep]:
    """The factors of a number beside a term: `0.5 / x.size(0)` is a constant and a division by the batch size."""
    bare = strip(node.args[index])
    if (number := settled(bare)) is not None:
        yield _number(node, index, number, inverse)
    elif (
        ramp := ramps.read(
            bare, node, written_factors.operand(node, index), written_factors.operand(bare, 0), inverse=inverse
        )
    ) is not None:
        yield ramp
    elif bare.op in ("mul", "div"):
        yield from _factors(bare, 0, inverse, term)
        yield from _factors(bare, 1, inverse is not (bare.op == "div"), term)
    elif bare.op == "neg":
        yield Negate()
        yield from _factors(bare, 0, inverse, term)
    elif bare.op == "size":
        yield _length(bare, written_factors.text(node, index), inverse, term)
    elif _is_batch(bare, inverse):
        yield Size(0, written_factors.text(node, index), inverse)
    else:
        text = written_factors.text(node, index) or _name(bare) or bare.op
        yield Weight(text, given_numbers.is_negative(bare), inverse, counts(bare))


def _is_batch(number: Expr, inverse: bool) -> bool:
    """Whether a number beside a term is the batch size by its name.

    One letter is that of a size by which a sum is divided; a term is multiplied by a beta of that name, and an option
    may have it for anything.
    """
    name = _name(number)
    return is_batch_size(name) and (len(name) > 1 or (inverse and number.op == "atom"))


def _length(size: Expr, text: str, inverse: bool, term: Expr) -> Size | Weight:
    """The length of an axis beside a term; that of what is no batch is a count, as that of several draws is.

    A loop may take parts of any kind one by one, and what an unread call made or an object keeps from a place that was
    not read, that is in no term, may be all data.
    """
    axis, whole = size.get("axis"), size.args[0]
    if axis == 0 and (is_taken_apart(whole, term) or (may_be_all_data(whole) and not contains(term, whole.uid))):
        return Weight(text, divides=inverse)
    if axis == 0 and is_in_front(whole):
        return Weight(text, divides=inverse)
    if axis in (0, 1):
        axis = first_axes.as_handed_over(whole, axis)
        # Whoever calls the second size that of the batch has the steps first.
        if axis is None or (axis == 1 and first_axes.is_of_batch(text)):
            return Weight(text, divides=inverse)
    if axis == "all" and may_be_of_one_sample(whole, term):
        return Weight(text, divides=inverse)
    # Of the axes from one on: a count of what is in a sample, where that one is not the batch.
    first = axis[1] if isinstance(axis, tuple) else axis
    if is_of_one_sample(whole, term):
        first = first + 1 if isinstance(first, int) and first >= 0 else 1
    return Size(first if isinstance(first, int) else None, text, inverse)


def _name(expr: Expr) -> str:
    return str(expr.get("name") or "")


def _number(node: Expr, index: int, number: float, inverse: bool) -> Number:
    value = 1.0 / number if inverse and number else number
    of_batch = batch_sizes.stands_in(
        written_factors.operand(node, index), None if node.site is None else node.site.source.cell
    )
    return Number(
        value,
        written_factors.text(node, index) or f"{number:g}",
        written_factors.is_named(node, index),
        inverse,
        of_batch,
    )


def is_whole(expr: Expr, with_axes: Collection[int] = ()) -> bool:
    """Whether a value has no axes left; what is numbered in `with_axes` has some, whatever it looks like."""
    seen: set[int] = set()
    stack = [expr]
    while stack:
        node = stack.pop()
        reduced = node.op in ("sum", "mean")
        if node.uid in with_axes:
            return False
        if node.uid in seen or node.op == "const" or is_scalar(node) or (reduced and node.get("axes") == "all"):
            continue
        seen.add(node.uid)
        if node.op in ("opaque", "call", "item", "atom", "layer", "index") or not node.args:
            return False
        stack.extend(node.args[:1] if reduced else node.args)
    return True


@once_per_structures
def is_number(expr: Expr, depth: int = 0) -> bool:
    """Whether an expression is made of numbers, sizes, attributes and parameters alone: a weight, no tensor.

    What a call that is not understood makes of such is one too: a schedule of an epoch, an option of the command line.
    """
    return given_numbers.is_python_float(expr) or all(_is_setting(leaf, depth) for leaf in leaves(expr))


def _is_setting(leaf: Expr, depth: int) -> bool:
    if is_scalar(leaf) or is_turn(leaf) or leaf.op in ("atom", "weight"):
        return True
    if are_parsed(leaf) or is_batch_size(_name(leaf)) or given_numbers.is_given(leaf):
        return True
    if given_numbers.is_of_schedule(leaf):
        return True
    if leaf.op == "phi":
        ways = leaf.args[1:]
        return given_numbers.have_one_sign(ways) and all(is_number(way, depth) for way in ways)
    # Below a call, a table of settings is known by the names of its entries.
    entry = leaf.op == "item" and depth > 0 and isinstance(leaf.get("index"), str)
    if depth > 0 and given_numbers.is_made_outside(leaf):
        return True
    entry = entry or given_numbers.is_of_numbers(leaf)
    made = (leaf.op in ("opaque", "call") or entry) and leaf.args and depth < _MAX_CALLS
    return bool(made) and all(is_number(arg, depth + 1) for arg in leaf.args)


def peeled(term: Expr) -> tuple[ChainStep, ...]:
    """What a term is scaled and reduced by at its top, down to where its parts are added."""
    steps: list[ChainStep] = []
    node = term
    while (index := scaled_at(node)) is not None:
        steps += _steps(node, index)
        node = node.args[index]
    return tuple(steps)


def scaled_at(node: Expr) -> int | None:
    """Which argument a node scales by a number, reduces or reshapes; None where it does something else."""
    if node.op == "mul":
        # Where no model is known, a formula is made of what may all be numbers; a size is no formula.
        index = 1 if is_number(node.args[0]) and strip(node.args[1]).op not in ("size", "const") else 0
        return index if is_number(node.args[1 - index]) else None
    if node.op == "div":
        return 0 if is_number(node.args[1]) else None
    if node.op == "add":
        # What a running sum starts from.
        nothing = [strip(arg).op == "const" and strip(arg).value == 0.0 for arg in node.args]
        return nothing.index(False) if sum(nothing) == len(nothing) - 1 else None
    return 0 if node.op in ("neg", "sum", "mean") or node.op in TRANSPARENT else None


def formula_in(term: Expr) -> Expr:
    """The outermost part of a term that stands in the file of its formula, below what weighs it there.

    Another file may reduce and weigh it as well.
    """
    while term.op == "detach":
        # A block under no_grad, or what is shown of a formula, is around it.
        term = term.args[0]
    nodes = [term]
    while (index := scaled_at(nodes[-1])) is not None:
        nodes.append(nodes[-1].args[index])
    formula = nodes[-1].site
    own = [node for node in nodes if formula and node.site and node.site.source.path == formula.source.path]
    return next((node for node in own if not _is_weighed(node)), own[-1] if own else term)


def _is_weighed(node: Expr) -> bool:
    """Whether a node is a product with something that an author chose, adds to nothing, or is shown."""
    index = scaled_at(node)
    weighed = index is not None and any(map(weighs_formula, _steps(node, index)))
    if index is not None and node.op in ("mul", "sum", "mean"):
        weighed = weighed or _is_written_elsewhere(node.args[index], node)
    return weighed or node.op == "detach" or (node.op == "add" and index is not None)


def _is_written_elsewhere(formula: Expr, node: Expr) -> bool:
    """Whether a formula, the product of a sum with a number, was given a name before it was scaled or reduced again."""
    index = scaled_at(formula) if formula.op == "mul" else None
    if index is None or strip(formula.args[index]).op not in ("sum", "mean"):
        return False
    if formula.site is None or node.site is None:
        return False
    written = formula.site.node
    return not syntax.holds(node.site.node, written)


def step_axes(rank: int | None) -> tuple[int, ...]:
    """The axes of a term that may be those of tokens, steps or samples of one input: the middle one of three, and the
    second of five, as films have it before that of the channels."""
    return (1,) if rank in _OF_SEQUENCES else ()


def _flat_rank(node: Expr) -> int | None:
    """The rank after `flatten(start)`; None where it is not read, or where the batch is flattened too."""
    sizes = node.get("sizes")
    if sizes is None:
        return 2
    start = sizes[0] if isinstance(sizes, tuple) and len(sizes) == 1 else None
    return start + 1 if isinstance(start, int) and start > 0 else None


@once_per_structure
def rank_of(expr: Expr) -> int | None:
    """The number of axes of a tensor, from views with written sizes and from layers; None when not known."""
    return _rank(expr, {}, 0)


def _rank(expr: Expr, known: dict[int, int | None], depth: int) -> int | None:
    if expr.uid not in known:
        known[expr.uid] = None if depth > 40 else _read_rank(expr, known, depth + 1)
    return known[expr.uid]


def _read_rank(expr: Expr, known: dict[int, int | None], depth: int) -> int | None:
    if expr.op in ("view", "reshape"):
        sizes = expr.get("sizes")
        if isinstance(sizes, tuple) and len(sizes) > 1:
            return len(sizes)
        return None
    if expr.op == "flatten":
        return _flat_rank(expr)
    if expr.op == "layer":
        rank = expr.get("rank")
        if isinstance(rank, int):
            return rank
        return _rank(expr.args[0], known, depth) if expr.args else None
    if expr.op in _KEEPING_RANK or is_over_turns(expr):
        ranks = [_rank(arg, known, depth) for arg in expr.args if arg.op != "const"]
        return max((rank for rank in ranks if rank is not None), default=None)
    return None
