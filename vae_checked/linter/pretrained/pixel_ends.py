"""What one end of the pictures' way says of the other: whether a VAE that is not known takes pictures in [-1, 1]."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from vae_checked.facts import SYMMETRIC_UNIT, Fact, Facts, Interval, Latents
from vae_checked.linter.pretrained.ends import Decoded, Encoded, Encoding, Shown, Where
from vae_checked.linter.pretrained.vaes import Owner
from vae_checked.record import replace

_TOLERANCE = 0.02
_Key = tuple[str, str, str]


def facts(encodings: Iterable[Encoding], shown: Iterable[Shown], ends: Iterable[Encoded | Decoded]) -> Iterator[Facts]:
    """Where pictures lie at one end of a VAE of which nothing is known, beside what they lie in at the other.

    Only of a VAE whose latents are scaled in the same class or file, as those of latent diffusion are: one of the
    project's own may take pictures in [0, 1] at one of its ends alone.
    """
    scaled = {_key(end.owner, end.where) for end in ends if not end.applied.is_identity}
    given = [each for each in encodings if each.pixels is not None and _key(each.owner, each.where) in scaled]
    taken = [each for each in shown if _key(each.owner, each.where) in scaled]
    encoded: dict[_Key, Fact[Interval]] = {}
    decoded: dict[_Key, Fact[Interval]] = {}
    for each in given:
        if each.pixels is not None and _is_symmetric(each.pixels.value):
            encoded.setdefault(_key(each.owner, each.where), each.pixels)
    for one in taken:
        if _is_unit(one.lies.value):
            decoded.setdefault(_key(one.owner, one.where), Fact(SYMMETRIC_UNIT, one.lies.origin))
    for each in given:
        yield from _beside(
            each.owner, each.where, decoded, Latents(Fact(each.owner.model, each.call), pixels=each.pixels)
        )
    for one in taken:
        yield from _beside(one.owner, one.where, encoded, Latents(Fact(one.owner.model, one.call), shown=one.lies))


def _beside(owner: Owner, where: Where, known: dict[_Key, Fact[Interval]], latents: Latents) -> Iterator[Facts]:
    other = known.get(_key(owner, where))
    if other is not None:
        yield replace(Facts(where.subject), latents=replace(latents, other_pixels=other))


def _key(owner: Owner, where: Where) -> _Key:
    return where.path, where.cls, owner.name or owner.model.identity


def _is_symmetric(pixels: Interval) -> bool:
    """Whether pictures fill [-1, 1]."""
    return abs(pixels.low + 1) <= _TOLERANCE and abs(pixels.high - 1) <= _TOLERANCE


def _is_unit(pixels: Interval) -> bool:
    """Whether what `decode` gives fills [0, 1], if it lies in [-1, 1] at first."""
    return abs(pixels.low) <= _TOLERANCE and abs(pixels.high - 1) <= _TOLERANCE
