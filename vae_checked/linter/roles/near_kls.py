"""The KL of a sampler's heads but for one term, in the place of which another function of a head stands."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import cache

from vae_checked.facts import Parametrisation
from vae_checked.linter.roles import attempts
from vae_checked.linter.roles.closed_forms import shown_beside
from vae_checked.linter.roles.divergences import Divergence, is_within_bounds
from vae_checked.linter.roles.samplers import SamplerSite
from vae_checked.linter.symbols.expression import (
    NOISE,
    OWN_PRODUCTS,
    OWN_SUMS,
    Expr,
    Graph,
    contains,
    is_formula,
    strip,
)
from vae_checked.linter.symbols.numeric import Program, close, finite, fit, leaves
from vae_checked.record import dataclass

_Term = Callable[[float, float], float]
_ONE, _SQUARE = "1", "m^2"
_TERMS: dict[str, _Term] = {
    _ONE: lambda m, s: 1.0,
    "m": lambda m, s: m,
    "|m|": lambda m, s: abs(m),
    _SQUARE: lambda m, s: m * m,
    "exp(m)": lambda m, s: math.exp(m),
    "m s": lambda m, s: m * s,
    "s": lambda m, s: s,
    "s^2": lambda m, s: s * s,
    "exp(s)": lambda m, s: math.exp(s),
    "log(s)": lambda m, s: math.log(s),
    "exp(2s)": lambda m, s: math.exp(2.0 * s),
    "exp(s/2)": lambda m, s: math.exp(0.5 * s),
}
# What the closed forms add up, besides the square of the mean with 1/2: of the entropy, and of the variance.
_CLOSED: dict[Parametrisation, tuple[tuple[str, float], tuple[str, float]]] = {
    Parametrisation.LOGVAR: (("s", -0.5), ("exp(s)", 0.5)),
    Parametrisation.LOG_STD: (("s", -1.0), ("exp(2s)", 0.5)),
    Parametrisation.STD: (("log(s)", -1.0), ("s^2", 0.5)),
    Parametrisation.VAR: (("log(s)", -0.5), ("s", 0.5)),
}
_OPS = ("add", "sub", "mul", "div", "neg")
_TOPS = OWN_SUMS | OWN_PRODUCTS


@dataclass(frozen=True, slots=True)
class _Near:
    """A formula that is `factor` times a closed form but for one term."""

    nearest: Parametrisation
    factor: float


def find(graph: Graph, sites: Sequence[SamplerSite]) -> list[Divergence]:
    """The formula of each sampler that has no KL, of its mean and head for std alone."""
    if not sites:
        return []
    formulas = {node.uid: node for node in graph.having(*_OPS) if node.bits & _TOPS == _TOPS}
    found: dict[tuple[int, int], Divergence | None] = {}
    for site in sites:
        location = strip(site.location)
        for head in (site.head, site.fitting_head, site.scale):
            if head is None or (location.uid, head.uid) in found:
                continue
            # Where a head follows from the mean, as where one layer makes both, their terms are one.
            if not contains(head, location.uid):
                found[location.uid, head.uid] = next(_read(graph, formulas, location, head), None)
    return [*{each.term.uid: each for each in found.values() if each is not None}.values()]


def _read(graph: Graph, formulas: dict[int, Expr], location: Expr, head: Expr) -> Iterator[Divergence]:
    """The formulas of two heads alone, innermost first, that are a KL but for one term."""
    both = graph.holding(location.uid) & graph.holding(head.uid) & formulas.keys()
    # What is made of a draw is none; heads may be computed from noise themselves, as below another latent.
    allowed = (location.bits | head.bits) & NOISE
    for uid in sorted(both):
        node = formulas[uid]
        if (node.bits & NOISE and not allowed) or leaves(node, (location.uid, head.uid), most=0):
            continue
        program = Program(node, (location.uid, head.uid), ideal=True)
        values = [program({location.uid: m, head.uid: s}) for m, s in attempts.samples()]
        near = _near(values) if finite(values) and is_formula(node) else None
        if near is not None:
            # A part of what is a KL but for its bounds is none of its own.
            outer = (formulas[other] for other in graph.holding(uid) & both if is_formula(formulas[other]))
            if any(is_within_bounds(each, (head,)) for each in outer):
                return

            def value(m: float, s: float, program: Program = program) -> float:
                return program({location.uid: m, head.uid: s})

            shown = shown_beside(value, near.nearest, near.factor)
            yield Divergence(node, location, head, None, near.factor, shown)


@cache
def _rows() -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(term(m, s) for term in _TERMS.values()) for m, s in attempts.samples())


def _near(values: Sequence[float]) -> _Near | None:
    """What a formula with these values at the `samples` is but for one term."""
    # Divided by the elements of a batch it is too small to tell one term from none.
    size = max(map(abs, values))
    fitted = fit(_rows(), [value / size for value in values]) if size else None
    if fitted is None:
        return None
    terms = {name: value for name, value in zip(_TERMS, fitted, strict=True) if value}
    for kind, (entropy, variance) in _CLOSED.items():
        closed = {_ONE: -0.5, _SQUARE: 0.5, **dict((entropy, variance))}
        for wrong in (_SQUARE, entropy[0], variance[0]):
            factor = _factor(terms, {name: value for name, value in closed.items() if name != wrong})
            rest = [name for name in terms if name not in closed]
            if factor is None:
                continue
            instead = len(rest) == 1 and wrong not in terms and close(abs(terms[rest[0]] / factor), abs(closed[wrong]))
            if instead:
                return _Near(kind, factor * size)
        if kind is Parametrisation.LOGVAR and terms.keys() == {_ONE, _SQUARE} and close(terms[_ONE], -terms[_SQUARE]):
            # The head is subtracted from itself.
            return _Near(kind, 2.0 * terms[_SQUARE] * size)
    return None


def _factor(terms: dict[str, float], closed: dict[str, float]) -> float | None:
    """What the terms of a closed form are all multiplied by; None where they are not multiplied alike."""
    ratios = [terms[name] / value for name, value in closed.items() if name in terms]
    alike = len(ratios) == len(closed) and all(close(ratio, ratios[0]) for ratio in ratios)
    return ratios[0] if alike else None
