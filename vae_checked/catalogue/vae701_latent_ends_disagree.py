"""VAE701: latents are scaled at one end of their way and not scaled back at the other."""

from __future__ import annotations

import math

from vae_checked.catalogue.mistake import Mistake, Observer
from vae_checked.catalogue.support.example import edit
from vae_checked.catalogue.support.in_use import (
    IN_USE,
    SOURCES,
    as_read,
    at_one_end,
    is_undone,
    of_unknown,
    open_by_a_condition,
    open_by_another_way,
    takes_others,
    without_the_other,
)
from vae_checked.catalogue.support.known_vaes import FACTORS, is_factor, known, turned
from vae_checked.catalogue.verdict import Clean, Evidence, Found, Undecided, Verdict, lacking
from vae_checked.facts import Fact, Facts
from vae_checked.finding import Severity
from vae_checked.latent_facts import AffineMap, PretrainedVAE
from vae_checked.mathematics import affine_maps
from vae_checked.mathematics.affine_maps import is_one, undoing

# The factor by which the configuration of a VAE says that latents are multiplied behind encode.
_FACTOR = "scaling_factor"
# The standard deviations of the channels as a factor.
_STD = affine_maps.named("latents_std")
# How near the power of a written factor is to a whole number: of a factor to four digits.
_TOLERANCE = 1e-3


def judge(facts: Facts) -> Verdict:
    """Found where the scale before `decode` is not the inverse of the one behind `encode`."""
    latents = facts.latents
    if latents.in_place is not None and latents.in_place.value:
        what = f"the stored latent itself is multiplied by {latents.in_place.value}, once more at each use"
        return _found(facts, what, "scaled in place", "make a new tensor: z = z * factor")
    if latents.on_picture is not None and latents.on_picture.value:
        what = f"the picture that decode returns is scaled by a number of its latents ({latents.on_picture.value})"
        return _found(facts, what, "a picture has no such factor", "scale the latent before decode, by the inverse")
    if latents.unscaled is not None and latents.vae is not None:
        return _unscaled(latents.unscaled, latents.vae)
    if latents.one_end is not None and latents.vae is not None:
        return _of_one_end(latents.one_end, latents.vae)
    encoded, decoded = latents.encoded, latents.decoded
    if encoded is None or decoded is None:
        return lacking(facts, "latents.encoded", "latents.decoded")
    scale, _ = is_undone(encoded.value, decoded.value)
    if scale:
        if latents.used_with is not None and encoded.value.is_identity:
            return Undecided(reason=takes_others(latents.used_with.value, "scaled"))
        another = open_by_another_way(encoded.value, latents.other_way, of_scale=True)
        return another or open_by_a_condition(latents.condition) or Clean()
    # Where encode gives what is used, the other end is the one that says what was meant; else the one that is right.
    is_unscaled = encoded.value.is_identity
    vae = None if latents.vae is None else latents.vae.value
    is_odd = is_unscaled or (latents.round_trip is None and _is_odd(encoded.value, decoded.value, vae))
    wanted = undoing(decoded.value if is_odd else encoded.value)
    if wanted is None:
        return Undecided(reason=f"{as_read(latents)}: the scale is a sum of several quantities")
    what = "decode does not undo the scale that follows encode"
    if is_unscaled:
        what = "what is undone before decode was not done"
    elif is_odd:
        what = "encode is followed by another scale than is undone"
    elif latents.round_trip is not None:
        what = "latents are decoded on another scale than encode gives them"
    here, there = (encoded, decoded) if is_odd and not is_unscaled else (decoded, encoded)
    evidence = Evidence(
        origin=here.origin,
        values={
            "what": what,
            "maps": as_read(latents),
            "remedy": f"{'behind encode' if is_odd else 'before decode'}: {wanted}",
        },
        related=((there.origin, "what follows encode" if there is encoded else "what is done before decode"),),
    )
    return Found(evidence)


def _is_odd(encoded: AffineMap, decoded: AffineMap, vae: PretrainedVAE | None) -> bool:
    """Whether the end behind encode has another scale than the VAE's, which the one before decode has."""
    back = undoing(decoded)
    return back is not None and _is_of(back, vae) and not _is_of(encoded, vae)


def _is_of(applied: AffineMap, vae: PretrainedVAE | None) -> bool:
    """Whether a scale behind encode is that of a VAE: of its configuration, or the number of one that is known."""
    if len(applied.scale) != 1:
        return False
    (term,) = applied.scale
    if term.powers:
        return term.powers == ((_FACTOR, 1),) and math.isclose(term.coefficient, 1.0)
    loaded = None if vae is None else known(vae)
    factors = FACTORS if loaded is None or loaded.factor is None else (loaded.factor,)
    return any(is_factor(term.coefficient, factor) for factor in factors)


def _of_one_end(one_end: Fact[AffineMap], vae: Fact[PretrainedVAE]) -> Verdict:
    """Found where the factor of a VAE is applied twice, or in the place of its inverse: that of its configuration.

    A number is the factor of a VAE that is known.
    """
    loaded, scale = known(vae.value), one_end.value.scale
    if loaded is not None and loaded.factor is None and scale == _STD:
        values = {
            "what": f"latents of {loaded.name} are multiplied by the std of each channel, and should be divided by it",
            "maps": f"{at_one_end(one_end)} ({loaded.source})",
            "remedy": "behind encode: (z - latents_mean) / latents_std; before decode: z * latents_std + latents_mean",
        }
        return Found(Evidence(origin=one_end.origin, values=values, related=((vae.origin, "loaded here"),)))
    if (loaded is not None and loaded.factor is None) or len(scale) != 1:
        return without_the_other(one_end)
    (term,) = scale
    powers = dict(term.powers)
    power = powers.pop(_FACTOR, 0)
    if powers or not (math.isclose(term.coefficient, 1.0) or (power == 0 and term.coefficient > 0)):
        return without_the_other(one_end)
    if loaded is None and not power and term.coefficient != 1:
        power = turned(term.coefficient) or 0
    if loaded is None and power in (0, 1):
        return of_unknown(one_end, "has another factor")
    if not power and loaded is not None and loaded.factor is not None:
        ratio = math.log(term.coefficient) / math.log(loaded.factor) if not is_one(scale) else 0.0
        power = round(ratio) if abs(ratio - round(ratio)) < _TOLERANCE else 0
    if power in (0, 1):
        return Clean() if power else without_the_other(one_end)
    how = "is applied twice" if power > 1 else "divides where it should multiply"
    values = {
        "what": f"the factor of {'this VAE' if loaded is None else loaded.name} {how}",
        "maps": at_one_end(one_end) + ("" if loaded is None else f" ({loaded.source})"),
        "remedy": "behind encode: z * factor, once; before decode: z / factor, once",
    }
    return Found(Evidence(origin=one_end.origin, values=values, related=((vae.origin, "loaded here"),)))


def _unscaled(model: Fact[str], vae: Fact[PretrainedVAE]) -> Verdict:
    """Found: what takes, or makes, latents on the scale of the VAE's configuration has those that encode gives."""
    loaded = known(vae.value)
    per_channel = loaded is not None and loaded.factor is None
    scale = "(z - latents_mean) / latents_std" if per_channel else "z * vae.config.scaling_factor"
    back = "z * latents_std + latents_mean" if per_channel else "z / vae.config.scaling_factor"
    source = "the pipelines of its library" if loaded is None else loaded.source
    values = {
        "what": f"latents are used with {model.value} on the scale on which encode gives them",
        "maps": f"no scale here, and {model.value} has latents on the scale {scale} ({source})",
        "remedy": f"behind encode: {scale}; before decode: {back}",
    }
    return Found(Evidence(origin=model.origin, values=values, related=((vae.origin, "loaded here"),)))


def _found(facts: Facts, what: str, maps: str, remedy: str) -> Found:
    fact = facts.latents.in_place or facts.latents.on_picture
    assert fact is not None  # noqa: S101  one of them is what was found
    return Found(Evidence(origin=fact.origin, values={"what": what, "maps": maps, "remedy": remedy}))


MISTAKE = Mistake(
    code="VAE701",
    name="latent-ends-disagree",
    severity=Severity.ERROR,
    summary="Latents are scaled behind encode and not scaled back before decode, or the other way round.",
    why=(
        "A diffusion model is trained on latents of about unit variance, and the decoder of the VAE expects those "
        "that its encoder gives. Where the two ends of the way do not undo each other the decoder is given latents of"
        " another size: pictures are washed out, grey or burnt, and nothing in the training shows why."
    ),
    symptoms=("washed-out", "samples-are-noise", "loss-is-huge"),
    said=(
        "scaling_factor forgotten",
        "0.18215 missing",
        "latents scaled twice",
        "divide by the scaling factor before decode",
    ),
    message="the ends of the latents' way disagree: {what}{at_related}",
    evidence="what is applied: {maps}",
    fix="{remedy}",
    bad=edit(
        (
            "    z = z / vae.config.scaling_factor + vae.config.shift_factor\n    return vae.decode(z).sample",
            "    z = z + vae.config.shift_factor\n    return vae.decode(z).sample  # VAE701",
        ),
        text=IN_USE,
    ),
    good=IN_USE,
    references=SOURCES,
    seen_by=frozenset({Observer.LINT}),
    judge=judge,
)
