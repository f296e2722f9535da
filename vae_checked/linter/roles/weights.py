"""Weights drawn by what they make: the local reparametrisation trick of Kingma, Salimans and Welling 2015, section 2.3.

A layer with weights N(m, v) turns x into N(x m, x^2 v): what stands in the place of v is the variance of a weight.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from vae_checked.facts import KL, Fact, Facts, KLForm, Sampler, StdCurve
from vae_checked.linter.roles import samplers
from vae_checked.linter.roles.divergences import Divergence
from vae_checked.linter.roles.samplers import SamplerSite
from vae_checked.linter.symbols.expression import Expr, contains, is_square, origin, strip, walk
from vae_checked.record import replace

_LAYERS = frozenset("linear conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d".split())


def facts(subject: str, found: Iterable[SamplerSite], kls: Iterable[Divergence]) -> Iterator[Facts]:
    """How the variance of a weight is read from the head whose KL is one of `kls`, once per KL and sampler."""
    divergences = list(kls)
    variances = [item for site in found for item in _variances(site.scale)] if divergences else []
    for kl in divergences:
        for variance in variances:
            if kl.parametrisation is None or kl.reversed or not contains(variance, strip(kl.head).uid):
                continue
            scale = Expr("sqrt", (variance,), (), variance.site)
            curve = samplers.curve(scale, strip(kl.head))
            if curve is not None:
                form = Fact(KLForm(kl.parametrisation, (), kl.values), origin(kl.term))
                where = origin(variance)
                std = Fact(StdCurve(*curve), replace(where, source=f"sqrt({where.source})"))
                yield Facts(subject, sampler=Sampler(std=std), kl=KL(form=form))
                break


def _variances(scale: Expr) -> Iterator[Expr]:
    """What stands in the place of weights and biases where a scale comes from a layer of squares."""
    for node in walk(scale):
        layer = node.op == "opaque" and str(node.get("name")).rpartition(".")[2] in _LAYERS
        if layer and len(node.args) > 1 and is_square(strip(node.args[0])):
            yield from node.args[1:3]
