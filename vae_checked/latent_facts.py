"""What code does with the latents of a VAE that is trained already: plain values, as in `facts`."""

from __future__ import annotations

from enum import StrEnum

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

    None is unknown.
    """

    channels: int | None = None
    divisor: int | None = None


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
