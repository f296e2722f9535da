"""The two ends of a latent's way: what an evaluation does behind `encode` and before `decode`, in plain values."""

from __future__ import annotations

from vae_checked.facts import Fact, Interval, Origin
from vae_checked.latent_facts import AffineMap, Clipping, Use
from vae_checked.linter.pretrained.vaes import Owner
from vae_checked.record import dataclass


@dataclass(frozen=True, slots=True)
class Where:
    """The code that an end stands in: its file, the class, empty outside of one, and the function."""

    path: str
    cls: str = ""
    function: str = ""

    @property
    def subject(self) -> str:
        """What a report calls it."""
        return f"{self.path}:{self.cls or self.function}".rstrip(":")


@dataclass(frozen=True, slots=True)
class Encoded:
    """A latent that left `encode`: its VAE, the call, and the map that was applied when it came to a use.

    `at` is the outermost operation of that map, the draw itself where there is none; `written` the number that it is
    made of, where that stands somewhere else. `is_diffused` is whether noise takes its place, by a schedule or by two
    weights, and is not only added to it. `called_in` is the code in which `encode` is called. `of_layers` is whether
    layers of the code made the posterior, as those of a VAE that is loaded are none.
    """

    owner: Owner
    call: Origin
    applied: AffineMap
    use: Use
    at: Origin
    where: Where
    written: Origin | None = None
    is_diffused: bool = False
    called_in: Where | None = None
    of_layers: bool = False


@dataclass(frozen=True, slots=True)
class Decoded:
    """A latent that enters `decode`: the map that is applied before.

    `number` tells the call from others, of which several stand for one place. `encoded` is the call of `encode` that
    the latent comes from, where it comes from one, `is_asked_for` whether a posterior was asked for it; `clamped` where
    it is confined on the way, `is_asked` whether that depends on a condition; `written` the number that the map is made
    of, where that stands somewhere else; `clipping` what clips it at each step; `is_read` whether all that made it is
    known, so that what does not stand there confines it nowhere.
    """

    owner: Owner
    call: Origin
    number: int
    applied: AffineMap
    use: Use
    where: Where
    encoded: Origin | None = None
    clamped: Fact[Interval] | None = None
    is_asked: bool = False
    written: Origin | None = None
    clipping: Fact[Clipping | None] | None = None
    is_asked_for: bool = False
    is_read: bool = False


@dataclass(frozen=True, slots=True)
class Scaled:
    """A picture that left `decode` and is multiplied by a number that belongs to the latents."""

    factor: AffineMap
    at: Origin
    where: Where


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture that left `decode`, and where it lies for what takes it to lie in [0, 1], if the VAE gives [-1, 1]."""

    owner: Owner
    call: Origin
    lies: Fact[Interval]
    where: Where


@dataclass(frozen=True, slots=True)
class Encoding:
    """A call of `encode` and where the pictures lie that it is given, as far as that is known."""

    owner: Owner
    call: Origin
    pixels: Fact[Interval] | None
    where: Where
