"""Hypothesis strategies for VAEs: sizes and a seed are drawn and shrunk, the numbers follow from the seed."""

from __future__ import annotations

import importlib.util

from vae_checked.errors import MissingDependencyError

if importlib.util.find_spec("hypothesis") is None:
    raise MissingDependencyError("hypothesis", "pytest", "vae_checked.strategies")

from vae_checked.strategies.signature import from_signature
from vae_checked.strategies.sizes import Sizes, accepted_sizes, sizes
from vae_checked.strategies.tensors import images, latents, posteriors

__all__ = ["Sizes", "accepted_sizes", "from_signature", "images", "latents", "posteriors", "sizes"]
