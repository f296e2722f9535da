"""VAE702: the shift of the latents is forgotten at one end, or stands on the wrong side of the scale."""

from __future__ import annotations

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
from vae_checked.catalogue.support.known_vaes import known
from vae_checked.catalogue.verdict import Clean, Evidence, Found, Undecided, Verdict, lacking, left_to
from vae_checked.facts import Fact, Facts
from vae_checked.finding import Severity
from vae_checked.latent_facts import AffineMap, PretrainedVAE
from vae_checked.mathematics import affine_maps
from vae_checked.mathematics.affine_maps import undoing

_REMEDY = "behind encode: (z - shift) * scale; before decode: z / scale + shift"
# z * scaling_factor - shift_factor, by the numbers of the VAE's configuration.
_SCALE = affine_maps.named("scaling_factor")
_BESIDE = affine_maps.negative(affine_maps.named("shift_factor"))
# (z + shift_factor) * scaling_factor, and z * scaling_factor + shift_factor.
_ADDED = (affine_maps.times(_SCALE, affine_maps.named("shift_factor")), affine_maps.named("shift_factor"))


def judge(facts: Facts) -> Verdict:
    """Found where the scales undo each other and the shifts do not."""
    encoded, decoded = facts.latents.encoded, facts.latents.decoded
    if facts.latents.one_end is not None and facts.latents.vae is not None:
        return _of_one_end(facts.latents.one_end, facts.latents.vae)
    if encoded is None or decoded is None:
        return lacking(facts, "latents.encoded", "latents.decoded")
    scale, shift = is_undone(encoded.value, decoded.value)
    if shift:
        beside = facts.latents.used_with
        loaded = None if beside is None or encoded.value.shift else known(beside.value)
        if beside is not None and loaded is not None and (loaded.shift or loaded.factor is None):
            return Undecided(reason=takes_others(beside.value, "shifted"))
        another = open_by_another_way(encoded.value, facts.latents.other_way, of_scale=False)
        return another or open_by_a_condition(facts.latents.condition) or Clean()
    if not scale:
        return left_to("VAE701")
    wanted = undoing(encoded.value)
    if wanted is None:
        return Undecided(reason=f"{as_read(facts.latents)}: the scale is a sum of several quantities")
    if encoded.value.shift and decoded.value.shift:
        what = "the shift stands on the other side of the scale behind encode than before decode"
    else:
        what = "the shift of the latents is applied at one end alone"
    evidence = Evidence(
        origin=decoded.origin,
        values={
            "what": what,
            "maps": as_read(facts.latents),
            "remedy": _REMEDY,
        },
        related=((encoded.origin, "what follows encode"),),
    )
    return Found(evidence)


def _of_one_end(one_end: Fact[AffineMap], vae: Fact[PretrainedVAE]) -> Verdict:
    """Found where latents of a VAE that is used with a shift are scaled, and not shifted."""
    loaded, applied = known(vae.value), one_end.value
    if applied.scale == _SCALE and applied.shift == _BESIDE:
        values = {
            "what": "the shift stands on the other side of the scale than the configuration of a VAE means it",
            "maps": at_one_end(one_end),
            "remedy": _REMEDY,
        }
        return Found(Evidence(origin=one_end.origin, values=values, related=((vae.origin, "of this VAE"),)))
    if applied.scale == _SCALE and applied.shift in _ADDED:
        values = {
            "what": "the shift has the opposite sign of the one that the configuration of a VAE means",
            "maps": at_one_end(one_end),
            "remedy": _REMEDY,
        }
        return Found(Evidence(origin=one_end.origin, values=values, related=((vae.origin, "of this VAE"),)))
    if loaded is None:
        return of_unknown(one_end, "is used with a shift")
    if not loaded.shift and loaded.factor is not None:
        return Clean()
    if one_end.value.shift or one_end.value.is_identity:
        return without_the_other(one_end)
    per_channel = "latents_std" in one_end.value.names
    if loaded.factor is None and not per_channel:
        return Undecided(
            reason=f"{at_one_end(one_end)}; whether that is by the mean and std of {loaded.name} is not known"
        )
    shift = "the mean of each channel" if per_channel else f"a shift of {loaded.shift:g}"
    evidence = Evidence(
        origin=one_end.origin,
        values={
            "what": f"the latents of {loaded.name} are used with {shift}, and are only scaled here",
            "maps": f"{at_one_end(one_end)} ({loaded.source})",
            "remedy": _REMEDY,
        },
        related=((vae.origin, "loaded here"),),
    )
    return Found(evidence)


MISTAKE = Mistake(
    code="VAE702",
    name="shift-forgotten",
    severity=Severity.ERROR,
    summary="The shift, or the mean, of latents is forgotten at one end, or applied on the wrong side of the scale.",
    why=(
        "The VAEs of SD3, Flux and of most video models are used with (z - shift) * scale behind encode and z / scale"
        " + shift before decode. A shift at one end alone, or after the scale at the one and before it at the other, "
        "moves every latent by a constant: colours drift, and the loss hides it."
    ),
    symptoms=("washed-out", "loss-looks-well"),
    said=("shift_factor forgotten", "colour cast in decoded images", "latents_mean and latents_std not applied"),
    message="a shift is left over: {what}{at_related}",
    evidence="what is applied: {maps}",
    fix="{remedy}",
    bad=edit(
        (
            "    return (z - vae.config.shift_factor) * vae.config.scaling_factor",
            "    return z * vae.config.scaling_factor - vae.config.shift_factor  # VAE702",
        ),
        text=IN_USE,
    ),
    good=IN_USE,
    references=SOURCES,
    seen_by=frozenset({Observer.LINT}),
    judge=judge,
)
