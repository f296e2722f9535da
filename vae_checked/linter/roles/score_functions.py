"""Encoders that learn by the density of what they drew, weighed by what is decoded: z itself carries no gradient."""

from __future__ import annotations

from collections.abc import Iterator

from vae_checked.linter.roles.objective import Losses
from vae_checked.linter.roles.samplers import SamplerSite
from vae_checked.linter.symbols.expression import Expr, walk


def weighs_the_density(site: SamplerSite, losses: Losses) -> bool:
    """Whether a loss has a function of z and of its heads with a gradient, times a value that is decoded from z.

    As in the estimator of REINFORCE, `reward * q.log_prob(z)`; a density that is added alone makes up for nothing.
    """
    return any(
        _is_density(density, site, losses)
        and _is_decoded_from(weight, site, losses)
        and losses.flow.reaches(losses.ends, density.uid)
        and losses.flow.reaches([density], site.location.uid)
        for weight, density in _products(losses)
    )


def _products(losses: Losses) -> Iterator[tuple[Expr, Expr]]:
    for product in losses.graph.having("mul"):
        if len(product.args) == 2:
            one, other = product.args
            yield one, other
            yield other, one


def _is_density(value: Expr, site: SamplerSite, losses: Losses) -> bool:
    heads = (site.z, site.location, site.scale)
    return all(losses.graph.holds(value, head.uid) for head in heads) and not _is_decoded_from(value, site, losses)


def _is_decoded_from(value: Expr, site: SamplerSite, losses: Losses) -> bool:
    if not losses.graph.holds(value, site.z.uid):
        return False
    return any(node.op == "layer" and losses.graph.holds(node, site.z.uid) for node in walk(value))
