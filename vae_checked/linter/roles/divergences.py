"""The KL is found by identity: evaluated at random points it is a closed form, up to one factor."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache

from vae_checked.facts import Parametrisation, gaussian_kl
from vae_checked.linter.expression import ELEMENTWISE, REDUCTIONS, TRANSPARENT, Expr, Graph
from vae_checked.linter.numeric import close, evaluate, fit, leaves, points
from vae_checked.linter.roles.samplers import is_scalar

_MAX_LEAVES = 6
_PASSED = ELEMENTWISE | REDUCTIONS | TRANSPARENT
_TOPS = frozenset(("add", "sub", "mul", "div", "neg", "sum", "mean")) | TRANSPARENT
_ALL = 7
_BASIS: tuple[Callable[[float, float], float], ...] = (
    lambda m, s: 1.0,
    lambda m, s: m,
    lambda m, s: m * m,
    lambda m, s: s,
    lambda m, s: s * s,
    lambda m, s: math.exp(s),
    lambda m, s: math.exp(2.0 * s),
    lambda m, s: math.log(s),
)
_ONE, _M, _M2, _S, _S2, _ES, _E2S, _LOGS = range(8)
# Coefficients of the second head's terms in the closed form, mu^2 having 1/2.
_CLOSED: dict[Parametrisation, dict[int, float]] = {
    Parametrisation.LOGVAR: {_S: -0.5, _ES: 0.5},
    Parametrisation.LOG_STD: {_S: -1.0, _E2S: 0.5},
    Parametrisation.STD: {_LOGS: -1.0, _S2: 0.5},
    Parametrisation.VAR: {_LOGS: -0.5, _S: 0.5},
}
_SHOWN = ((0.0, 1.0), (0.7, 0.5), (-0.4, 2.0))


@dataclass(frozen=True, slots=True)
class Divergence:
    """A term that is, or tries to be, the KL of a diagonal Gaussian to N(0, I).

    `factor` is signed: the term is factor * KL per element. `parametrisation` is None for the KL of none. `values` are
    (mu, s, value of the term / factor, closed form).
    """

    term: Expr
    location: Expr
    head: Expr
    parametrisation: Parametrisation | None
    factor: float
    values: tuple[tuple[float, float, float, float], ...]


def find(graph: Graph, cuts: Iterable[Expr] = ()) -> list[Divergence]:
    """Every KL in a graph; `cuts` are nodes worth taking as the second head (a sampler's scale and head)."""
    kinds = _kinds(graph)
    found: dict[int, Divergence] = {}
    seen: set[int] = set()
    wanted = list(cuts)
    stack = list(graph.values)
    while stack:
        node = stack.pop()
        if node.uid in seen:
            continue
        seen.add(node.uid)
        if kinds[node.uid] == _ALL and node.op in _TOPS:
            divergence = _read(node, wanted)
            if divergence is not None:
                found[node.uid] = divergence
                continue
        stack.extend(node.args)
    return _innermost(graph, found)


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


def _kinds(graph: Graph) -> dict[int, int]:
    """Which of the operations that every KL has stand in the elementwise part below each node, as bits."""
    kinds: dict[int, int] = {}
    for node in graph.nodes:
        bits = 0
        if node.op in _PASSED:
            for arg in node.args:
                bits |= kinds[arg.uid]
            if node.op in ("log", "exp", "log1p"):
                bits |= 1
            elif node.op in ("square", "pow", "mul"):
                bits |= 2
            elif node.op in ("add", "sub"):
                bits |= 4
        kinds[node.uid] = bits
    return kinds


def _read(node: Expr, wanted: list[Expr]) -> Divergence | None:
    found = leaves(node)
    if not found or len(found) > 3 * _MAX_LEAVES:
        return None
    below = list(_elementwise(node))
    if not 1 < len(found) <= _MAX_LEAVES:
        return _with_cuts(node, below, wanted)
    tensors = [leaf for leaf in found if not is_scalar(leaf)]
    scalars = {leaf.uid: 1.0 for leaf in found if is_scalar(leaf)}
    if len(tensors) == 2:
        for location, head in (tensors, tensors[::-1]):
            divergence = _identify(node, location, head, scalars)
            if divergence is not None:
                return divergence
    return _with_cuts(node, below, wanted)


def _elementwise(node: Expr) -> Iterator[Expr]:
    stack, seen = [node], set()
    while stack:
        item = stack.pop()
        if item.uid in seen or item.op not in _PASSED:
            continue
        seen.add(item.uid)
        yield item
        stack.extend(item.args)


def _with_cuts(node: Expr, below: list[Expr], wanted: list[Expr]) -> Divergence | None:
    """Try inner nodes as heads: the std behind a softplus, a location that is computed elementwise."""
    inside = {item.uid for item in below}
    given = {item.uid for item in wanted}
    cuts = [item for item in wanted if item.uid in inside and item.uid != node.uid]
    cuts += [item for item in _named(below) if item.uid != node.uid and item.uid not in given]
    for cut in cuts[:8]:
        rest = leaves(node, (cut.uid,))
        tensors = [leaf for leaf in rest if not is_scalar(leaf)]
        scalars = {leaf.uid: 1.0 for leaf in rest if is_scalar(leaf)}
        if len(tensors) == 1:
            for location, head in ((tensors[0], cut), (cut, tensors[0])):
                divergence = _identify(node, location, head, scalars)
                if divergence is not None:
                    return divergence
        elif tensors:
            for other in cuts[:8]:
                if other.uid != cut.uid and all(is_scalar(leaf) for leaf in leaves(node, (cut.uid, other.uid))):
                    divergence = _identify(node, other, cut, scalars)
                    if divergence is not None:
                        return divergence
    return None


def _named(below: list[Expr]) -> list[Expr]:
    """Inner nodes that can be a std or a variance by themselves."""
    return [item for item in below if item.op in ("softplus", "exp", "sqrt", "clamp", "sigmoid", "add", "elu")]


@cache
def _samples() -> tuple[tuple[float, float], ...]:
    count = 2 * len(_BASIS)
    locations, heads = points(11, count, -1.7, 2.3), points(23, count, 0.25, 2.6)
    return tuple((locations[(7 * index + 3) % count], heads[index]) for index in range(count))


@cache
def _rows() -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(term(m, s) for term in _BASIS) for m, s in _samples())


def _identify(node: Expr, location: Expr, head: Expr, scalars: dict[int, float]) -> Divergence | None:
    def value(m: float, s: float) -> float:
        return evaluate(node, {**scalars, location.uid: m, head.uid: s})

    values = [value(m, s) for m, s in _samples()]
    if not all(map(math.isfinite, values)):
        return None
    coefficients = fit(_rows(), values)
    if coefficients is None:
        return None
    classified = _classify(coefficients)
    if classified is None:
        return None
    parametrisation, factor = classified
    reference = parametrisation or _nearest(coefficients)
    shown = []
    for m, s in _SHOWN:
        try:
            shown.append((m, s, value(m, s) / factor, gaussian_kl(m, reference.std(s))))
        except (ValueError, OverflowError):
            continue
    return Divergence(node, location, head, parametrisation, factor, tuple(shown))


def _classify(coefficients: list[float]) -> tuple[Parametrisation | None, float] | None:
    """(parametrisation, factor) of a formula from its coefficients; None when it is no attempt at a KL."""
    square, linear = coefficients[_M2], coefficients[_M]
    spread = {index: coefficients[index] for index in (_S, _S2, _ES, _E2S, _LOGS) if coefficients[index]}
    if square == 0.0 and linear == 0.0:
        return None
    if square:
        factor = 2.0 * square
        scaled = {index: value / factor for index, value in spread.items()}
        for parametrisation, closed in _CLOSED.items():
            if scaled.keys() == closed.keys() and all(close(scaled[index], closed[index]) for index in closed):
                return parametrisation, factor
    entropy = spread.get(_S) if _ES in spread or _E2S in spread else spread.get(_LOGS)
    variance = spread.get(_ES) or spread.get(_E2S) or (spread.get(_S2) or spread.get(_S) if _LOGS in spread else None)
    if not entropy or not variance or entropy * variance > 0 or len(spread) > 3:
        return None
    weight = square or linear
    if weight * variance < 0 and not _proportional(spread):
        return None
    return None, (2.0 * square if square else 2.0 * variance)


def _proportional(spread: dict[int, float]) -> bool:
    """Whether the second head's terms alone are those of a closed form: the sign of mu^2 is what is wrong then."""
    for closed in _CLOSED.values():
        if spread.keys() == closed.keys():
            ratios = [spread[index] / closed[index] for index in closed]
            if close(ratios[0], ratios[-1]):
                return True
    return False


def _nearest(coefficients: list[float]) -> Parametrisation:
    """The parametrisation whose terms a formula uses."""
    if coefficients[_LOGS]:
        return Parametrisation.STD if coefficients[_S2] else Parametrisation.VAR
    return Parametrisation.LOG_STD if coefficients[_E2S] else Parametrisation.LOGVAR
