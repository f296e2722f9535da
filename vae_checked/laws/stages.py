"""The stages of one VAE as plain callables: what a law is tested on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import torch
from torch import Tensor

from vae_checked.facts import UNIT, Interval, Likelihood, Parametrisation
from vae_checked.reference import VAE, Output, to_nchw, to_nhwc, vae_loss

T = TypeVar("T")

CPU = torch.device("cpu")


@dataclass(frozen=True, slots=True)
class Sizes:
    """B, the axes of one sample (C, H, W for images) and those of its latent (L, or more for a spatial latent)."""

    batch: int
    event: tuple[int, ...]
    latent: tuple[int, ...]

    def __str__(self) -> str:
        event = zip("CHW", self.event, strict=True) if len(self.event) == 3 else [("event", self.event)]
        latent = [("L", self.latent[0])] if len(self.latent) == 1 else [("latent", self.latent)]
        return ", ".join(f"{name}={size}" for name, size in [("B", self.batch), *event, *latent])


@dataclass(frozen=True, slots=True, kw_only=True)
class Stages:
    """What is known of one VAE; None is not known, and a law that needs it does not apply.

    Shapes, with B free and the rest as in `Sizes`: `encode` x to (mu, second); `reparameterize` (mu, second) to a fresh
    z; `decode` z to x_hat, or x_logits; `kl` (mu, second) to (B,); `recon` (x_hat, x) to (B,); `forward` x to x_hat;
    `loss` (recon, kl, beta) to a scalar; `to_nchw` and `to_nhwc` move the channels. All but `reparameterize` and
    `forward` are deterministic, as in evaluation. `parametrisation` says what the second is, `likelihood` which
    reconstruction loss `recon` is, `data` the interval of x, `output` that of x_hat. `kl_scale` and `recon_scale` are
    the factors beside the closed forms summed over a sample, None for a positive factor that is not known. `draw` makes
    inputs x out of a batch size and a generator where random numbers in `data` will not do. `batch_limit` is the
    largest batch that the stages take at once, None for any. `live` is True where encode and decode run the model
    itself at every call, None where they run a record of it. `unknown` says why a field is None, where more is known
    than that.
    """

    encode: Callable[[Tensor], tuple[Tensor, Tensor]] | None = None
    reparameterize: Callable[[Tensor, Tensor], Tensor] | None = None
    decode: Callable[[Tensor], Tensor] | None = None
    kl: Callable[[Tensor, Tensor], Tensor] | None = None
    recon: Callable[[Tensor, Tensor], Tensor] | None = None
    forward: Callable[[Tensor], Tensor] | None = None
    loss: Callable[[Tensor, Tensor, float], Tensor] | None = None
    to_nchw: Callable[[Tensor], Tensor] | None = None
    to_nhwc: Callable[[Tensor], Tensor] | None = None
    parametrisation: Parametrisation | None = None
    likelihood: Likelihood | None = None
    data: Interval = UNIT
    output: Interval | None = None
    kl_scale: float | None = 1.0
    recon_scale: float | None = 1.0
    draw: Callable[[int, torch.Generator], Tensor] | None = None
    batch_limit: int | None = None
    live: bool | None = True
    unknown: Mapping[str, str] = field(default_factory=dict)
    dtype: torch.dtype = torch.float32
    device: torch.device = CPU


# What each field that a law may need is to the person whose model it is.
WORDS = {
    "encode": "its encoder",
    "reparameterize": "its sampler",
    "decode": "its decoder",
    "kl": "its KL",
    "recon": "its reconstruction loss",
    "forward": "its reconstruction",
    "loss": "its loss as a function of reconstruction, KL and beta",
    "to_nchw": "a function that moves the channels to the front",
    "to_nhwc": "a function that moves the channels to the end",
    "parametrisation": "what its head for std stands for",
    "likelihood": "which likelihood its reconstruction loss is of",
    "output": "the range of its decoder",
    "kl_scale": "the factor of its KL",
    "recon_scale": "the factor of its reconstruction loss",
    "live": "what its encoder and decoder do when they are called again",
}


def unknown(stages: Stages, names: Iterable[str]) -> str:
    """Which of the fields `names` are not known, in words, and why, as far as that is known."""
    missing = [name for name in names if getattr(stages, name) is None]
    what = " and ".join(WORDS[name] for name in missing)
    reasons = dict.fromkeys(stages.unknown[name] for name in missing if name in stages.unknown)
    return ": ".join([f"{what} {'is' if len(missing) == 1 else 'are'} not known", *filter(None, ["; ".join(reasons)])])


def given(stage: T | None) -> T:
    """A stage that a law's `needs` promise; ValueError when the promise is broken."""
    if stage is None:
        raise ValueError("a stage is missing that the law's needs should have named")
    return stage


def stages_of(model: VAE) -> Stages:
    """The stages of the reference VAE."""
    logits = model.output is Output.LOGITS
    return Stages(
        encode=model.encode,
        reparameterize=model.reparameterize,
        decode=model.decode,
        kl=model.kl,
        recon=model.recon,
        forward=lambda x: model(x)[0],
        loss=vae_loss,
        to_nchw=to_nchw,
        to_nhwc=to_nhwc,
        parametrisation=Parametrisation.LOGVAR,
        likelihood=Likelihood.BCE_WITH_LOGITS if logits else Likelihood.MSE,
        data=UNIT if logits else model.output.interval,
        output=model.output.interval,
    )
