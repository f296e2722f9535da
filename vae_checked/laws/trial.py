"""One trial of a law: the stages at drawn sizes, seeded draws, and comparisons that say where they fail."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import torch
from torch import Tensor

from vae_checked.errors import ModelError, VaeCheckedError
from vae_checked.facts import Likelihood
from vae_checked.laws.closed_forms import BEST_PREDICTION, SECOND
from vae_checked.laws.seeding import seed_draws
from vae_checked.laws.stages import Sizes, Stages, unknown

TOLERANCE = {torch.float64: 1e-8, torch.float32: 1e-4}
COARSE_TOLERANCE = 5e-2  # half precisions
SMALL = 1e-2  # results below it are compared as if they were of this size
MU_SPREAD = 1.5
LOG_STD_RANGE = 1.5
MARGIN = 0.05  # of the data's interval kept free at both ends, where a logit would be infinite

PER_SAMPLE_STAGES = ("encode", "decode", "kl", "recon")
BatchedStage = Callable[..., tuple[Tensor, ...]]


class InapplicableError(VaeCheckedError):
    """A law that cannot be tested on these stages; the message says why not."""


@dataclass(frozen=True, slots=True)
class Violation:
    """One law broken once: what was looked at, what it is, what the law says, where, and what reproduces it."""

    law: str
    what: str
    got: str
    expected: str
    where: str
    sizes: Sizes
    seed: int

    def __str__(self) -> str:
        where = f" at {self.where}" if self.where else ""
        return f"{self.what} is {self.got}{where}, the law says {self.expected} ({self.sizes}, seed {self.seed})"


class Posterior(NamedTuple):
    """Drawn posteriors: both heads (B, *latent), and the std which the head for std stands for."""

    mu: Tensor
    second: Tensor
    std: Tensor


class Trial:
    """The stages of one model at drawn sizes.

    Its draws come from its own generator, in double precision before they are cast, so that one seed gives one set of
    values in every dtype. A stage is called without gradient unless the law enables it. Used as a context, it gives
    torch's random state back.
    """

    def __init__(self, law: str, stages: Stages, sizes: Sizes, seed: int) -> None:
        self.law = law
        self.stages = stages
        self.sizes = sizes
        self.seed = seed
        self.generator = torch.Generator().manual_seed(seed)
        self._open = ExitStack()

    def __enter__(self) -> Self:
        devices = [self.stages.device] if self.stages.device.type == "cuda" else []
        self._open.enter_context(torch.random.fork_rng(devices=devices))
        self._open.enter_context(torch.no_grad())
        seed_draws(self.seed)
        return self

    def __exit__(self, *error: object) -> None:
        self._open.close()

    # ------------------------------------------------------------------------------------------------- draws

    def cast(self, values: Tensor) -> Tensor:
        """`values` in the dtype and on the device of the stages."""
        return values.to(self.stages.device, self.stages.dtype)

    def normal(self, *shape: int) -> Tensor:
        """Standard normal numbers in double precision."""
        return torch.randn(shape, generator=self.generator, dtype=torch.float64)

    def uniform(self, low: float, high: float, *shape: int) -> Tensor:
        """Uniform numbers in double precision."""
        return low + (high - low) * torch.rand(shape, generator=self.generator, dtype=torch.float64)

    def permutation(self, count: int) -> Tensor:
        """A random order of `count` things, as an index on the device of the stages."""
        return torch.randperm(count, generator=self.generator).to(self.stages.device)

    def pick(self, count: int) -> int:
        """One of `count` things."""
        return int(torch.randint(count, (), generator=self.generator))

    def posterior(self, batch: int | None = None) -> Posterior:
        """Posteriors with mu around 0 and std between exp(-1.5) and exp(1.5), (B, *latent) each."""
        shape = (self.sizes.batch if batch is None else batch, *self.sizes.latent)
        return self.heads(MU_SPREAD * self.normal(*shape), self.uniform(-LOG_STD_RANGE, LOG_STD_RANGE, *shape).exp())

    def heads(self, mu: Tensor, std: Tensor) -> Posterior:
        """The posterior of this mu and std, its head for std in the model's parametrisation."""
        if self.stages.parametrisation is None:
            raise InapplicableError("what the head for std stands for is not known of this model")
        return Posterior(self.cast(mu), self.cast(SECOND[self.stages.parametrisation](std)), self.cast(std))

    def prior(self, batch: int | None = None) -> Posterior:
        """The posterior that equals the prior: mu = 0, std = 1."""
        shape = (self.sizes.batch if batch is None else batch, *self.sizes.latent)
        return self.heads(torch.zeros(shape, dtype=torch.float64), torch.ones(shape, dtype=torch.float64))

    def inputs(self, batch: int | None = None) -> Tensor:
        """Inputs x (B, *event) for the encoder, spread over the interval of the data."""
        count = self.sizes.batch if batch is None else batch
        return self.targets(count) if self.stages.draw is None else self.stages.draw(count, self.generator)

    def targets(self, batch: int | None = None) -> Tensor:
        """Data (B, *event) for the reconstruction loss, inside the interval of the data and not at its ends."""
        shape = (self.sizes.batch if batch is None else batch, *self.sizes.event)
        data = self.stages.data
        if not data.bounded:
            return self.cast(self.normal(*shape))
        margin = MARGIN * data.width
        return self.cast(self.uniform(data.low + margin, data.high - margin, *shape))

    def latents(self, batch: int | None = None) -> Tensor:
        """Latents z (B, *latent), twice as wide as the prior."""
        return self.cast(2 * self.normal(self.sizes.batch if batch is None else batch, *self.sizes.latent))

    def predictions(self, batch: int | None = None) -> Tensor:
        """Imagined decoder outputs (B, *event) from where the reconstruction loss takes its predictions."""
        shape = (self.sizes.batch if batch is None else batch, *self.sizes.event)
        if self.known_likelihood().prediction.bounded:
            return self.cast(self.uniform(MARGIN, 1 - MARGIN, *shape))
        return self.cast(self.normal(*shape))

    def perfect(self, x: Tensor) -> Tensor:
        """The prediction for which the reconstruction loss of `x` is least."""
        likelihood = self.known_likelihood()
        if likelihood not in BEST_PREDICTION:
            raise InapplicableError(f"the best prediction under {likelihood} is not determined by x alone")
        return BEST_PREDICTION[likelihood](x)

    def known_likelihood(self) -> Likelihood:
        """Which loss `recon` is; InapplicableError when that is not known."""
        if self.stages.likelihood is None:
            raise InapplicableError("which reconstruction loss it is, is not known of this model")
        return self.stages.likelihood

    # ------------------------------------------------------------------------------------------------ stages

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(mu, second) of x."""
        result = self._call("encode", x)
        if not (isinstance(result, (tuple, list)) and len(result) == 2 and all(map(torch.is_tensor, result))):
            raise ModelError(f"encode(x) gives {_kind(result)}, not the two tensors (mu, logvar)")
        return result[0], result[1]

    def reparameterize(self, mu: Tensor, second: Tensor, noise: int = 0) -> Tensor:
        """A sample z; the same number `noise` gives the same noise to a sampler that follows torch's seed."""
        seed_draws(self.seed + 1 + noise)
        return self.tensor_of("reparameterize", mu, second)

    def samples(self, one: Posterior, count: int) -> Tensor:
        """`count` samples of one posterior (1, *latent), in double precision, (count, L)."""
        *_, (drawn, _) = self.looks(one, count, first=count)
        return drawn

    def looks(self, one: Posterior, most: int, *, first: int) -> Iterator[tuple[Tensor, bool]]:
        """Ever more samples of one posterior, from `first`, four times as many at each look, to `most`.

        Each as (all samples so far (count, L) in double precision, whether they are the last). A law that is sure of
        what it sees asks for no more.
        """
        limit = min(first, self.stages.batch_limit or first)
        shape = (limit, *one.mu.shape[1:])
        mu, second = one.mu.expand(shape).clone(), one.second.expand(shape).clone()
        drawn: list[Tensor] = []
        count = min(first, most)
        while True:
            while len(drawn) * limit < count:
                z = self.reparameterize(mu, second, noise=len(drawn))
                drawn.append(z.double().cpu().flatten(start_dim=1))
            yield torch.cat(drawn)[:count], count == most
            if count == most:
                return
            count = min(4 * count, most)

    def eps(self, batch: int | None = None) -> Tensor:
        """The noise of a sample: z at mu = 0, std = 1; InapplicableError when it does not follow torch's seed."""
        prior = self.prior(batch)
        eps = self.reparameterize(prior.mu, prior.second)
        if not torch.equal(eps, self.reparameterize(prior.mu, prior.second)):
            raise InapplicableError("the sampler's noise does not follow torch's seed, so no two samples share it")
        return eps

    def decode(self, z: Tensor) -> Tensor:
        """What the decoder makes of z."""
        return self.tensor_of("decode", z)

    def kl(self, mu: Tensor, second: Tensor) -> Tensor:
        """The KL of each sample (B,); InapplicableError when it comes in another shape, which is a law of its own."""
        return self._per_sample("kl", mu, second)

    def recon(self, x_hat: Tensor, x: Tensor) -> Tensor:
        """The reconstruction loss of each sample (B,); InapplicableError when it comes in another shape."""
        return self._per_sample("recon", x_hat, x)

    def forward(self, x: Tensor) -> Tensor:
        """The reconstruction x_hat of x by the whole model."""
        seed_draws(self.seed + 1)
        return self.tensor_of("forward", x)

    def loss(self, recon: Tensor, kl: Tensor, beta: float) -> Tensor:
        """The scalar loss."""
        return self.tensor_of("loss", recon, kl, beta)

    def batched(
        self, names: tuple[str, ...] = PER_SAMPLE_STAGES, *, scale_known: bool = False
    ) -> list[tuple[str, BatchedStage, tuple[Tensor, ...]]]:
        """Every stage of `names` that is known and treats samples one by one, as (name, stage, fresh arguments).

        With `scale_known` a loss whose factor is not known, and may depend on the batch size, is left out. Raises
        InapplicableError when there is none.
        """
        known: list[tuple[str, BatchedStage, tuple[Tensor, ...]]] = []
        for name in names:
            if getattr(self.stages, name) is None or (scale_known and getattr(self.stages, f"{name}_scale", 1) is None):
                continue
            if name == "encode":
                known.append((name, self.encode, (self.inputs(),)))
            elif name == "decode":
                known.append((name, lambda z: (self.decode(z),), (self.latents(),)))
            elif name == "kl" and self.stages.parametrisation is not None:
                known.append((name, lambda *heads: (self.kl(*heads),), self.posterior()[:2]))
            elif name == "recon" and self.stages.likelihood is not None:
                known.append((name, lambda *images: (self.recon(*images),), (self.predictions(), self.targets())))
        if not known:
            raise InapplicableError(unknown(self.stages, names))
        return known

    def _per_sample(self, name: str, first: Tensor, second: Tensor) -> Tensor:
        result = self.tensor_of(name, first, second)
        if result.shape != first.shape[:1]:
            raise InapplicableError(
                f"{name} gives shape {tuple(result.shape)} for a batch of {len(first)}, not one a sample"
            )
        return result

    def tensor_of(self, name: str, *arguments: Any) -> Tensor:
        """What the stage of this name makes of `arguments`; ModelError when that is no tensor."""
        result = self._call(name, *arguments)
        if not isinstance(result, Tensor):
            raise ModelError(f"{name} gives {_kind(result)}, not a tensor")
        return result

    def _call(self, name: str, *arguments: Any) -> Any:
        try:
            return getattr(self.stages, name)(*arguments)
        except VaeCheckedError:
            raise
        except Exception as error:
            shapes = ", ".join(str(tuple(a.shape)) if torch.is_tensor(a) else repr(a) for a in arguments)
            reason = str(error).strip().splitlines() or [""]
            raise ModelError(f"{name} on shapes {shapes} raised {type(error).__name__}: {reason[0]}") from error

    # ------------------------------------------------------------------------------------------- comparisons

    @property
    def tolerance(self) -> float:
        """The relative error that arithmetic in the dtype of the stages may leave."""
        return TOLERANCE.get(self.stages.dtype, COARSE_TOLERANCE)

    def violation(self, what: str, *, got: object, expected: object, where: str = "") -> Violation:
        """The violation that tells of `what`."""
        return Violation(self.law, what, _text(got), _text(expected), where, self.sizes, self.seed)

    def differs(
        self,
        what: str,
        got: Tensor,
        expected: Tensor,
        *,
        where: str = "",
        tolerance: float | None = None,
        floor: float = SMALL,
    ) -> Violation | None:
        """The violation by the worst element, if `got` is not `expected`; NaN never is.

        InapplicableError where an element is NaN on both sides.
        `tolerance` is relative to the element, to the mean size of all elements, or to `floor`, whichever is largest.
        """
        if got.shape != expected.shape:
            return self.violation(
                what, got=f"of shape {tuple(got.shape)}", expected=f"shape {tuple(expected.shape)}", where=where
            )
        _expect_numbers(what, got, expected)
        allowed = self.tolerance if tolerance is None else tolerance
        got, expected = got.detach().double().cpu(), expected.detach().double().cpu()
        size = expected.abs()
        typical = max(floor, size.mean().item() if size.numel() else 0.0)
        excess = (got - expected).abs() / size.clamp(min=typical)
        excess = torch.where(got == expected, 0.0, excess).nan_to_num(nan=math.inf)
        if not excess.numel() or excess.max() <= allowed:
            return None
        index = tuple(int(i) for i in torch.unravel_index(excess.argmax(), excess.shape))
        place = f"sample {index[0]}" if len(index) == 1 else f"element {list(index)}" if index else ""
        return self.violation(
            what,
            got=got[index].item(),
            expected=expected[index].item(),
            where=", ".join(part for part in (place, where) if part),
        )

    def below(self, what: str, got: Tensor, least: Tensor, *, where: str = "") -> Violation | None:
        """The violation by the worst element, if `got` is less than `least` by more than the tolerance, or NaN."""
        _expect_numbers(what, got, least)
        short = got.double() - least.double()
        allowed = -self.tolerance * torch.maximum(got.double().abs(), least.double().abs()).clamp(min=1.0)
        bad = ~(short >= allowed)
        if not bad.any():
            return None
        index = int(torch.where(bad, short.nan_to_num(nan=-math.inf), math.inf).flatten().argmin())
        return self.violation(
            what,
            got=got.flatten()[index].item(),
            expected=f"at least {_text(least.expand_as(got).flatten()[index].item())}",
            where=", ".join(part for part in (f"sample {index}", where) if part),
        )


def _expect_numbers(what: str, got: Tensor, expected: Tensor) -> None:
    """Raise InapplicableError where an element is NaN on both sides: nothing can be compared there."""
    if (got.isnan() & expected.isnan().to(got.device)).any():
        raise InapplicableError(f"{what} is nan, and so is what it is compared with")


def _kind(value: object) -> str:
    return "nothing" if value is None else f"a {type(value).__name__}"


def _text(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
