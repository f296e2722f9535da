"""Products of Gaussian experts: the precision of the posterior is the sum of the experts' precisions.

Each expert has heads of its own, and what confines one confines what that expert can say; Wu and Goodman 2018,
section 2.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from vae_checked.facts import Fact, Facts, Heads, Parametrisation, Sampler, StdCurve
from vae_checked.linter.roles import samplers
from vae_checked.linter.roles.posterior import decisive
from vae_checked.linter.roles.samplers import SamplerSite, is_scalar
from vae_checked.linter.symbols.expression import ELEMENTWISE, TRANSPARENT, Expr, elementwise, walk
from vae_checked.linter.symbols.intervals import interval_of
from vae_checked.linter.symbols.numeric import Program, close, finite, leaves
from vae_checked.mathematics.gaussians import std_at

_MAX_EXPERTS = 4
_PROBES = (0.4, 0.9, 1.7, 2.6)
_OTHERS = (0.7, 1.9)
# A spread below has a precision that no float holds.
_LEAST = 1e-150


def facts(subject: str, found: Iterable[SamplerSite]) -> Iterator[Facts]:
    """The head for std of every expert whose range is known, and how the posterior's precision reads it."""
    for site in found:
        for head, parametrisation in _experts(site.scale):
            interval = interval_of(head)
            if interval is not None and interval.width > 0:
                points = tuple((s, std_at(parametrisation, s)) for s in samplers.SHOWN_POSITIVE)
                where = decisive(head)
                std = Fact(StdCurve(parametrisation, points), where)
                yield Facts(subject, sampler=Sampler(std=std), heads=Heads(second=Fact(interval, where)))


def _experts(scale: Expr) -> Iterator[tuple[Expr, Parametrisation]]:
    tensors = [leaf for leaf in leaves(scale, most=_MAX_EXPERTS) if not is_scalar(leaf)]
    if not 2 <= len(tensors) <= _MAX_EXPERTS or not all(map(_is_head, tensors)):
        return
    nodes = [node for node in elementwise(scale) if node.op in ELEMENTWISE or node.op in TRANSPARENT]
    for leaf in tensors:
        own = [node for node in reversed(nodes) if [item for item in leaves(node) if not is_scalar(item)] == [leaf]]
        others = [other.uid for other in tensors if other.uid != leaf.uid]
        for head in (leaf, *own):
            parametrisation = _adds_up(scale, head, others)
            if parametrisation is not None:
                yield head, parametrisation
                break


def _is_head(value: Expr) -> bool:
    """Whether a value is given, or made by a layer; a schedule of diffusion adds precisions up too, and learns none."""
    return any(node.op in ("atom", "layer") for node in walk(value))


def _adds_up(scale: Expr, head: Expr, others: list[int]) -> Parametrisation | None:
    """How a head is read whose precision is added to what follows from the other leaves."""
    scalars = [leaf.uid for leaf in leaves(scale, (head.uid, *others)) if is_scalar(leaf)]
    program = Program(scale, (*scalars, head.uid, *others), ideal=True)
    for parametrisation in Parametrisation:
        expected = [std_at(parametrisation, s) ** -2 for s in _PROBES]
        rises = []
        for other in _OTHERS:
            given = {**dict.fromkeys(scalars, 1.0), **dict.fromkeys(others, other)}
            stds = [program({**given, head.uid: s}) for s in _PROBES]
            if not finite(stds) or min(map(abs, stds)) < _LEAST:
                break
            precisions = [std**-2 for std in stds]
            rises += [
                (precision - precisions[0]) / (one - expected[0])
                for precision, one in zip(precisions[1:], expected[1:], strict=True)
            ]
        else:
            if all(close(rise, 1.0, 5e-3) for rise in rises):
                return parametrisation
    return None
