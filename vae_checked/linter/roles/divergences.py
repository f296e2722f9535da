"""The KL is found by identity: evaluated at random points it is a closed form, up to one factor."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Sequence

from vae_checked.facts import Family, Parametrisation
from vae_checked.linter.roles import (
    bounds,
    categorical,
    closed_forms,
    cross_entropies,
    drawn_densities,
    forms,
    in_tests,
    mixed_heads,
    relative_heads,
    two_gaussians,
)
from vae_checked.linter.roles.candidate_heads import (
    MAX_CUTS,
    NEVER_HEADS,
    beside_prior,
    bottlenecks,
    known_pairs,
    pairs,
)
from vae_checked.linter.roles.samplers import is_scalar
from vae_checked.linter.symbols.expression import (
    KL,
    OWN_DIFFERENCES,
    OWN_KL,
    REDUCTIONS,
    TRANSPARENT,
    Expr,
    Graph,
    contains,
    elementwise,
    is_formula,
    strip,
)
from vae_checked.linter.symbols.numeric import Program, is_reduced_apart, leaves
from vae_checked.linter.symbols.structures import kept_with_structures
from vae_checked.linter.symbols.values import is_none
from vae_checked.record import dataclass, replace

_MAX_LEAVES = 6
_PAIR = 2
_TOPS = frozenset(("add", "sub", "mul", "div", "neg", "sum", "mean")) | TRANSPARENT
_SUMS = frozenset(("add", "sub"))
_BOUNDS = frozenset(("clamp", "maximum", "minimum", "relu", "softplus", "where", "abs"))
# What may be a square that is not read: a product of matrices, a call of what is not known.
_UNREAD = frozenset(("matmul", "opaque", "call"))
# What all formulas have in common that are no KL, in every evaluation: most code is run in several.
_REFUSED = kept_with_structures(set[forms.Form]())


@dataclass(frozen=True, slots=True)
class Divergence:
    """A term that is, or tries to be, the KL of a diagonal Gaussian to N(0, I) or to another prior.

    `factor` is signed: the term is factor * KL per element. `parametrisation` is None for the KL of none. `values` are
    (mu, s, value of the term / factor, closed form). `prior` marks another prior than N(0, I): one given as numbers, or
    one with heads of its own, which `prior_heads` are where they are known: both means play one part, so that either
    may be that of the prior. `reversed` marks the KL from the prior to the posterior, None where nothing tells the one
    from the other. A categorical one has its probabilities as both heads, and `offset` where it is the KL but for a
    constant. `apart` marks a cross entropy with a prior, beside which the entropy stands by itself, `squareless` an
    attempt at a KL that holds no square of the mean, `entropyless` one without the logarithm of the variance,
    `mixed_with` is another head that stands in the place of `head`, `part` what the term has of `head`, if not all,
    `joined` what several heads were put together to, where `location` and `head` are those of one turn of a loop.
    """

    term: Expr
    location: Expr
    head: Expr
    parametrisation: Parametrisation | None
    factor: float
    values: tuple[tuple[float, float, float, float], ...]
    prior: bool = False
    reversed: bool | None = False
    family: Family = Family.GAUSSIAN
    offset: bool = False
    prior_heads: tuple[Expr, Expr] | None = None
    apart: bool = False
    squareless: bool = False
    entropyless: bool = False
    mixed_with: Expr | None = None
    part: Expr | None = None
    joined: tuple[Expr, ...] = ()


def find(
    graph: Graph,
    cuts: Iterable[Expr] = (),
    pairs: Iterable[tuple[Expr, Expr]] = (),
    within: Collection[int] | None = None,
) -> list[Divergence]:
    """Every KL in a graph.

    `cuts` are nodes worth taking as the head for std (a sampler's scale and head), `pairs` both heads of samplers;
    `within` are the nodes that alone are looked at, all of them where it is not given.
    """
    found: dict[int, Divergence] = {}
    seen: set[int] = set()
    wanted = list(cuts)
    known = {(one.uid, other.uid): (one, other) for one, other in pairs}.values()
    # Only where both heads stand in a term is it read by them.
    held: dict[int, list[tuple[Expr, Expr]]] = {}
    for pair in known:
        for uid in graph.holding(pair[0].uid) & graph.holding(pair[1].uid):
            held.setdefault(uid, []).append(pair)
    marked: dict[int, list[int]] = {}
    for place, cut in enumerate(wanted):
        marked.setdefault(cut.uid, []).append(place)
    stack = [value for value in graph.values if value.bits & KL == KL and (within is None or value.uid in within)]
    networks = _networks(graph, within) if stack else set[int]()
    while stack:
        node = stack.pop()
        if node.uid in seen:
            continue
        seen.add(node.uid)
        is_formula_of_tensors = node.bits & OWN_KL == OWN_KL and node.op in _TOPS and node.uid not in networks
        if is_formula_of_tensors and not any(map(is_none, leaves(node, most=3 * _MAX_LEAVES))):
            # The same formula of other leaves, as each block of a network has it, is no KL either.
            beside = held.get(node.uid, [])
            formula = forms.form(node, marked, beside, MAX_CUTS)
            if formula is None or formula not in _REFUSED:
                set_aside: list[Divergence] = []
                divergence = _read(node, wanted, beside, set_aside)
                if divergence is not None:
                    if not in_tests.is_written(node) and not _is_kl_within_bounds(node, divergence, wanted):
                        found[node.uid] = divergence
                    continue
                if formula is not None and not set_aside:
                    _REFUSED.add(formula)
        stack.extend(arg for arg in node.args if arg.bits & KL == KL and (within is None or arg.uid in within))
    found = {uid: item for uid, item in found.items() if _is_whole(item, graph) and not _is_made_up_for(item, found)}
    found = {uid: item for uid, item in found.items() if not _is_completed(item, found, graph)}
    found = {uid: item for uid, item in found.items() if not _is_part_within_bounds(item, graph, wanted)}
    if not found:
        return []
    roots = _under_roots(graph, found)
    return [
        replace(item, parametrisation=None) if item.term.uid in roots else item for item in _innermost(graph, found)
    ]


def _networks(graph: Graph, within: Collection[int] | None) -> set[int]:
    """The uids of the nodes that have all that a KL is made of, and are too large for one."""
    found: set[int] = set()
    for node in graph.nodes:
        if node.bits & OWN_KL != OWN_KL or not (within is None or node.uid in within):
            continue
        # What has a network for an argument is one: others alone are counted.
        if any(arg.uid in found for arg in node.args) or not is_formula(node):
            found.add(node.uid)
    return found


def _is_made_up_for(item: Divergence, found: dict[int, Divergence]) -> bool:
    """Whether another formula mixes the same two heads the other way round: their sum is the sum of both KLs."""
    return item.mixed_with is not None and any(
        each.mixed_with is not None and (each.head.uid, each.mixed_with.uid) == (item.mixed_with.uid, item.head.uid)
        for each in found.values()
    )


def _is_whole(item: Divergence, graph: Graph) -> bool:
    """Whether nothing that stands by itself makes something else of a formula: the entropy, beside a cross entropy."""
    if not (item.apart or item.entropyless):
        return True
    read_as = Parametrisation.LOGVAR if item.entropyless else item.parametrisation
    return cross_entropies.has_entropy(graph, item.term, item.head, read_as) is item.apart


def _is_completed(item: Divergence, found: dict[int, Divergence], graph: Graph) -> bool:
    """Whether what is no KL by itself is given a name on the way to one: with the terms that it lacks it is the KL."""
    if item.parametrisation is not None:
        return False
    alike = (each for each in found.values() if each.parametrisation is not None and each.head == item.head)
    return any(each.location == item.location and _holds(graph, each.term, item.term) for each in alike)


def is_kl_of(node: Expr, location: Expr, head: Expr) -> bool:
    """Whether a term is a KL, or an estimate of one by a draw, of these heads to a prior."""
    found = _read(node, [head], [(location, head)], []) if is_formula(node) else None
    return found is not None and found.parametrisation is not None and found.location == location


def _under_roots(graph: Graph, found: dict[int, Divergence]) -> set[int]:
    """The terms of which a square root is taken: that is no divergence, whatever is below it."""
    roots: set[int] = set()
    for node in graph.nodes:
        if node.op == "sqrt" or (node.op == "pow" and node.args[1].op == "const" and node.args[1].value == 0.5):
            inner = node.args[0]
            while inner.uid not in found and inner.op in REDUCTIONS | TRANSPARENT and inner.args:
                inner = inner.args[0]
            roots |= {uid for uid in found if uid == inner.uid or (inner.uid in found and _same(found, uid, inner.uid))}
    return roots


def _same(found: dict[int, Divergence], one: int, other: int) -> bool:
    """Whether two terms are one formula at different depths: they read the same heads."""
    return found[one].head == found[other].head and found[one].location == found[other].location


def _holds(graph: Graph, outer: Expr, inner: Expr) -> bool:
    """Whether one term is made of another, or of what that is without a gradient, as a block under no_grad hands on."""
    bare = strip(inner).uid
    return outer.uid in graph.holding(inner.uid) or (bare != strip(outer).uid and outer.uid in graph.holding(bare))


def _innermost(graph: Graph, found: dict[int, Divergence]) -> list[Divergence]:
    """Of terms that hold one another, the formula itself: what reduces or weighs it further stands in its chain."""
    kept = []
    for uid, outer in found.items():
        within = (
            inner
            for other, inner in found.items()
            if other != uid and inner.head == outer.head and _holds(graph, outer.term, inner.term)
        )
        if not any(inner.parametrisation is outer.parametrisation for inner in within):
            kept.append(outer)
    return kept


def _read(
    node: Expr, wanted: list[Expr], known: list[tuple[Expr, Expr]], set_aside: list[Divergence]
) -> Divergence | None:
    """The KL that a formula is, if it is one.

    What it would be of other heads, and is not as these are computed from one another or no tensors, is `set_aside`.
    """
    found = leaves(node, most=3 * _MAX_LEAVES)
    if not found or len(found) > 3 * _MAX_LEAVES:
        return None
    candidate: Divergence | None = None
    noise = drawn_densities.averaged(found)
    for location, head in itertools.chain(known_pairs(node, known, noise), pairs(node, found, wanted, noise)):
        scalars = [leaf.uid for leaf in leaves(node, (location.uid, head.uid, *noise))]
        divergence = _identify(node, location, head, scalars, noise)
        if divergence is not None and divergence.squareless and not _may_be_mean(location, known):
            set_aside.append(divergence)
            continue
        if divergence is not None and any(contains(side, uid) for side in (location, head) for uid in noise):
            # Heads of what was decoded from the draw, as when an encoder learns from dreams: nothing is averaged.
            set_aside.append(divergence)
            continue
        if divergence is not None and divergence.parametrisation is not None:
            return divergence
        if divergence is None or candidate is not None:
            continue
        if contains(location, head.uid) or contains(head, location.uid) or _is_estimated(node, location, head):
            # An attempt at a KL reads two heads, not one of them and what is decoded or estimated from it.
            set_aside.append(divergence)
            continue
        candidate = divergence
    tensors = [leaf for leaf in found if not is_scalar(leaf) and leaf.uid not in noise]
    if any(map(_is_number, tensors)) and candidate is not None:
        set_aside.append(candidate)
        return None
    if candidate is None and len(tensors) > _PAIR and node.bits & OWN_DIFFERENCES:
        between = _of_two_gaussians(node, tensors, noise, known)
        if between is not None and between.parametrisation is None and any(map(_is_number, tensors)):
            set_aside.append(between)
            return None
        if between is not None or len(tensors) == 2 * _PAIR:
            return between
    if candidate is None and len(tensors) == 3 and not noise:
        numbers = [leaf.uid for leaf in found if is_scalar(leaf)]
        return (
            _to_learned_width(node, tensors, numbers)
            or _to_residual(node, tensors, numbers)
            or _of_mixed_heads(node, tensors, numbers)
        )
    if candidate is None and len(tensors) == 1 and tensors[0].op not in NEVER_HEADS:
        read = categorical.read(node, tensors[0], [leaf.uid for leaf in found if is_scalar(leaf)])
        if read is not None:
            q, kind = tensors[0], Family.CATEGORICAL
            return Divergence(node, q, q, None, read.factor, (), family=kind, offset=read.offset)
    return candidate


def _is_kl_within_bounds(node: Expr, read: Divergence, wanted: list[Expr]) -> bool:
    """Whether what is no KL as it is written is one wherever none of its bounds is reached."""
    return read.parametrisation is None and is_within_bounds(node, wanted)


def _is_part_within_bounds(item: Divergence, graph: Graph, wanted: list[Expr]) -> bool:
    """Whether a formula that tries to be a KL is a part of one that is a KL but for its bounds."""
    if item.parametrisation is not None:
        return False
    holding = graph.holding(item.term.uid)
    outer = (node for node in graph.nodes if node.uid in holding and node.op in _SUMS and is_formula(node))
    return any(is_within_bounds(node, wanted) for node in outer)


def is_within_bounds(node: Expr, wanted: Iterable[Expr]) -> bool:
    """Whether a formula has bounds, and is a KL where none of them is reached.

    A part of it may be cut off at another number than the rest, or have a small one added: nothing is said of it.
    """
    bare = bounds.without(node)
    found = None if bare is node else _read(bare, [bounds.without(each) for each in wanted], [], [])
    return found is not None and found.parametrisation is not None


def _is_estimated(node: Expr, location: Expr, head: Expr) -> bool:
    """Whether beside a head stands what the batch says of it, as the mean of a prior that is estimated from it."""
    return is_reduced_apart(node, location) or is_reduced_apart(node, head)


def _is_number(leaf: Expr) -> bool:
    """Whether a leaf is what a call that is not read makes of constants alone: a number, and nobody knows which."""
    unread = leaf.op in ("opaque", "call") and bool(leaf.args)
    return unread and all(arg.op == "const" or _is_number(arg) for arg in leaf.args)


def _identify(
    node: Expr, location: Expr, head: Expr, scalars: list[int], noise: tuple[int, ...] = ()
) -> Divergence | None:
    formula = Program(node, (*scalars, location.uid, head.uid, *noise), ideal=True).formula
    found = closed_forms.read(formula, len(scalars), len(noise))
    if found is None:
        return None
    kind, factor, values = found.parametrisation, found.factor, found.values
    if kind is None and _is_bounded(node, location, head):
        # As the KL of each latent is by free bits: the formula stands below the bound.
        return None
    return Divergence(
        *(node, location, head, kind, factor, values, found.prior, found.reversed),
        squareless=found.squareless,
        entropyless=found.entropyless,
    )


def _is_bounded(node: Expr, location: Expr, head: Expr) -> bool:
    """Whether what is computed of both heads is bounded, and no head alone."""
    return any(
        each.op in _BOUNDS and contains(each, location.uid) and contains(each, head.uid)
        for each in elementwise(node, (location.uid, head.uid))
    )


def _may_be_mean(location: Expr, known: list[tuple[Expr, Expr]]) -> bool:
    """Whether a value may be a mean whose square was forgotten.

    It is none where it is a sum that goes on, and where it is a product or a call that is not read, which may be the
    square itself, and no sampler draws around it.
    """
    base = strip(location)
    if location.op in _SUMS:
        return False
    return base.op not in _UNREAD or any(base.uid == strip(mean).uid for mean, _ in known)


def _to_learned_width(node: Expr, tensors: list[Expr], scalars: list[int]) -> Divergence | None:
    """KL to a prior that a model learns a width or a mean of, a parameter that no input has a part in."""
    learned = [leaf for leaf in tensors if leaf.op == "parameter"]
    if len(learned) != 1:
        return None
    heads = [leaf for leaf in tensors if leaf.op != "parameter"]
    for location, head in (heads, heads[::-1]):
        found = _identify(node, location, head, [*scalars, learned[0].uid])
        if found is not None and found.parametrisation is not None and found.prior:
            return found
    return None


def _to_residual(node: Expr, tensors: list[Expr], scalars: list[int]) -> Divergence | None:
    read = relative_heads.read(node, tensors, scalars)
    if read is None:
        return None
    return Divergence(node, read.location, read.head, read.parametrisation, read.factor, (), prior=True)


def _of_mixed_heads(node: Expr, tensors: list[Expr], scalars: list[int]) -> Divergence | None:
    mixed = mixed_heads.read(node, tensors, scalars)
    if mixed is None:
        return None
    return Divergence(node, mixed.location, mixed.head, None, mixed.factor, mixed.values, mixed_with=mixed.other)


def _of_two_gaussians(
    node: Expr, tensors: list[Expr], noise: tuple[int, ...], known: list[tuple[Expr, Expr]]
) -> Divergence | None:
    """KL(q || p) of two Gaussians whose heads are layers, or what an activation makes of each layer by itself.

    Or those of a sampler, whatever these are computed from, and two more.
    """
    own = (tuple(tensors), bottlenecks(node, tensors, REDUCTIONS)) if len(tensors) == 2 * _PAIR else ()
    for heads in dict.fromkeys((*beside_prior(node, known, noise, REDUCTIONS), *own)):
        scalars = [leaf.uid for leaf in leaves(node, (*(head.uid for head in heads), *noise))]
        found = _between_gaussians(node, heads, scalars, noise)
        if found is not None:
            return found
    return None


def _between_gaussians(
    node: Expr, tensors: Sequence[Expr], scalars: list[int], noise: tuple[int, ...]
) -> Divergence | None:
    """KL(q || p) of two Gaussians: quadratic in the distance of two heads, the other two being the heads for std."""
    names = (*scalars, *(leaf.uid for leaf in tensors), *noise)
    formula = Program(node, names, ideal=True).formula
    counts = len(scalars), len(noise)
    for one, other in itertools.combinations(range(len(tensors)), 2):
        heads = [place for place in range(len(tensors)) if place not in (one, other)]
        # Which of the others is the posterior's does not matter to that.
        orders = (heads, heads[::-1]) if two_gaussians.is_of_distance(formula, (one, other, *heads), *counts) else ()
        for posterior, prior in orders:
            read = two_gaussians.read(formula, (one, other, posterior, prior), *counts)
            # A density at a draw is averaged over the noise as well: one factor of an estimate, no cross entropy.
            if read is None or (read.apart and noise):
                continue
            mean, prior_mean, head, prior_head = (tensors[place] for place in (one, other, posterior, prior))
            if read.added and read.parametrisation is None and two_gaussians.is_apart(prior_head, (mean, prior_mean)):
                continue
            return Divergence(
                *(node, mean, head, read.parametrisation, read.factor, read.values),
                prior=True,
                prior_heads=(prior_mean, prior_head),
                apart=read.apart,
            )
    return None
