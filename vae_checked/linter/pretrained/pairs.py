"""Which two ends of a latent's way belong together, and whether their maps undo each other."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Sequence
from enum import Enum
from typing import TypeVar

from vae_checked.catalogue.support.known_vaes import FACTORS, is_factor, is_of_factors
from vae_checked.facts import Origin
from vae_checked.latent_facts import AffineMap, Use
from vae_checked.linter.pretrained.ends import Decoded, Encoded
from vae_checked.linter.pretrained.quantities import OF_A_VAE, VECTOR
from vae_checked.linter.pretrained.vaes import HOLE
from vae_checked.mathematics import affine_maps
from vae_checked.mathematics.affine_maps import IDENTITY
from vae_checked.record import dataclass, replace

_TOLERANCE = 2e-3


class Agreement(Enum):
    """What is known of two maps."""

    INVERSE = "one undoes the other"
    DIFFERENT = "one does not undo the other"
    OPEN = "unknown"


@dataclass(frozen=True, slots=True)
class Pair:
    """An end behind `encode` and one before `decode`, and whether the maps undo each other.

    `other` is the same call of `decode` behind other branches, where nothing that is encoded is undone by its map.
    `trip` is the map from the one to the other where latents are decoded where they were encoded: the ends are then
    what is supposed of it.
    """

    encoded: Encoded
    decoded: Decoded
    agreement: Agreement
    other: Decoded | None = None
    trip: AffineMap | None = None


def agreement(encoded: AffineMap, decoded: AffineMap) -> Agreement:
    """Whether z -> decoded(encoded(z)) leaves every z as it is.

    Two quantities that have not one name may be inverses of each other, a number may be the value of a quantity: then
    nothing is known.
    """
    whole = affine_maps.after(decoded, encoded)
    if _is_one(whole.scale):
        if not whole.shift:
            return Agreement.INVERSE
        return Agreement.DIFFERENT if _comparable(encoded, decoded) and _tells_shift(whole) else Agreement.OPEN
    if len(whole.scale) != 1 or not _comparable(encoded, decoded):
        return Agreement.OPEN
    (term,) = whole.scale
    names = [name for name, _ in term.powers]
    by_channel = "latents_std" in encoded.names, "latents_std" in decoded.names
    if any(by_channel) and not all(by_channel) and "scaling_factor" in encoded.names & decoded.names:
        # The one end asks the configuration for a mean and a standard deviation per channel, which most VAEs have not.
        return Agreement.OPEN
    if not names:
        return Agreement.DIFFERENT
    if names == ["scaling_factor"] and "latents_std" in encoded.names & decoded.names:
        # A VAE with a mean and a standard deviation per channel has the factor 1 beside them.
        return Agreement.OPEN
    if not math.isclose(abs(term.coefficient), 1.0, rel_tol=_TOLERANCE):
        # A number times a quantity: the one may be written for the other.
        return Agreement.DIFFERENT if all(map(_is_written, names)) else Agreement.OPEN
    return Agreement.DIFFERENT if len(names) == 1 or all(map(_is_known, names)) else Agreement.OPEN


def _is_one(scale: affine_maps.Terms) -> bool:
    return len(scale) == 1 and not scale[0].powers and math.isclose(scale[0].coefficient, 1.0, rel_tol=_TOLERANCE)


def _comparable(encoded: AffineMap, decoded: AffineMap) -> bool:
    """Whether the quantities of one map are among those of the other, or all are known apart."""
    return (
        encoded.names <= decoded.names
        or decoded.names <= encoded.names
        or all(map(_is_known, encoded.names | decoded.names))
    )


def _tells_shift(whole: AffineMap) -> bool:
    """Whether a shift that is left over is no difference of numbers that were rounded."""
    return any(term.powers or abs(term.coefficient) > _TOLERANCE for term in whole.shift)


def _is_written(name: str) -> bool:
    """Whether a quantity is a list of numbers written out."""
    return name.startswith(VECTOR)


def _is_known(name: str) -> bool:
    """Whether a quantity is one of its own, which no other name stands for."""
    return name in OF_A_VAE or _is_written(name)


def pairs(encoded: Sequence[Encoded], decoded: Sequence[Decoded]) -> Iterator[Pair]:
    """The ends of one VAE that belong together; the ends of a scope in which all that can agree do are paired so.

    Where one of several maps is applied, for all that is known, a decode that undoes any of them is left alone.

    A latent that noise is added to goes to the model, and what the model makes comes back from a schedule's steps:
    these two must undo each other. A latent that is only returned may be a condition, which models take as it is: it
    counts where it is scaled, and where nothing else is decoded.
    """
    encoded = _of_one_kind(encoded, decoded)
    trained = _distinct(each for each in encoded if each.use is Use.TRAINED)
    returned = _distinct(each for each in encoded if each.use is Use.RETURNED)
    back = list(
        {
            (each.applied, each.use, each.call): each
            for each in decoded
            if each.encoded is None and each.use is not Use.OPEN
        }.values()
    )
    # What a helper returns that a training scales is on its way: samples come back as the training has it.
    trained_as: dict[Origin, set[AffineMap]] = {}
    for each in trained:
        trained_as.setdefault(each.call, set()).add(each.applied)
    others = _other_ways(encoded, back)
    matched = [
        Pair(one, other, Agreement.INVERSE, others.get(other.number))
        for one in (*trained, *returned)
        for other in back
        if agreement(one.applied, other.applied) is Agreement.INVERSE
        and not (other.use is Use.GENERATED and one.applied not in trained_as.get(one.call, {one.applied}))
    ]
    yield from matched
    sources: Sequence[Encoded] = trained
    if not trained:
        sources = [each for each in returned if not each.applied.is_identity] if len(returned) == 1 else ()
    settled = {pair.decoded.number for pair in matched}
    settled |= {
        other.number
        for one in encoded
        for other in back
        if one.use is Use.OPEN and agreement(one.applied, other.applied) is Agreement.INVERSE
    }
    for other in back:
        if other.number in settled:
            continue
        # What is only handed over may be on another scale on purpose, where the latents that are trained on come back.
        if matched and other.use is not Use.GENERATED:
            continue
        if not trained and other.use is Use.GENERATED and matched:
            continue
        found = [agreement(one.applied, other.applied) for one in sources]
        if found and all(each is Agreement.DIFFERENT for each in found):
            yield Pair(sources[0], other, Agreement.DIFFERENT)
        elif found:
            yield Pair(sources[0], other, Agreement.OPEN)
    yield from _trips(decoded)


def across(encoded: Sequence[Encoded], decoded: Sequence[Decoded], told: Collection[Origin] = ()) -> Iterator[Pair]:
    """The one end that is trained on in a project, and those before the decode of samples, in other files.

    They belong together where the project loads one VAE alone, and trains on one map of its latents. Of the calls of
    `decode` in `told` it is known already; where there are any the others are those of one folder, as a project may
    hold several experiments.
    """
    encoded = _of_one_kind(encoded, decoded)
    trained = [each for each in encoded if each.use is Use.TRAINED]
    drawn = _distinct(
        each for each in decoded if each.use is Use.GENERATED and each.encoded is None and each.call not in told
    )
    owners = [*(each.owner for each in encoded), *(each.owner for each in decoded)]
    loaded = {owner.model.identity for owner in owners} - {""}
    if len(_apart(loaded)) != 1 or len(_distinct(trained)) != 1:
        return
    one = trained[0]
    # Which of several ways to a call is gone is not known.
    settled = {each.number for each in decoded if agreement(one.applied, each.applied) is Agreement.INVERSE}
    # A setting may say that the VAE which is trained on is another one than that of the samples.
    settings = {each.owner.setting for each in trained if not each.owner.model.identity} - {""}
    for other in drawn:
        made = agreement(one.applied, other.applied)
        is_apart = bool(told) and _folder(one) != _folder(other)
        is_apart |= bool(settings) and other.owner.setting not in settings
        if other.owner.model.identity and one.where.path != other.where.path and not is_apart:
            yield Pair(one, other, Agreement.OPEN if made is Agreement.DIFFERENT and other.number in settled else made)


def _other_ways(encoded: Sequence[Encoded], decoded: Iterable[Decoded]) -> dict[int, Decoded]:
    """By the number of a call of `decode` a way to it whose map undoes none of those behind `encode`."""
    return {
        other.number: other
        for other in decoded
        if not any(agreement(one.applied, other.applied) is Agreement.INVERSE for one in encoded)
    }


def _is_a_factor(applied: AffineMap) -> bool:
    """Whether a map is the factor of a VAE that is known, or undoes it: a whole number may be another."""
    numbers = [term.coefficient for term in applied.scale if not term.powers]
    if len(numbers) != len(applied.scale) or len(numbers) != 1 or applied.shift:
        return False
    number = numbers[0]
    # A number that is no factor need not have an inverse: one of the least that there are has none.
    return is_of_factors(number) and not any(
        math.isclose(each, round(each), rel_tol=1e-9) for each in (number, 1 / number)
    )


def _is_scaled(applied: AffineMap) -> bool:
    """Whether a map is the one that is applied behind `encode`: by the factor of a VAE, and not by what undoes it."""
    if len(applied.scale) != 1:
        return False
    (term,) = applied.scale
    if not term.powers:
        return any(is_factor(term.coefficient, factor) for factor in FACTORS)
    return dict(term.powers).get("scaling_factor") == 1


def _of_one_kind(encoded: Sequence[Encoded], decoded: Sequence[Decoded]) -> Sequence[Encoded]:
    """The latents that may be those of the VAE that decodes: draws of layers of the code are of none that is loaded."""
    is_loaded = any(each.owner.model.kind for each in decoded)
    return [each for each in encoded if not each.of_layers] if is_loaded else encoded


def _folder(end: Encoded | Decoded) -> str:
    where = end.called_in if isinstance(end, Encoded) and end.called_in is not None else end.where
    return where.path.rpartition("/")[0]


def _apart(identities: Collection[str]) -> set[str]:
    """The texts that VAEs are loaded by, less those that one of which only a part is written out may come to."""
    patterns = {each: each.partition(HOLE) for each in identities if HOLE in each}
    return {
        each
        for each in identities
        if not any(each != other and each.startswith(head) and each.endswith(tail)
                   for other, (head, _, tail) in patterns.items())
    }  # fmt: skip


def _trips(decoded: Sequence[Decoded]) -> Iterator[Pair]:
    """Latents that are decoded where they were encoded; a call that undoes the scale one way is left alone."""
    found: list[Pair] = []
    for each in decoded:
        if each.encoded is not None:
            end, start = each, Encoded(each.owner, each.encoded, IDENTITY, Use.RETURNED, each.encoded, each.where)
            made = agreement(IDENTITY, each.applied)
            is_of_a_vae = any(map(_is_known, each.applied.names)) or (each.is_asked_for and _is_a_factor(each.applied))
            # Samples are brought back from it: the scale is one that this decode leaves as well.
            is_undone = any(
                other.encoded is None and agreement(each.applied, other.applied) is Agreement.INVERSE
                for other in decoded
            )
            if made is Agreement.DIFFERENT and not (is_of_a_vae or is_undone):
                # A latent may be scaled by a number for the sake of an experiment.
                made = Agreement.OPEN
            if _is_scaled(each.applied) or is_undone:
                # What follows encode is known: what is left out stands before decode.
                start, end = replace(start, applied=each.applied), replace(each, applied=IDENTITY)
            found.append(Pair(start, end, made, trip=each.applied))
    settled = {pair.decoded.number for pair in found if pair.agreement is Agreement.INVERSE}
    yield from (
        pair for pair in found if pair.agreement is not Agreement.DIFFERENT or pair.decoded.number not in settled
    )


End = TypeVar("End", Encoded, Decoded)


def _distinct(ends: Iterable[End]) -> list[End]:
    """One end of each map and use."""
    return list({(each.applied, each.use): each for each in ends}.values())
