"""The KL is found by identity: evaluated at random points it is a closed form, up to one factor."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from functools import partial

from vae_checked.facts import Family, Parametrisation
from vae_checked.linter.roles import (
    attempts,
    categorical,
    cross_entropies,
    drawn_densities,
    fixed_priors,
    forms,
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
from vae_checked.linter.roles.drawn_densities import QUADRATURE
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
    is_formula,
    strip,
)
from vae_checked.linter.symbols.numeric import Program, close, is_reduced_apart, leaves
from vae_checked.linter.symbols.structures import kept_with_structures
from vae_checked.mathematics.gaussians import fit_kl, gaussian_kl, std_at
from vae_checked.record import dataclass, replace

_MAX_LEAVES = 6
_CLOSE = 1e-5
_PAIR = 2
_TOPS = frozenset(("add", "sub", "mul", "div", "neg", "sum", "mean")) | TRANSPARENT
_SUMS = frozenset(("add", "sub"))
# What may be a square that is not read: a product of matrices, a call of what is not known.
_UNREAD = frozenset(("matmul", "opaque", "call"))
# What stands for a number that does not weigh the whole: the variance or the std of a prior.
_OF_PRIOR = 0.7
_SHOWN = ((0.0, 1.0), (0.7, 0.5), (-0.4, 2.0))
# Where a logarithm may lie as well, and a std or a variance may not.
_BELOW = ((0.6, -0.4), (-0.3, -1.7))
_LOGARITHMS = frozenset((Parametrisation.LOGVAR, Parametrisation.LOG_STD))
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
    `mixed_with` is another head that stands in the place of `head`.
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


def find(
    graph: Graph,
    cuts: Iterable[Expr] = (),
    pairs: Iterable[tuple[Expr, Expr]] = (),
    within: Collection[int] | None = None,
) -> list[Divergence]:
    """Every KL in a graph.

    `cuts` are nodes worth taking as the second head (a sampler's scale and head), `pairs` both heads of samplers;
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
        if node.bits & OWN_KL == OWN_KL and node.op in _TOPS and node.uid not in networks:
            # The same formula of other leaves, as each block of a network has it, is no KL either.
            beside = held.get(node.uid, [])
            formula = forms.form(node, marked, beside, MAX_CUTS)
            if formula is None or formula not in _REFUSED:
                set_aside: list[Divergence] = []
                divergence = _read(node, wanted, beside, set_aside)
                if divergence is not None:
                    found[node.uid] = divergence
                    continue
                if formula is not None and not set_aside:
                    _REFUSED.add(formula)
        stack.extend(arg for arg in node.args if arg.bits & KL == KL and (within is None or arg.uid in within))
    found = {uid: item for uid, item in found.items() if _is_whole(item, graph) and not _is_made_up_for(item, found)}
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


def _innermost(graph: Graph, found: dict[int, Divergence]) -> list[Divergence]:
    """Of terms that hold one another, the formula itself: what reduces or weighs it further stands in its chain."""
    kept = []
    for uid, outer in found.items():
        within = (
            inner
            for other, inner in found.items()
            if other != uid and uid in graph.holding(other) and inner.head == outer.head
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
        return _to_residual(node, tensors, numbers) or _of_mixed_heads(node, tensors, numbers)
    if candidate is None and len(tensors) == 1 and tensors[0].op not in NEVER_HEADS:
        read = categorical.read(node, tensors[0], [leaf.uid for leaf in found if is_scalar(leaf)])
        if read is not None:
            q, kind = tensors[0], Family.CATEGORICAL
            return Divergence(node, q, q, None, read.factor, (), family=kind, offset=read.offset)
    return candidate


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
    ones = dict.fromkeys(scalars, 1.0)
    program = Program(node, (*scalars, location.uid, head.uid, *noise), ideal=True)

    def value(m: float, s: float) -> float:
        if not noise:
            return program({**ones, location.uid: m, head.uid: s})
        # The expectation over eps, exact for the squares in a log density.
        return sum(
            weight * program({**ones, location.uid: m, head.uid: s, noise[0]: eps}) for eps, weight in QUADRATURE
        )

    m, s = attempts.samples()[0]
    point = {**ones, **dict.fromkeys(noise, 0.0), location.uid: m, head.uid: s}
    weigh = [uid for uid in scalars if _scales(program({**point, uid: 2.0}), program(point))]
    of_prior = [uid for uid in scalars if uid not in weigh]
    if len(of_prior) > 1:
        # A mean and a width that an object has may be heads as well.
        return None
    ones.update(dict.fromkeys(of_prior, _OF_PRIOR))
    values: list[float] = []
    for m, s in attempts.samples():
        values.append(value(m, s))
        if not math.isfinite(values[-1]):
            return None
    fitted = None if of_prior else fit_kl(attempts.samples(), values, _CLOSE)
    if fitted is not None:
        kind, factor = fitted.parametrisation, fitted.factor
        if kind in _LOGARITHMS and not fitted.is_reversed and not _holds_below(value, kind, factor):
            shown = shown_beside(value, kind, factor, _BELOW)
            return Divergence(node, location, head, None, factor, shown) if shown else None
        return Divergence(
            node, location, head, kind, factor, shown_beside(value, kind, factor), reversed=fitted.is_reversed
        )
    other = fixed_priors.read(attempts.samples(), values, known=not (of_prior or noise))
    if other is not None:
        return Divergence(node, location, head, other.parametrisation, other.factor, (), prior=True)
    if of_prior:
        return None
    if noise:
        uids = (location.uid, head.uid, noise[0])
        drawn = drawn_densities.read(lambda *at: program({**ones, **dict(zip(uids, at, strict=True))}))
        if drawn is None:
            return None
        shown = shown_beside(value, drawn.parametrisation or drawn.drawn, drawn.factor)
        return Divergence(node, location, head, drawn.parametrisation, drawn.factor, shown)
    # No closed form: whether it tries to be one is told by the terms that it has.
    tried = attempts.read(values)
    if tried is None:
        return None
    shown = shown_beside(value, tried.nearest, tried.factor)
    return Divergence(
        *(node, location, head, tried.parametrisation, tried.factor, shown),
        squareless=tried.squareless,
        entropyless=tried.entropyless,
    )


def _holds_below(value: Callable[[float, float], float], kind: Parametrisation, factor: float) -> bool:
    """Whether a formula that is a KL of a logarithm above 0 is the same one below, up to the same constant."""
    above, below = (shown_beside(value, kind, factor, at) for at in (_SHOWN[:1], _BELOW))
    constant = sum(own - exact for _, _, own, exact in above)
    return len(below) == len(_BELOW) and all(close(own - constant, exact, 1e-3) for _, _, own, exact in below)


def _may_be_mean(location: Expr, known: list[tuple[Expr, Expr]]) -> bool:
    """Whether a value may be a mean whose square was forgotten.

    It is none where it is a sum that goes on, and where it is a product or a call that is not read, which may be the
    square itself, and no sampler draws around it.
    """
    base = strip(location)
    if location.op in _SUMS:
        return False
    return base.op not in _UNREAD or any(base.uid == strip(mean).uid for mean, _ in known)


def shown_beside(
    value: Callable[[float, float], float],
    kind: Parametrisation,
    factor: float,
    points: tuple[tuple[float, float], ...] = _SHOWN,
) -> tuple[tuple[float, float, float, float], ...]:
    """What is shown of a formula: (mu, s, its value / factor, the KL), where both have a value."""
    shown = []
    for m, s in points:
        with suppress(ValueError, OverflowError, ZeroDivisionError):
            shown.append((m, s, value(m, s) / factor, gaussian_kl(m, std_at(kind, s))))
    return tuple(shown)


def _scales(doubled: float, value: float) -> bool:
    """Whether a number that was doubled is a weight: the whole term doubles or halves with it."""
    return close(doubled, 2.0 * value) or close(doubled, 0.5 * value)


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
    """KL(q || p) of two Gaussians: quadratic in the distance of two heads, the other two being the second heads."""
    ones = dict.fromkeys(scalars, 1.0)
    program = Program(node, (*scalars, *(leaf.uid for leaf in tensors), *noise), ideal=True)
    draws = QUADRATURE if noise else ((0.0, 1.0),)

    def value_at(uids: tuple[int, ...], distance: float, q: float, p: float, shift: float = 0.0) -> float:
        at = {**ones, **dict(zip(uids, (distance + shift, shift, q, p), strict=True))}
        return sum(weight * program({**at, **dict.fromkeys(noise, eps)}) for eps, weight in draws)

    def is_of_distance(*order: Expr) -> bool:
        value = partial(value_at, tuple(leaf.uid for leaf in order))
        unit = value(1.0, 0.6, 1.3)
        return close(value(1.0, 0.6, 1.3, 0.7), unit) and close(value(-1.0, 0.6, 1.3), unit)

    for one, other in itertools.combinations(tensors, 2):
        heads = [leaf for leaf in tensors if leaf.uid not in (one.uid, other.uid)]
        # Which of the others is the posterior's does not matter to that.
        orders = (heads, heads[::-1]) if is_of_distance(one, other, *heads) else ()
        for posterior, prior in orders:
            value = partial(value_at, (one.uid, other.uid, posterior.uid, prior.uid))
            form = two_gaussians.read(value)
            # A density at a draw is averaged over the noise as well: one factor of an estimate, no cross entropy.
            is_sum = form is not None and form[0] is None and two_gaussians.is_apart(value, prior, (one, other))
            if form is not None and not is_sum and not (form[-1] and noise):
                kind, factor, read_as, apart = form
                # Beside N(0, 1) a wrong formula can look right: its values would show nothing.
                shown = () if kind is None else _beside_normal(value, factor, read_as)
                of_prior = other, prior
                return Divergence(node, one, posterior, kind, factor, shown, True, prior_heads=of_prior, apart=apart)
    return None


def _beside_normal(
    value: Callable[..., float], factor: float, read_as: Parametrisation
) -> tuple[tuple[float, float, float, float], ...]:
    """What is shown of a KL of two Gaussians: its values where the prior is N(0, 1)."""
    unit = 0.0 if read_as in (Parametrisation.LOGVAR, Parametrisation.LOG_STD) else 1.0
    shown = [(m, s, value(m, s, unit) / factor, gaussian_kl(m, std_at(read_as, s))) for m, s in _SHOWN]
    return tuple(item for item in shown if math.isfinite(item[2]))
