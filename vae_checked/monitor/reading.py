"""What the monitor saw at one step: plain numbers, and the causes that follow from them."""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from vae_checked.facts import EffectiveBeta
from vae_checked.mathematics.effective_beta import rendered

ACTIVE = 0.01
"""The threshold of an active unit: Var_x(E[z|x]) > 0.01; Burda, Grosse and Salakhutdinov 2016, section 5."""


class Cause(StrEnum):
    """The four ways to a KL near 0, or to samples that all look alike, and three to a training that is none.

    Each asks for another remedy.
    """

    NO_GRADIENT = "no gradient from the reconstruction to the encoder"
    LARGE_BETA = "effective beta too large"
    UNUSED_Z = "the decoder does not use z"
    COLLAPSE = "posterior collapse"
    KEPT_GRADIENTS = "gradients of earlier steps are added up"
    UNUSED_GRADIENTS = "gradients are erased before they are used"
    LEFT_OUT = "parameters that are not trained"


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One cause: what was measured, in words, and what one does about it."""

    cause: Cause
    measured: str
    fix: str

    def __str__(self) -> str:
        return f"{self.cause}: {self.measured}; {self.fix}"


@dataclass(frozen=True, slots=True)
class Balance:
    """The effective beta: the weight of one sample's summed KL over that of its summed error.

    `beta` is the number at the batch size that was seen, `expression` what makes it, where sizes do: a constant then.
    `error` is what is summed (`mse` is the squared error, without 1/2).
    """

    beta: float
    expression: EffectiveBeta
    batch: int
    error: str

    def __str__(self) -> str:
        return rendered(self.expression, batch=self.batch)


@dataclass(frozen=True, slots=True)
class Picture:
    """A sheet of samples: grey pixels or RGB, row by row; `caption` says what they show."""

    name: str
    caption: str
    width: int
    height: int
    channels: int
    pixels: bytes = field(repr=False)

    def png(self) -> bytes:
        """The picture as a file (PNG, ISO/IEC 15948)."""
        wide = self.width * self.channels
        rows = b"".join(b"\0" + self.pixels[start : start + wide] for start in range(0, len(self.pixels), wide))
        header = struct.pack(">IIBBBBB", self.width, self.height, 8, 0 if self.channels == 1 else 2, 0, 0, 0)
        parts = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
        return b"\x89PNG\r\n\x1a\n" + b"".join(
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
            for kind, data in parts
        )


@dataclass(frozen=True, slots=True)
class Reading:
    """One step as the monitor saw it; None is what was not seen, and `unobserved` says why.

    `kl_per_latent` is in nats, the mean over `rows` samples; a latent with axes of its own counts by channel: its KL
    is summed over the places, its variance averaged. `variance_per_latent` is Var_x(E[z|x]). `ranges` are (least,
    greatest) of x, x_hat, mu, the head for std and std. The gradients are norms at the heads, of the loss as it was
    differentiated. `follows_z` is the share of x_hat's change that z makes when x and z are permuted between samples,
    `moved_by_z` that change in parts of the data's own from sample to sample, `around` how x reaches x_hat by another
    way. `terms` are the numbers that the caller gave. `pictures` are there where they were asked for; a monitor keeps
    its readings without. `seconds` is what the reading took.
    """

    step: int
    rows: int = 0
    terms: Mapping[str, float] = field(default_factory=dict)
    kl_per_latent: tuple[float, ...] | None = None
    variance_per_latent: tuple[float, ...] | None = None
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    balance: Balance | None = None
    largest_variance: float | None = None
    recon_gradient: float | None = None
    kl_gradient: float | None = None
    reaches_encoder: bool | None = None
    follows_z: float | None = None
    moved_by_z: float | None = None
    around: str | None = None
    causes: tuple[Diagnosis, ...] = ()
    unobserved: tuple[str, ...] = ()
    pictures: tuple[Picture, ...] = ()
    seconds: float = 0.0

    @property
    def kl(self) -> float | None:
        """The KL of one sample in nats, summed over the latents."""
        return None if self.kl_per_latent is None else sum(self.kl_per_latent)

    @property
    def active_units(self) -> int | None:
        """How many latents have Var_x(E[z|x]) > 0.01; Burda, Grosse and Salakhutdinov 2016."""
        values = self.variance_per_latent
        return None if values is None else sum(value > ACTIVE for value in values)

    @property
    def active_by_kl(self) -> int | None:
        """How many latents have a KL above 0.01 nats."""
        return None if self.kl_per_latent is None else sum(value > ACTIVE for value in self.kl_per_latent)

    @property
    def collapsed(self) -> bool:
        """Whether no latent is active, by its variance or by its KL."""
        finite = self.kl is not None and math.isfinite(self.kl)
        return finite and self.active_units == 0 and self.active_by_kl == 0
