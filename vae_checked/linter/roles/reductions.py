"""How a term is reduced on its way: the chain of sums, means and divisions above it, read axis by axis."""

from __future__ import annotations

import ast
import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

from vae_checked.facts import Reduced, Reduction
from vae_checked.linter.interpreter.arguments import are_parsed
from vae_checked.linter.interpreter.values import Value
from vae_checked.linter.roles.samplers import is_scalar
from vae_checked.linter.symbols.expression import ELEMENTWISE, TRANSPARENT, Expr, strip
from vae_checked.linter.symbols.intervals import interval_of
from vae_checked.linter.symbols.numeric import leaves

if TYPE_CHECKING:
    from vae_checked.linter.roles.reconstructions import Reconstruction

Step = tuple[str, object]
_MAX_CHAINS = 4
# Calls inside of one another that make a weight.
_MAX_CALLS = 6
# What a term may pass through without losing its axes or its elements' order.
_PASSED = frozenset(("clamp", "nan_to_num", "maximum", "masked"))


def chains(root: Expr, target: int) -> list[tuple[Step, ...]]:
    """The distinct chains of reductions and factors from `root` down to the node `target`, outermost first."""
    memo: dict[int, list[tuple[Step, ...]]] = {}

    def visit(node: Expr, depth: int) -> list[tuple[Step, ...]]:
        if node.uid == target:
            return [()]
        if node.uid in memo or depth > 200:
            return memo.get(node.uid, [])
        memo[node.uid] = []
        found: list[tuple[Step, ...]] = []
        for index, arg in enumerate(node.args):
            for chain in visit(arg, depth + 1):
                step = _step(node, index)
                whole = chain if step is None else (step, *chain)
                if whole not in found and len(found) < _MAX_CHAINS:
                    found.append(whole)
        memo[node.uid] = found
        return found

    return visit(root, 0)


def _step(node: Expr, index: int) -> Step | None:
    if node.op in ("sum", "mean"):
        return (node.op, node.get("axes"))
    if node.op == "neg" or (node.op == "sub" and index == 1):
        return ("sign", -1)
    if node.op == "div" and index == 0:
        return _factor(node, 1, inverse=True)
    if node.op == "mul":
        return _factor(node, 1 - index, inverse=False)
    if node.op == "flatten":
        return ("shape", ("flat", _flat_rank(node)))
    if node.op in ("view", "reshape"):
        return ("shape", node.get("sizes"))
    if node.op == "stack":
        return ("stacked", None)
    if node.op in ("add", "sub", "phi") or node.op in TRANSPARENT:
        return None
    return ("through", node.op)


def _factor(node: Expr, index: int, inverse: bool) -> Step:
    """What multiplying or dividing by the argument at `index` does to the other one."""
    other = node.args[index]
    bare = strip(other)
    if bare.op == "const":
        number = bare.value
        value = 1.0 / number if inverse and number else number
        if inverse and is_chosen(value):
            # A number that a sum is divided by may be the batch size.
            return ("fraction", value)
        return ("named" if _is_named(node, index) else "const", value)
    axis = bare.get("axis") if bare.op == "size" else None
    if axis is not None:
        return ("divided" if inverse else "times", axis)
    name = str(bare.get("name") or "")
    if inverse and ("batch" in name.lower() or name.lower() in ("bs", "b", "n")):
        return ("divided", 0)
    if is_number(other):
        return ("-weight" if _negative(other) else "weight", name or bare.op)
    interval = interval_of(bare)
    positive = interval is not None and interval.low >= 0.0
    return ("factor" if is_whole(other) else "spread", "positive" if positive else bare.op)


def _is_named(node: Expr, index: int) -> bool:
    """Whether a number is written as something else than a number: a weight that has a name and a known value."""
    written = node.site.node if node.site is not None else None
    if not isinstance(written, ast.BinOp):
        return False
    operand = written.left if index == 0 else written.right
    if isinstance(operand, ast.Name) and node.site is not None and _is_local(operand, node.site.source.cell.tree):
        return False
    functions = {id(node.func) for node in ast.walk(operand) if isinstance(node, ast.Call)}
    return any(
        isinstance(node, (ast.Name, ast.Attribute)) and id(node) not in functions and not _is_constant(node)
        for node in ast.walk(operand)
        if id(node) not in functions
    )


def _is_local(name: ast.Name, tree: ast.AST) -> bool:
    """Whether a name is given a number in the function in which it is read: a number in another place, no setting."""
    around = None
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.lineno <= name.lineno <= (node.end_lineno or 0):
            around = node
    return around is not None and any(
        isinstance(node, ast.Assign)
        and isinstance(node.value, ast.Constant)
        and any(getattr(target, "id", "") == name.id for target in node.targets)
        for node in ast.walk(around)
    )


def _is_constant(node: ast.expr) -> bool:
    """Whether a name is that of a module or of a mathematical constant."""
    return getattr(node, "attr", "") in ("pi", "e") or getattr(node, "id", "") in ("math", "np", "numpy", "torch")


def _negative(expr: Expr) -> bool:
    """Whether a number made of constants and of names, which are taken as positive, is negative."""
    if expr.op == "const":
        return expr.value < 0
    if expr.op == "neg":
        return not _negative(expr.args[0])
    if expr.op in ("mul", "div"):
        return _negative(expr.args[0]) is not _negative(expr.args[1])
    return expr.op in TRANSPARENT and _negative(expr.args[0])


def is_whole(expr: Expr) -> bool:
    """Whether a value has no axes left."""
    seen: set[int] = set()
    stack = [expr]
    while stack:
        node = stack.pop()
        reduced = node.op in ("sum", "mean")
        if node.uid in seen or node.op == "const" or is_scalar(node) or (reduced and node.get("axes") == "all"):
            continue
        seen.add(node.uid)
        if node.op in ("opaque", "call", "item", "atom", "layer", "index") or not node.args:
            return False
        stack.extend(node.args[:1] if reduced else node.args)
    return True


def is_number(expr: Expr, depth: int = 0) -> bool:
    """Whether an expression is made of numbers, sizes, attributes and parameters alone: a weight, no tensor.

    What a call that is not understood makes of such is one too: a schedule of an epoch, an option of the command line.
    """
    return all(_is_setting(leaf, depth) for leaf in leaves(expr))


def _is_setting(leaf: Expr, depth: int) -> bool:
    if is_scalar(leaf) or leaf.op in ("atom", "weight") or are_parsed(leaf):
        return True
    # Below a call, a table of settings is told by the names of its entries.
    entry = leaf.op == "item" and depth > 0 and isinstance(leaf.get("index"), str)
    made = (leaf.op in ("opaque", "call") or entry) and leaf.args and depth < _MAX_CALLS
    return bool(made) and all(is_number(arg, depth + 1) for arg in leaf.args)


def peeled(term: Expr) -> tuple[Step, ...]:
    """What a term is scaled and reduced by at its top, down to where its parts are added."""
    steps: list[Step] = []
    node = term
    while True:
        index = 0
        if node.op == "mul":
            index = 1 if is_number(node.args[0]) else 0
            if not is_number(node.args[1 - index]):
                return tuple(steps)
        elif node.op == "div":
            if not is_number(node.args[1]):
                return tuple(steps)
        elif node.op not in ("neg", "sum", "mean") and node.op not in TRANSPARENT:
            return tuple(steps)
        step = _step(node, index)
        if step is not None:
            steps.append(step)
        node = node.args[index]


def latents(head: Expr) -> int | None:
    """The number of latents, from the linear layer that makes the head."""
    node = strip(head)
    while node.op not in ("layer",) and len(node.args) == 1:
        node = strip(node.args[0])
    return _outputs(node)


def elements(recon: Reconstruction) -> int | None:
    """The number of elements of a sample, from a written view or the last linear layer of the prediction."""
    for side in (recon.first, recon.second):
        node = side
        while node.op not in ("layer",) and node.args:
            sizes = node.get("sizes") if node.op in ("view", "reshape") else None
            if isinstance(sizes, tuple) and len(sizes) > 1 and all(isinstance(size, int) for size in sizes[1:]):
                known = [size for size in sizes[1:] if isinstance(size, int)]
                if min(known) > 0:
                    return math.prod(known)
            node = node.args[0]
        found = _outputs(node)
        if found is not None:
            return found
    return None


def _outputs(node: Expr) -> int | None:
    out = node.get("outputs") if node.op == "layer" and node.get("kind") == "Linear" else None
    return out if isinstance(out, int) and out > 0 else None


def read(chain: tuple[Step, ...], rank: int | None, single: Iterable[int] = ()) -> Reduced | None:
    """What a chain does to the batch axis and to the axes of a sample; None when it cannot be read.

    `rank` is the number of axes of the term, None when it is not known (then 2 is the least there can be). `single` are
    axes of length 1, over which a sum is a mean.
    """
    batch: Reduction | None = Reduction.KEPT
    event: dict[int, Reduction] = {}
    chosen = counted = spread = stacked = False
    axes = list(range(rank)) if rank else None
    for kind, value in reversed(chain):
        if kind in ("sum", "mean"):
            reduction = Reduction.SUM if kind == "sum" else Reduction.MEAN
            if value == "unknown" or (stacked and value not in ("all", (0,))):
                return None
            if stacked and value == (0,):
                # Over what was put side by side, as the losses of several samples are.
                stacked = False
                continue
            stacked = False
            if spread:
                # The total of the batch was handed to every element of something, and these are added up.
                return Reduced(batch, Reduction.MIXED, False) if kind == "sum" else None
            outcome = _reduce(value, reduction, batch, event, axes)
            if outcome is None:
                return None
            batch, event, axes = outcome
        elif kind == "divided":
            if value == 0 and batch is Reduction.SUM:
                batch = Reduction.MEAN
            elif value == 0 and batch is Reduction.MEAN:
                # A batch size below what is a mean already weighs nothing on purpose.
                continue
            else:
                counted = True
        elif kind in ("times", "weight", "-weight", "fraction"):
            counted = True
        elif kind == "named" or (kind == "const" and is_chosen(value)):
            chosen = True
        elif kind == "stacked":
            if stacked:
                return None
            stacked = True
        elif kind == "shape":
            reshaped = _reshaped(value, event, batch)
            if reshaped is None:
                return None
            axes = list(range(reshaped))
        elif kind in ("factor", "spread") and axes == []:
            spread, counted = kind == "spread", True
        elif kind in ("factor", "spread") or (kind == "through" and value not in _PASSED):
            return None
    event = {axis: reduction for axis, reduction in event.items() if axis not in single} or event
    explicit, constant = chosen or counted, not counted and chosen
    kinds = set(event.values()) | ({Reduction.KEPT} if axes and any(axis != 0 for axis in axes) else set())
    if not kinds:
        return Reduced(batch, Reduction.KEPT if axes is None else None, explicit, constant)
    if kinds == {Reduction.KEPT} and not event:
        return Reduced(batch, Reduction.KEPT, explicit, constant)
    whole = next(iter(kinds)) if len(kinds) == 1 else Reduction.MIXED
    return Reduced(batch, whole, explicit, constant)


def repeated(shared: tuple[Step, ...], own: Reduced | None, other: Reduced | None) -> bool:
    """Whether a term that has no batch axis left is added to each sample of the other one.

    A term without any axis is charged once per sample where these are summed; one that has its own axes left is added
    to samples by their position.
    """
    if own is None or other is None:
        return False
    if own.batch is Reduction.SUM and own.event is Reduction.KEPT and other.batch is Reduction.KEPT:
        return other.event in (Reduction.SUM, Reduction.MEAN)
    if not any(kind == "sum" for kind, _ in shared):
        return False
    done = Reduction.KEPT not in (own.batch, own.event)
    return done and other.batch is Reduction.KEPT


def balancing(shared: tuple[Step, ...], own: Reduced | None, other: Reduced | None) -> tuple[Step, ...]:
    """The steps above both terms that matter for their balance.

    Where one is a sum over the batch and the other a mean already, what scales the two together makes up for nothing.
    """
    if own is None or other is None or {own.batch, other.batch} != {Reduction.SUM, Reduction.MEAN}:
        return shared
    return tuple(step for step in shared if step[0] not in ("divided", "fraction", "named", "const"))


def is_chosen(value: object) -> bool:
    """Whether a constant factor is one that an author chose, not one that a formula has."""
    return isinstance(value, (int, float)) and abs(value) not in (0.5, 1.0, 2.0)


def single_axes(recon: Reconstruction) -> tuple[int, ...]:
    """The axes of a reconstruction error that have length 1: the channels of a grey picture from a convolution."""
    for side in (recon.first, recon.second):
        node = strip(side)
        while node.op in ELEMENTWISE and len(node.args) == 1:
            node = node.args[0]
        if node.op == "layer" and node.get("channels_out") == 1:
            return (1,)
    return ()


def _reshaped(sizes: Value, event: dict[int, Reduction], batch: Reduction | None) -> int | None:
    """The rank after a view that keeps the batch axis first; None for any other."""
    if not isinstance(sizes, tuple) or event or batch is not Reduction.KEPT or len(sizes) < 2:
        return None
    first = sizes[0]
    if first == "flat":
        return sizes[1] if isinstance(sizes[1], int) else None
    keeps = first == -1 or first is None or (isinstance(first, tuple) and first[0] == "expr" and first[2] in (0, None))
    return len(sizes) if keeps else None


def _reduce(
    value: object,
    reduction: Reduction,
    batch: Reduction | None,
    event: dict[int, Reduction],
    axes: list[int] | None,
) -> tuple[Reduction | None, dict[int, Reduction], list[int] | None] | None:
    event = dict(event)
    if value == "all":
        if batch is Reduction.KEPT:
            batch = reduction
        for axis in axes if axes is not None else ([] if event else [0, -1]):
            if axis != 0:
                event[axis] = reduction
        return batch, event, []
    if not isinstance(value, tuple):
        return None
    if axes is None:
        # Rank unknown: axis 0 is the batch, everything else belongs to a sample.
        left_batch = batch is Reduction.KEPT
        for axis in value:
            if axis == 0 and left_batch:
                batch = reduction
            else:
                event[axis] = reduction
        return batch, event, ([0] if batch is Reduction.KEPT else []) if event else None
    remaining = list(axes)
    for axis in value:
        if not -len(axes) <= axis < len(axes):
            return (batch, event, axes) if not axes else None
        original = axes[axis]
        remaining.remove(original) if original in remaining else None
        if original == 0:
            batch = reduction
        else:
            event[original] = reduction
    return batch, event, remaining


def _flat_rank(node: Expr) -> int | None:
    """The rank after `flatten(start)`; None where it is not read, or where the batch is flattened too."""
    sizes = node.get("sizes")
    if sizes is None:
        return 2
    start = sizes[0] if isinstance(sizes, tuple) and len(sizes) == 1 else None
    return start + 1 if isinstance(start, int) and start > 0 else None


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
    if expr.op in ("add", "sub", "mul", "div", "where"):
        ranks = [_rank(arg, known, depth) for arg in expr.args if arg.op != "const"]
        return max((rank for rank in ranks if rank is not None), default=None)
    if expr.op in ("loss", "cast", "detach", "contiguous", "part", "pow", "square", "abs", "neg", "exp", "log",
                   "sigmoid", "tanh", "relu", "clamp", "leaky_relu", "softplus", "alias"):  # fmt: skip
        ranks = [_rank(arg, known, depth) for arg in expr.args]
        return next((rank for rank in ranks if rank is not None), None)
    return None
