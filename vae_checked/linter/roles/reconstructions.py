"""The reconstruction term: torch's losses, and squared or absolute differences written by hand."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator

from vae_checked.facts import Likelihood, Reduction
from vae_checked.linter.roles import (
    bent_differences,
    divided_differences,
    gaussian_densities,
    links,
    overdispersed,
    reductions,
)
from vae_checked.linter.roles.logarithms import near, unguarded
from vae_checked.linter.roles.phi import asks_for_mode
from vae_checked.linter.roles.samplers import is_scalar
from vae_checked.linter.symbols.either import is_either
from vae_checked.linter.symbols.expression import (
    LOGS,
    OWN_DIFFERENCES,
    OWN_LOGS,
    REDUCTIONS,
    TRANSPARENT,
    Expr,
    Graph,
    Site,
    contains,
    elementwise,
    is_formula,
    is_square,
    opaque,
    strip,
)
from vae_checked.linter.symbols.index_keys import WHOLE
from vae_checked.linter.symbols.intervals import is_cut_by_itself, recurrent
from vae_checked.linter.symbols.numeric import Program, close, leaves
from vae_checked.mathematics.likelihoods import POISSON_OF_RATE, Floats, error_of
from vae_checked.mathematics.ops import names_of
from vae_checked.record import dataclass, replace

_UNREAD = frozenset(("opaque", "call", "atom"))
_ACTIVATIONS = names_of(lambda operation: operation.closes)
_MAKING = _UNREAD | {"noise", "layer", "parameter"}
_AFFINE = frozenset(("add", "sub", "mul", "div", "neg"))
# What gives some of the elements of a value.
_PICKS = frozenset(("index", "item", "part"))
_PENALTIES = frozenset(("add", "sub", "mul", "div", "log", "log1p", "sqrt", "where", "neg"))
_MAX_LOGS, _MAX_NEAR, _MOST_BESIDE, _LEAST = 4, 24, 3, 1e-3
_BCE = error_of(Likelihood.BCE)
_RATES = ((0.4, 3.0), (2.6, 1.0), (5.0, 7.0), (1.7, 0.0))
_POINTS = ((0.3, 0.8), (0.62, 0.15), (0.85, 0.55), (0.12, 0.35))


@dataclass(frozen=True, slots=True)
class Reconstruction:
    """A loss between a prediction and a target, as the arguments are written.

    `sign` is -1 for a log likelihood, which falls as the error grows. `scores` is what a cross entropy takes the
    softmax of, `scale` what the difference of a square is divided by, as the std of a Gaussian is. Of a loss that is
    not read `kind` is None and `sign` 0: it is made of what is `first`, and of `second`. `reduction` is None where it
    is not known, or is that of parts. `factor` is how often a formula is the error, None where a name says that;
    `often` is so of a density, which its half may stand around.
    """

    term: Expr
    kind: Likelihood | None
    first: Expr
    second: Expr
    ignored: tuple[tuple[str, Site], ...] = ()
    reduction: Reduction | None = Reduction.KEPT
    sign: int = 1
    scores: Expr | None = None
    scale: Expr | None = None
    factor: float | None = 1.0
    often: float = 1.0


def find(graph: Graph) -> list[Reconstruction]:
    """Every reconstruction-like loss in a graph, each once."""
    found = [term for term in map(_read, graph.nodes) if term is not None]
    # The sum over classes of which one is picked belongs to the likelihood of each element.
    picked = {strip(term.term.args[0]).uid for term in found if _is_of_classes(term.term)}
    # So does the square in a density.
    picked |= {density.square.uid for term in found if (density := gaussian_densities.read(term.term)) is not None}
    picked |= _of_two_bernoullis(graph, found)
    by_hand = [term.term for term in found if term.kind is Likelihood.SMOOTH_L1 and term.term.op != "loss"]
    picked |= {size.uid for penalty in by_hand if (size := bent_differences.size_in(penalty)) is not None}
    return [term for term in found if term.term.uid not in picked]


def _of_two_bernoullis(graph: Graph, found: list[Reconstruction]) -> set[int]:
    """The terms of log q(s) - log p(s), of one draw s by two Bernoulli distributions: a KL, that compares no data."""
    by_hand = {term.term.uid: term for term in found if term.kind is Likelihood.BCE and term.term.op != "loss"}
    met: set[int] = set()
    for node in graph.having("sub") if len(by_hand) > 1 else ():
        pair = [by_hand.get(strip(arg).uid) for arg in node.args]
        one, other = pair
        if one is None or other is None or one.sign != other.sign or one.first.uid == other.first.uid:
            continue
        if strip(one.second).uid == strip(other.second).uid:
            met |= {one.term.uid, other.term.uid}
    return met


def _read(node: Expr) -> Reconstruction | None:
    if node.op == "loss":
        kind, ignored, reduction = node.get("kind"), node.get("ignored"), node.get("reduction")
        if isinstance(kind, Likelihood) and isinstance(ignored, tuple):
            known = reduction if isinstance(reduction, Reduction) else None
            one, other, scale = _compared(node, kind)
            return Reconstruction(node, kind, one, other, ignored, known, scores=_scores(node, kind), scale=scale)
        return None
    if node.op in ("add", "sub"):
        there = links.scored(node)
        if there is not None:
            read = _read(there)
            given = opaque(links.GIVEN, (), there.site)
            return None if read is None else replace(read, term=node, second=given, reduction=None)
        return (
            (
                _cross_entropy(node)
                or _of_counts(node)
                or _of_spread_counts(node)
                or _of_links(node)
                or _of_gaussian(node)
            )
            if node.bits & OWN_LOGS
            else None
        )
    if node.op in REDUCTIONS:
        if _is_of_classes(node):
            picked = _multinomial(strip(node.args[0]))
            return None if picked is None else replace(picked, term=node)
        return _of_difference(node.args[0]) if node.bits & OWN_DIFFERENCES else None
    power = is_square(node)
    if node.op == "mul" and not power:
        return _multinomial(node) if node.bits & LOGS else None
    if node.op == "log":
        return _discretised(node)
    if not power and node.op != "abs":
        return None
    inner, scale = divided_differences.opened(node.args[0])
    if inner.op != "sub" or any(arg.op == "const" for arg in inner.args):
        return None
    kind = Likelihood.MSE if power else Likelihood.L1
    return Reconstruction(node, kind, inner.args[0], inner.args[1], scale=scale)


def _compared(loss: Expr, kind: Likelihood) -> tuple[Expr, Expr, Expr | None]:
    """Both sides of a loss of torch, and what both are divided by where that divides their difference as well."""
    one, other = loss.args[:2]
    if kind in (Likelihood.MSE, Likelihood.L1) and strip(one).op == strip(other).op == "div":
        inner, scale = divided_differences.opened(Expr("sub", (one, other), (), loss.site))
        return inner.args[0], inner.args[1], scale
    return one, other, None


def _of_links(node: Expr) -> Reconstruction | None:
    found = links.read(node)
    if found is None:
        return None
    given = opaque(links.GIVEN, (), node.site)
    return Reconstruction(node, Likelihood.BCE, found.probable, given, reduction=None, sign=found.sign)


def _discretised(node: Expr) -> Reconstruction | None:
    """log(F((x + d - mean) / s) - F((x - d - mean) / s)): how probable the bin around x is, F a distribution's own."""
    mass = unguarded(node.args[0])
    step = strip(mass)
    if step.op != "sub" or not is_formula(step):
        return None
    upper, lower = ({item.uid: item for item in elementwise(side) if _is_difference(item)} for side in step.args)
    shared = upper.keys() & lower.keys()
    if len(shared) != 1:
        return None
    (uid,) = shared
    rest = leaves(step, (uid,))
    if len(rest) > _MOST_BESIDE:
        return None
    ones = {leaf.uid: 0.8 for leaf in rest}
    program = Program(step, (*ones, uid))
    # The mass of a bin is positive, falls off with the distance to its middle on both sides, and vanishes far away.
    at = [program({**ones, uid: distance}) for distance in (-30.0, -1.3, 0.0, 1.3, 30.0)]
    falls = at[0] < at[1] < at[2] > at[3] > at[4]
    if not falls or at[0] < -_LEAST or not (close(at[1], at[3]) and abs(at[0]) < _LEAST * at[2]):
        return None
    one, other = upper[uid].args
    return Reconstruction(node, Likelihood.DENSITY, one, other, sign=-1)


def _of_difference(node: Expr) -> Reconstruction | None:
    """A penalty of one difference that is even and grows with its size: log cosh, Charbonnier and the like."""
    inner = strip(node)
    while inner.op in ("mul", "div") and (index := reductions.scaled_at(inner)) is not None:
        # What scales it is none of the formula.
        inner = strip(inner.args[index])
    if inner.op not in _PENALTIES or not is_formula(inner):
        return None
    if (size := bent_differences.size_in(inner)) is not None:
        one, other = strip(size.args[0]).args
        return Reconstruction(inner, Likelihood.SMOOTH_L1, one, other)
    differences = {item.uid: item for item in elementwise(inner) if _is_difference(item)}
    if len(differences) != 1:
        return None
    ((uid, difference),) = differences.items()
    rest = leaves(inner, (uid,))
    if uid == inner.uid or not all(is_scalar(leaf) for leaf in rest):
        return None
    if any(_read(item) is not None for item in elementwise(inner) if item.op not in REDUCTIONS):
        return None
    ones = {leaf.uid: 1.0 for leaf in rest}
    program = Program(inner, (*ones, uid))
    values = [program({**ones, uid: t}) for t in (0.0, 0.3, 0.9, 1.7)]
    even = all(close(program({**ones, uid: -t}), value) for t, value in zip((0.3, 0.9), values[1:], strict=False))
    grows = all(one < other for one, other in itertools.pairwise(values))
    prediction, target = difference.args
    return Reconstruction(inner, Likelihood.SMOOTH_L1, prediction, target) if even and grows else None


def _is_difference(node: Expr) -> bool:
    return node.op == "sub" and all(arg.op != "const" and not _settled(arg) for arg in node.args)


def _settled(expr: Expr) -> bool:
    """Whether a value is a number whatever the data: `log(2.0)`."""
    return not leaves(expr, most=0)


def _cross_entropy(node: Expr) -> Reconstruction | None:
    """A binary cross entropy, or the log likelihood that it is the negative of, up to a factor: found by its values."""
    logs = [item for item in near(node, _MAX_NEAR) if item.op == "log"]
    if not 2 <= len(logs) <= _MAX_LOGS or not is_formula(node):
        return None
    for log in logs:
        prediction = unguarded(log.args[0])
        rest = leaves(node, (prediction.uid,))
        targets = [leaf for leaf in rest if not is_scalar(leaf)]
        if len(targets) != 1 or prediction.op == "const" or targets[0].uid == prediction.uid:
            continue
        ones = {leaf.uid: 1.0 for leaf in rest if is_scalar(leaf)}
        program = Program(node, (*ones, prediction.uid, targets[0].uid))
        ratios = [
            program({**ones, prediction.uid: p, targets[0].uid: x}) / _BCE.value(p, x, Floats) for p, x in _POINTS
        ]
        if all(close(ratios[0], ratio, 1e-3) for ratio in ratios) and abs(ratios[0]) > _LEAST:
            found = Reconstruction(node, Likelihood.BCE, prediction, targets[0], sign=1 if ratios[0] > 0 else -1)
            # What stands inside may weigh it, or be the size of the batch, which a mean is made with.
            is_open = bool(ones) or any(arg.op == "size" for item in elementwise(node) for arg in item.args)
            if is_open:
                return replace(found, factor=None, reduction=None)
            return replace(found, factor=abs(ratios[0]))
    return None


def _of_counts(node: Expr) -> Reconstruction | None:
    """rate - x * log(rate), up to a factor and what x alone adds: how probable counts are by a Poisson distribution."""
    logs = [item for item in near(node, _MAX_NEAR) if item.op == "log"]
    if not 1 <= len(logs) <= _MAX_LOGS or not is_formula(node):
        return None
    for log in logs:
        rate = unguarded(log.args[0])
        rest = leaves(node, (rate.uid,))
        counts = [leaf for leaf in rest if not is_scalar(leaf)]
        if len(counts) != 1 or rate.op == "const" or counts[0].uid == rate.uid:
            continue
        ones = {leaf.uid: 1.0 for leaf in rest if is_scalar(leaf)}
        factor = _of_poisson(Program(node, (*ones, rate.uid, counts[0].uid)), ones, rate.uid, counts[0].uid)
        if factor:
            return Reconstruction(node, Likelihood.DENSITY, rate, counts[0], sign=1 if factor > 0 else -1)
    return None


def _of_gaussian(node: Expr) -> Reconstruction | None:
    found = gaussian_densities.read(node) if node.bits & OWN_DIFFERENCES else None
    if found is None:
        return None
    sign = 1 if found.factor > 0 else -1
    return Reconstruction(node, Likelihood.GAUSSIAN_NLL, found.first, found.second, sign=sign, often=abs(found.factor))


def _of_spread_counts(node: Expr) -> Reconstruction | None:
    found = overdispersed.read(node)
    if found is None:
        return None
    return Reconstruction(node, Likelihood.DENSITY, found.mean, found.counts, sign=-found.sign)


def _of_poisson(program: Program, ones: dict[int, float], rate: int, counts: int) -> float:
    """By what a formula of a rate and counts is a multiple of its error beyond that of a rate of 1; 0 where it is none.

    What the counts alone add is the same for both.
    """
    beyond = [program({**ones, rate: p, counts: x}) - program({**ones, rate: 1.0, counts: x}) for p, x in _RATES]
    errors = [POISSON_OF_RATE.value(p, x, Floats) - POISSON_OF_RATE.value(1.0, x, Floats) for p, x in _RATES]
    ratios = [value / error for value, error in zip(beyond, errors, strict=True)]
    is_multiple = all(close(ratios[0], ratio, 1e-3) for ratio in ratios) and abs(ratios[0]) > _LEAST
    return ratios[0] if is_multiple else 0.0


def _multinomial(node: Expr) -> Reconstruction | None:
    """x * log(softmax(logits)): the log likelihood of counts or of words."""
    for logs, target in (node.args, node.args[::-1]):
        inner = strip(logs)
        chosen = unguarded(inner.args[0]) if inner.op == "log" else inner
        if chosen.op == "softmax" and chosen is not inner and not contains(target, chosen.uid) and leaves(target):
            scores = chosen.args[0]
            return Reconstruction(node, Likelihood.CROSS_ENTROPY, scores, target, sign=-1, scores=scores)
    return None


def _scores(loss: Expr, kind: Likelihood) -> Expr | None:
    """What a loss of torch takes the softmax of; the softmax of a log softmax is the same softmax."""
    if kind is not Likelihood.CROSS_ENTROPY:
        return None
    given = strip(loss.args[0])
    inner = strip(given.args[0]) if given.op == "log" else given
    if inner is not given and inner.op == "softmax":
        return inner.args[0]
    return None if loss.get("takes_logs") else loss.args[0]


def _is_of_classes(node: Expr) -> bool:
    """Whether a sum over the last axis picks one of the classes that lie there."""
    product = strip(node.args[0]) if node.op == "sum" and node.get("axes") == (-1,) else node
    return product is not node and product.op == "mul" and any(map(_is_one_hot, product.args))


def _is_one_hot(node: Expr) -> bool:
    bare = strip(node)
    return bare.op == "opaque" and str(bare.get("name")).endswith("one_hot")


def is_chosen(recon: Reconstruction, unsettled: Graph) -> bool:
    """Whether a condition chooses the activation that scores come out of, or whether they pass one."""
    scores = bounded_scores(recon)
    written = None if scores is None else strip(scores).site
    return written is not None and any(
        arg.site is not None and arg.site.node is written.node and arg.op in _ACTIVATIONS
        for choice in _choices(unsettled)
        for arg in choice.args[1:]
    )


def _choices(unsettled: Graph) -> Iterator[Expr]:
    """What conditions choose, but for those that ask for the mode: it is known which side is trained with."""
    return (choice for choice in unsettled.having("phi") if not asks_for_mode(choice.args[0]))


def is_optional(recon: Reconstruction, output: Expr, recons: Iterable[Reconstruction]) -> bool:
    """Whether the same loss is also given the same output behind other activations, as a setting says."""
    own, bare = activations(output)[0], _bare(output)
    for other in recons:
        if other.term.site is None or recon.term.site is None or other.term.site.node is not recon.term.site.node:
            continue
        beside = other.second if output is recon.second else other.first
        if _is_made_alike(_bare(beside), bare) and activations(beside)[0] != own:
            return True
    return False


def is_one_of_several(output: Expr, unsettled: Graph) -> bool:
    """Whether a branch chooses between activations of what `output` is made of, or between one and none.

    Of many branches only some ways are gone through, which may all have the same activation.
    """
    own, last = activations(output)
    if not own or last is None or last.site is None:
        return False
    bare = _bare(output)
    for choice in _choices(unsettled):
        ways = list(_ways(choice))
        if any(way.site is not None and way.site.node is last.site.node for way in ways) and any(
            _is_made_alike(_bare(way), bare) and activations(way)[0] != own for way in ways
        ):
            return True
    return False


def _ways(choice: Expr) -> Iterator[Expr]:
    """What a choice, and those that it chooses between, come to."""
    stack, count = [choice], 0
    while stack and count < _MAX_NEAR:
        node = strip(stack.pop())
        count += 1
        if node.op == "phi":
            stack.extend(node.args[1:])
        else:
            yield node


def _is_made_alike(one: Expr, other: Expr) -> bool:
    """Whether two values are the same, or made by the same layer."""
    return one.uid == other.uid or (one.op == "layer" and one.get("serial") == other.get("serial") is not None)


def _bare(output: Expr) -> Expr:
    """What lies below the activations, and the normalisation before them, at the end of a decoder."""
    while output.args and (
        output.op in TRANSPARENT
        or output.op in _ACTIVATIONS
        or (output.op == "layer" and any(word in str(output.get("kind")) for word in ("Norm", "ropout")))
    ):
        output = output.args[0]
    return output


def bounded_scores(recon: Reconstruction | None) -> Expr | None:
    """What a cross entropy takes the softmax of, where that comes out of an activation itself; None where it does not.

    What scales it in between gives the scores their range back.
    """
    scores = None if recon is None else recon.scores
    if scores is None:
        return None
    last = strip(_part_of(_whole(scores)))
    return scores if last.op in _ACTIVATIONS or recurrent(last) is not None else None


def _whole(values: Expr) -> Expr:
    """What rows are picked of, `logits[mask]`: an activation holds for each of them, one over the rows for none."""
    node = values
    while (inner := _rows_of(strip(node))) is not None:
        node = inner
    return node


def _rows_of(node: Expr) -> Expr | None:
    """What a value is the picked rows of; None for other picks, and of shares that sum to 1 over the rows."""
    key = node.get("key") if node.op == "index" and node.args else None
    if not isinstance(key, tuple) or len(key) == 0 or any(part != WHOLE for part in key[1:]):
        return None
    whole = strip(node.args[0])
    return None if whole.op == "softmax" and whole.get("axis") in (0, None) else whole


def _part_of(values: Expr) -> Expr:
    """One of the parts that values are joined of, where all of them end in the same activation; else the values."""
    if strip(values).op != "cat":
        return values
    parts, stack = [], [values]
    while stack:
        part = strip(stack.pop())
        if part.op == "cat" and not part.get("filled"):
            stack += part.args
        else:
            parts.append(part)
    ends = {part.op for part in parts}
    return parts[0] if len(ends) == 1 and ends <= _ACTIVATIONS else values


def activations(output: Expr, taken: tuple[str, ...] = ()) -> tuple[tuple[str, ...] | None, Expr | None]:
    """The elementwise activations at the end of a decoder, in the order they are applied, and the last of them.

    `taken` are those that the loss takes of it. None where below the last lies what is not read, which may be one more,
    or where others stand below something else that is done to what they give.
    """
    names = [*taken]
    last: Expr | None = None
    node = output
    while True:
        node = _part_of(node)
        if node.op == "written":
            return None, last
        if node.op in (*TRANSPARENT, "move", "nan_to_num") and node.args:
            node = node.args[0]
        elif node.op in _AFFINE and len(inner := [arg for arg in node.args if arg.op != "const"]) == 1:
            node = inner[0]
        elif node.op in _ACTIVATIONS:
            names.append(node.op)
            last = last or node
            node = node.args[0]
        elif (layer := recurrent(node)) is not None:
            return (str(layer.get("kind")), *reversed(names)), last or node
        elif node.op in _PICKS:
            # Some of the elements have gone through what all of them have; of shares that are not whole rows, they may
            # sum to 1 no more.
            if strip(node.args[0]).op == "softmax" and _rows_of(node) is None:
                return None, last
            node = node.args[0]
        else:
            open_ = is_either(node) or _is_of_activations(node) or is_cut_by_itself(node)
            known = (len(names) != 1 or node.op not in _UNREAD) and not open_
            return tuple(reversed(names)) if known else None, last


def _is_of_activations(node: Expr) -> bool:
    """Whether a value is made of what activations give, before any layer: the end of a decoder, done something to."""
    stack, seen = [*(() if node.op in _MAKING else node.args)], set[int]()
    while stack:
        inner = stack.pop()
        if inner.op in _ACTIVATIONS:
            return True
        if inner.uid not in seen and inner.op not in _MAKING:
            seen.add(inner.uid)
            stack += inner.args
    return False
