"""A KL that is handed the sample in the place of the mean: on average it is more than that of the posterior."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from vae_checked.facts import Parametrisation
from vae_checked.linter.roles.divergences import Divergence
from vae_checked.linter.roles.samplers import SamplerSite
from vae_checked.linter.symbols.expression import NOISE, Expr, Graph, contains, strip
from vae_checked.linter.symbols.numeric import Program, close, leaves
from vae_checked.mathematics.gaussians import gaussian_kl, std_at
from vae_checked.record import replace

_SHOWN = ((0.0, 1.0), (0.7, 0.5), (-0.4, 2.0))
_POINTS = tuple(itertools.product((-0.8, 0.3, 1.1), (0.4, 0.9, 1.7), (-1.2, 0.5)))


def read_with(kl: Divergence, sites: Sequence[SamplerSite], graph: Graph) -> Divergence:
    """A KL as it is; that of no parametrisation where it is a term of the closed form of z and its head for std.

    A square of z holds the variance already: without that of the closed form it is the KL on average.
    """
    kind = kl.parametrisation
    if kind is None or kl.prior or kl.reversed or not kl.term.bits & NOISE:
        return kl
    for site in sites:
        if strip(kl.location).uid == strip(site.location).uid and contains(site.scale, strip(kl.head).uid):
            for whole in graph.taking(kl.term, "add", "sub"):
                if _is_of_sample(whole, kl, kind, site):
                    # On average the square of z is that of the mean and the variance.
                    shown = [(m, s, std_at(kind, s)) for m, s in _SHOWN]
                    values = tuple((m, s, gaussian_kl(m, std) + std**2 / 2, gaussian_kl(m, std)) for m, s, std in shown)
                    return replace(kl, term=whole, parametrisation=None, values=values)
    return kl


def _is_of_sample(whole: Expr, kl: Divergence, kind: Parametrisation, site: SamplerSite) -> bool:
    """Whether a formula is the closed form of z in the place of the mean, at every mean, head and draw."""
    given = [*dict.fromkeys((kl.location.uid, strip(site.location).uid)), kl.head.uid, site.noise.uid]
    if leaves(whole, given, most=0) or leaves(site.z, given, most=0):
        return False
    formula, z = Program(whole, given, ideal=True), Program(site.z, given)
    for m, s, eps in _POINTS:
        at = {**dict.fromkeys(given, m), kl.head.uid: s, site.noise.uid: eps}
        if not close(formula(at) / kl.factor, gaussian_kl(z(at), std_at(kind, s)), 1e-3):
            return False
    return True
