"""Numbers written out by which latents are scaled, with the VAE that they are latents of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from vae_checked.facts import Fact, Facts, Latents
from vae_checked.linter.pretrained.ends import Decoded, Encoded
from vae_checked.mathematics import affine_maps
from vae_checked.record import replace


def factors(encoded: Iterable[Encoded], decoded: Iterable[Decoded]) -> Iterator[Facts]:
    """Of each end whose scale is a number that number, as it is behind `encode`, and the VAE."""
    for one in encoded:
        number = _number(one.applied.scale)
        if number is not None:
            latents = Latents(vae=Fact(one.owner.model, one.call), factor=Fact(number, one.at))
            yield replace(Facts(one.where.subject), latents=latents)
    for other in decoded:
        under = affine_maps.inverse(other.applied.scale)
        number = None if under is None or other.encoded is not None else _number(under)
        if number is not None:
            latents = Latents(vae=Fact(other.owner.model, other.call), factor=Fact(number, other.call))
            yield replace(Facts(other.where.subject), latents=latents)


def _number(scale: affine_maps.Terms) -> float | None:
    """The number that a scale is; None where it is none, or 1."""
    if len(scale) != 1 or scale[0].powers or affine_maps.is_one(scale):
        return None
    return scale[0].coefficient
