"""The cross entropy of a posterior and a Gaussian prior, which is their KL but for the entropy of the posterior.

A mixture of priors has one for each of its components, weighed by how probable they are, and the entropy once: Jiang
and others 2017, equation 8 (https://arxiv.org/abs/1611.05148).
"""

from __future__ import annotations

import math
from collections.abc import Callable

from vae_checked.facts import Parametrisation
from vae_checked.linter.roles.samplers import is_scalar
from vae_checked.linter.symbols.expression import REDUCTIONS, Expr, Graph, is_formula
from vae_checked.linter.symbols.numeric import Program, close, leaves
from vae_checked.mathematics.gaussians import gaussian_kl, std_at

_HEADS = ((0.6, 1.3), (1.1, 0.8), (1.9, 1.6), (0.9, 2.2))
_ENTROPIES = (0.6, 1.3, 2.1)
_LEAST = 1e-3


def fitted(value: Callable[..., float], prior: Parametrisation, factor: float) -> Parametrisation | None:
    """How the posterior's head for std is read where value(distance, q, p) is `factor` times a cross entropy.

    A constant beside it does not matter; None where it is none. `prior` is how the prior's head for std is read.
    """
    for read_as in Parametrisation:
        offsets = []
        for q, p in _HEADS:
            std_q = std_at(read_as, q)
            apart = gaussian_kl(0.0, std_q / std_at(prior, p))
            offsets.append(value(0.0, q, p) / factor - apart - math.log(std_q))
        if all(close(offsets[0], other) for other in offsets):
            return read_as
    return None


def has_entropy(graph: Graph, term: Expr, head: Expr, read_as: Parametrisation | None) -> bool:
    """Whether beside a cross entropy, `term`, the entropy of a posterior with this head for std is summed."""
    if read_as is None:
        return False
    stds = [math.log(std_at(read_as, s)) for s in _ENTROPIES]
    for reduced in graph.having(*REDUCTIONS):
        node = reduced.args[0]
        if not graph.holds(node, head.uid) or graph.holds(term, reduced.uid) or not is_formula(node):
            continue
        beside = leaves(node, (head.uid,))
        if all(map(is_scalar, beside)):
            ones = {leaf.uid: 1.0 for leaf in beside}
            program = Program(node, (*ones, head.uid), ideal=True)
            one, two, three = (program({**ones, head.uid: s}) for s in _ENTROPIES)
            slope = (two - one) / (stds[1] - stds[0])
            if abs(slope) > _LEAST and close(slope, (three - one) / (stds[2] - stds[0])):
                return True
    return False
