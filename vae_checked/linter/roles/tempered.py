"""A std that is the one of the KL times one number, as where less noise is wanted when nothing is trained."""

from __future__ import annotations

import math
from contextlib import suppress

from vae_checked.facts import Sampler
from vae_checked.linter.roles.divergences import Divergence
from vae_checked.mathematics.gaussians import std_at


def is_tempered(sampler: Sampler, kl: Divergence) -> bool:
    """Whether std is what the KL assumes times one number."""
    if sampler.std is None or kl.parametrisation is None or sampler.std.value.parametrisation is not None:
        return False
    with suppress(ValueError, OverflowError, ZeroDivisionError):
        ratios = [std / std_at(kl.parametrisation, s) for s, std in sampler.std.value.points]
        return bool(ratios) and all(math.isclose(ratio, ratios[0], rel_tol=1e-6) for ratio in ratios)
    return False
