"""Numbers written out by which latents are scaled, with the VAE that they are latents of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from vae_checked.catalogue.support.known_vaes import denoises, known, takes_symmetric_pixels, turned
from vae_checked.facts import Fact, Facts, Latents, Origin
from vae_checked.latent_facts import AffineMap, PretrainedVAE, Use
from vae_checked.linter.pretrained.ends import Decoded, Encoded
from vae_checked.linter.pretrained.identities import Models
from vae_checked.linter.pretrained.quantities import OF_A_VAE
from vae_checked.linter.pretrained.settings import Settings
from vae_checked.mathematics import affine_maps
from vae_checked.record import replace

# The factor of a VAE's configuration.
_FACTOR = "scaling_factor"
_CONFIGURED = f"config.{_FACTOR}"
# Whose VAEs leave the scaling of latents to whoever uses them.
_LIBRARY = "diffusers"
# What the configuration of a VAE calls its two numbers.
_OWN = frozenset(("scaling_factor", "shift_factor"))


def factors(
    encoded: Iterable[Encoded], decoded: Iterable[Decoded], models: Models, settings: Settings
) -> Iterator[Facts]:
    """Of each end whose scale is a number that number, as it is behind `encode`, and the VAE.

    The number may be that of a setting.
    """
    for one in encoded:
        number = _number(one.applied.scale, one, settings)
        if number is not None:
            yield from _of(one, Fact(number, one.written or one.at), models)
    for other in decoded:
        under = affine_maps.inverse(other.applied.scale)
        number = None if under is None or other.encoded is not None else _number(under, other, settings)
        if number is not None:
            yield from _of(other, Fact(number, other.written or other.call), models)


def _number(scale: affine_maps.Terms, end: Encoded | Decoded, settings: Settings) -> float | None:
    """The number that a scale is, or that the setting has which it is."""
    name = name_in(scale)
    if name is None:
        return number_in(scale)
    known = settings.number(name, end.where.path)
    return None if known is None else known.value


def one_ends(encoded: Iterable[Encoded], decoded: Iterable[Decoded], models: Models) -> Iterator[Facts]:
    """Of each end by itself the map behind `encode` that it stands for, and the VAE, where it is one that is known.

    Of another one where its own factor is turned about, or applied more than once. Only where it is known that latents
    are trained on, or were made by a model: others may be used on another scale.
    """
    found: list[tuple[Encoded | Decoded, Fact[AffineMap]]] = [
        (one, Fact(one.applied, one.at)) for one in encoded if one.use is Use.TRAINED
    ]
    for other in decoded:
        applied = affine_maps.undoing(other.applied) if other.use is Use.GENERATED else None
        if applied is not None:
            found.append((other, Fact(applied, other.call)))
    for end, one_end in found:
        for vae in models.of(end):
            if known(vae.value) is not None or _is_turned(one_end.value, end, models):
                yield replace(Facts(end.where.subject), latents=Latents(vae=vae, one_end=one_end))


def _is_turned(applied: AffineMap, end: Encoded | Decoded, models: Models) -> bool:
    """Whether latents are multiplied by a power of the factor of a VAE, and not by itself.

    That of a configuration may be the standard deviation, which divides, unless a model is used that others trained. A
    number is one where no VAE has another factor that comes to it.
    """
    if applied.shift or len(applied.scale) != 1:
        return False
    (term,) = applied.scale
    if not term.powers:
        return turned(term.coefficient) is not None
    is_power = term.coefficient == 1 and len(term.powers) == 1 and term.powers[0][0] == _FACTOR
    return is_power and term.powers[0][1] != 1 and _trained_model(end, models) is not None


def beside_the_scale(encoded: Iterable[Encoded], decoded: Iterable[Decoded]) -> Iterator[Facts]:
    """Of each end that is shifted by a VAE's own numbers, whatever VAE it is, the map behind `encode`."""
    ends: list[tuple[Encoded | Decoded, AffineMap | None]] = [(one, one.applied) for one in encoded]
    ends += [(other, affine_maps.undoing(other.applied)) for other in decoded]
    for end, applied in ends:
        if applied is not None and applied.names == _OWN:
            at = end.at if isinstance(end, Encoded) else end.call
            latents = Latents(vae=Fact(end.owner.model, end.call), one_end=Fact(applied, at))
            yield replace(Facts(end.where.subject), latents=latents)


def without_shift(encoded: Iterable[Encoded], decoded: Iterable[Decoded], models: Models) -> Iterator[Facts]:
    """Of each end that is scaled alone, where a trained model takes latents of the VAE that are shifted as well.

    Both ends may leave the shift out, and agree: a model that was trained by others is given latents it never saw.
    """
    ends: list[tuple[Encoded | Decoded, Origin, AffineMap | None]] = [
        (one, one.at, one.applied) for one in encoded if one.use is Use.TRAINED and one.is_diffused
    ]
    ends += [(other, other.call, affine_maps.undoing(other.applied)) for other in decoded if other.use is Use.GENERATED]
    for end, at, applied in ends:
        if applied is None or applied.is_identity or applied.shift or end.owner.library != _LIBRARY:
            continue
        for vae in models.of(end):
            loaded = known(vae.value)
            if loaded is not None and loaded.shift and _trained_model(end, models) is not None:
                yield replace(Facts(end.where.subject), latents=Latents(vae=vae, one_end=Fact(applied, at)))


def stored_without_shift(stored: Iterable[Encoded], models: Models) -> Iterator[Facts]:
    """Of each latent that is stored scaled alone, where the project loads a model that takes latents with a shift.

    Whoever reads it may scale it once more; nobody takes a shift off what was scaled before.
    """
    for end in stored:
        if affine_maps.is_one(end.applied.scale) or end.applied.shift or end.owner.library != _LIBRARY:
            continue
        for vae in models.of(end):
            loaded = known(vae.value)
            if loaded is not None and loaded.shift and loaded.companions and models.loads(loaded.companions):
                latents = Latents(vae=vae, one_end=Fact(end.applied, end.at))
                yield replace(Facts(end.where.subject), latents=latents)


def _trained_model(end: Encoded | Decoded, models: Models) -> Fact[str] | None:
    """The class of a denoiser, or of a pipeline with one, that is loaded from where the VAE of an end is."""
    owner = end.owner
    found = [Fact(owner.model.companion, end.call)] if owner.model.companion else models.companions(owner)
    if isinstance(end, Encoded):
        # What is stored is trained on by what another file loads.
        trained = models.companions(replace(owner, loaded_in=end.where.path))
        found = [*found, *models.pipelines(owner, end.where.path), *trained]
    return next((each for each in found if denoises(each.value)), None)


def beside(end: Encoded | Decoded, models: Models) -> Fact[PretrainedVAE] | None:
    """The VAE of an end with the class of the denoiser that is loaded from where it is, if one is."""
    model = _trained_model(end, models) if end.owner.library == _LIBRARY else None
    if model is None:
        return None
    vae = models.of(end)[0].value
    return Fact(vae if vae.companion else replace(vae, companion=model.value), model.origin)


def unscaled(encoded: Iterable[Encoded], decoded: Iterable[Decoded], models: Models) -> Iterator[Facts]:
    """Of each end at which latents are not scaled what takes scaled latents of the VAE.

    That is a model that is loaded from where the VAE is loaded from, whose checkpoint is one of latents that are
    scaled, or a pipeline that is handed what is trained here, with the VAE.
    """
    ends: list[Encoded | Decoded] = [
        one for one in encoded if one.use is Use.TRAINED and one.is_diffused and affine_maps.is_one(one.applied.scale)
    ]
    ends += [other for other in decoded if other.use is Use.GENERATED and affine_maps.is_one(other.applied.scale)]
    for end in ends:
        owner = end.owner
        is_of_diffusion = takes_symmetric_pixels(owner.model) or denoises(owner.model.companion)
        if owner.library != _LIBRARY or not is_of_diffusion:
            # A class of the project may scale inside.
            continue
        model = _trained_model(end, models)
        if model is not None:
            vae = Fact(replace(owner.model, companion=model.value), model.origin)
            yield replace(Facts(end.where.subject), latents=Latents(vae=vae, unscaled=Fact(model.value, end.call)))


def by_default(encoded: Iterable[Encoded], models: Models) -> Iterator[Facts]:
    """Of each end whose scale is the factor that a VAE of the project's own has by default, where that was built."""
    for end in encoded:
        if end.use is not Use.TRAINED or end.applied.scale != affine_maps.named(_FACTOR):
            continue
        if _CONFIGURED not in end.at.source:
            # One of the same name that the project has may be its own.
            continue
        built = models.built_by_default(end.owner)
        if built is not None:
            vae, latents = Fact(replace(end.owner.model, kind=built.value), built.origin), Fact(end.applied, end.at)
            yield replace(Facts(end.where.subject), latents=Latents(vae=vae, default_factor=latents))


def _of(end: Encoded | Decoded, factor: Fact[float], models: Models) -> Iterator[Facts]:
    for vae in models.of(end):
        yield replace(Facts(end.where.subject), latents=Latents(vae=vae, factor=factor))


def name_in(scale: affine_maps.Terms) -> str | None:
    """The setting that a scale is; None where it is none, or one of the VAE itself."""
    (term, *others) = scale or affine_maps.ONE
    if others or term.coefficient != 1 or len(term.powers) != 1:
        return None
    ((name, power),) = term.powers
    return name if power == 1 and name not in OF_A_VAE else None


def number_in(scale: affine_maps.Terms) -> float | None:
    """The number that a scale is; None where it is none, or 1."""
    if len(scale) != 1 or scale[0].powers or affine_maps.is_one(scale):
        return None
    return scale[0].coefficient
