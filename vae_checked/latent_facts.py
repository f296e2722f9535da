"""What code does with the latents of a VAE that is trained already: plain values, as in `facts`."""

from __future__ import annotations

from enum import StrEnum

from vae_checked.fact import Fact
from vae_checked.interval import Interval
from vae_checked.record import dataclass


@dataclass(frozen=True, slots=True)
class Term:
    """A number times named quantities to whole powers: `0.5 * scaling_factor**-1`; `powers` are sorted by name."""

    coefficient: float
    powers: tuple[tuple[str, int], ...] = ()

    def __str__(self) -> str:
        over = [_power(name, power) for name, power in self.powers if power > 0]
        under = [_power(name, -power) for name, power in self.powers if power < 0]
        size = abs(self.coefficient)
        if not over or size != 1:
            over.insert(0, f"{size:.6g}")
        return " / ".join([" * ".join(over), *under])


def _power(name: str, power: int) -> str:
    return name if power == 1 else f"{name}**{power}"


@dataclass(frozen=True, slots=True)
class AffineMap:
    """z -> scale * z + shift, where both are sums of terms, each in the order of its powers."""

    scale: tuple[Term, ...] = (Term(1.0),)
    shift: tuple[Term, ...] = ()

    @property
    def names(self) -> frozenset[str]:
        """The quantities that it is made of."""
        return frozenset(name for term in (*self.scale, *self.shift) for name, _ in term.powers)

    @property
    def is_identity(self) -> bool:
        """Whether it leaves every latent as it is."""
        return not self.shift and self.scale == (Term(1.0),)

    def __str__(self) -> str:
        if self.scale == (Term(1.0),):
            scaled = "z"
        elif len(self.scale) == 1:
            (term,) = self.scale
            sign = "-" if term.coefficient < 0 else ""
            text = str(term)
            scaled = f"{sign}z / {text[4:]}" if text.startswith("1 / ") else f"{sign}z * {text}"
        else:
            scaled = f"z * ({_sum(self.scale)})"
        if not self.shift:
            return scaled
        return f"{scaled} {'-' if self.shift[0].coefficient < 0 else '+'} {_sum(self.shift, signed=False)}"


def _sum(terms: tuple[Term, ...], signed: bool = True) -> str:
    """The terms with their signs between them; the first one's too where `signed`."""
    first, *rest = terms
    head = f"-{first}" if signed and first.coefficient < 0 else str(first)
    return " ".join([head, *(f"{'-' if each.coefficient < 0 else '+'} {each}" for each in rest)])


class Use(StrEnum):
    """What becomes of a latent at the end of an affine map."""

    TRAINED = "noise is added to it"
    RETURNED = "it is returned"
    GENERATED = "it was generated"
    GIVEN = "it was given"
    OPEN = "what was done to it is not known"


@dataclass(frozen=True, slots=True)
class LatentGrid:
    """The channels of a grid of latents, and by which number the picture's height and width are divided for it.

    `frames` is the number of its frames as it is written, where it is that of the video divided, and the first is not
    counted by itself. None is unknown.
    """

    channels: int | None = None
    divisor: int | None = None
    frames: str | None = None


@dataclass(frozen=True, slots=True)
class Clipping:
    """What confines samples to [-1, 1] at each step: a schedule or a loop, by an option of it that is True."""

    by: str
    option: str
    by_default: bool = False


@dataclass(frozen=True, slots=True)
class PretrainedVAE:
    """A VAE that is loaded, not written: its class and the text that says which, empty where they are not known.

    `symmetric` is whether it is said to take pictures in [-1, 1]. `companion` is the class of a model or pipeline that
    is loaded from the same place, one that tells which VAE lies there.
    """

    kind: str = ""
    identity: str = ""
    symmetric: bool = False
    companion: str = ""


@dataclass(frozen=True, slots=True)
class Latents:
    """What is done with the latents of a VAE that is trained already.

    `encoded` is the map from what `encode` gives to what a model is trained on, `decoded` the one from what a model
    makes to what `decode` is given, `other_way` that one behind other branches, where it undoes nothing that is known,
    `one_end` one of the two as it is behind `encode`, whatever the other is, `round_trip` the map from `encode` to the
    `decode` of the same latents, from which `encoded` and `decoded` are supposed then, `unscaled` the class of a
    trained model that has, or gives, latents as they are behind `encode`, and `used_with` the VAE with the class of a
    trained model that is loaded from the same place, which takes latents on the scale of that VAE. `condition` is two
    maps of latents that a model is given beside the noisy ones: in its training, and another where samples are made.
    `on_picture` is a number of the latents by which the picture is multiplied, `in_place` how often a stored latent is
    scaled where it lies. `vae` is what is loaded, `factor` a number written out by which its latents are scaled,
    `rescaled` how its own factor is changed, `default_factor` the map by the factor that a VAE of the project's own has
    where it was built without one. `pixels` is where the pictures lie that are encoded, `pixel_map` the map
    of pixels that stands on latents, `shown` where those lie behind `decode` that are taken for [0, 1],
    `other_pixels` where they lie at the other end of the same VAE, on its own scale. `clamped` is
    where latents are confined, `clipping` the schedule or loop that does so, `cut` the term of the loss that a decode
    without gradient feeds. `mean` and `second` are the maps of the two halves of its parameters, `unused_gradient` is
    the VAE that gathers gradients for nobody, `precision` is float16, and `grid` what a sampler begins with.
    """

    vae: Fact[PretrainedVAE] | None = None
    encoded: Fact[AffineMap] | None = None
    decoded: Fact[AffineMap] | None = None
    other_way: Fact[AffineMap] | None = None
    one_end: Fact[AffineMap] | None = None
    round_trip: Fact[AffineMap] | None = None
    unscaled: Fact[str] | None = None
    used_with: Fact[PretrainedVAE] | None = None
    condition: Fact[tuple[AffineMap, AffineMap]] | None = None
    on_picture: Fact[str | None] | None = None
    in_place: Fact[str | None] | None = None
    factor: Fact[float] | None = None
    rescaled: Fact[str] | None = None
    default_factor: Fact[AffineMap] | None = None
    pixels: Fact[Interval] | None = None
    pixel_map: Fact[str | None] | None = None
    shown: Fact[Interval] | None = None
    other_pixels: Fact[Interval] | None = None
    clamped: Fact[Interval | None] | None = None
    clipping: Fact[Clipping | None] | None = None
    cut: Fact[str | None] | None = None
    mean: Fact[AffineMap] | None = None
    second: Fact[AffineMap] | None = None
    unused_gradient: Fact[str | None] | None = None
    precision: Fact[str] | None = None
    grid: Fact[LatentGrid] | None = None
