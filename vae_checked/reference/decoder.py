"""Stage 4 of the seed: `z -> x_hat`, or `z -> x_logits`."""

from __future__ import annotations

from enum import StrEnum

import torch
from torch import nn

from vae_checked.contracts import Float, Tensor, checked
from vae_checked.errors import UsageError
from vae_checked.facts import REAL, SYMMETRIC_UNIT, UNIT, Interval

LARGEST_SIDE_NAMED = 256


class Output(StrEnum):
    """How a decoder ends: `x_hat` in a range, or `x_logits` for a loss that applies the sigmoid. Seed section 4.2."""

    SIGMOID = "sigmoid"
    TANH = "tanh"
    LOGITS = "logits"

    @property
    def interval(self) -> Interval:
        """What the decoder's output can be: [0, 1], [-1, 1], or any real number."""
        return _INTERVAL[self]

    def activation(self) -> nn.Module:
        """The module that ends the decoder."""
        return _ACTIVATION[self]()


_INTERVAL = {Output.SIGMOID: UNIT, Output.TANH: SYMMETRIC_UNIT, Output.LOGITS: REAL}
_ACTIVATION = {Output.SIGMOID: nn.Sigmoid, Output.TANH: nn.Tanh, Output.LOGITS: nn.Identity}


class Upsampling(StrEnum):
    """How a convolutional decoder doubles H and W. Seed section 4.1."""

    TRANSPOSED = "transposed"
    NEAREST = "nearest"

    def step(self, channels: int, out: int) -> nn.Module:
        """The module that maps (B, channels, h, w) to (B, out, 2h, 2w)."""
        if self is Upsampling.TRANSPOSED:
            return nn.ConvTranspose2d(channels, out, kernel_size=4, stride=2, padding=1)
        return nn.Sequential(
            nn.Upsample(scale_factor=2, mode="nearest"), nn.Conv2d(channels, out, kernel_size=3, padding=1)
        )


@checked
class MLPDecoder(nn.Module):
    """`z (B, L) -> Linear -> (B, C*H*W) -> view -> (B, C, H, W)`, with one hidden layer before; any H and W.

    shape: (C, H, W). The output lies in `output.interval`.
    """

    def __init__(
        self, shape: tuple[int, int, int], *, latents: int, hidden: int = 256, output: Output = Output.LOGITS
    ) -> None:
        super().__init__()
        self.channels, self.height, self.width = shape
        self.latents = latents
        self.output = Output(output)
        self.hidden = nn.Linear(latents, hidden)
        self.pixels = nn.Linear(hidden, self.channels * self.height * self.width)
        self.activation = self.output.activation()

    def forward(
        self, z: Float[Tensor, "B {self.latents}"]
    ) -> Float[Tensor, "B {self.channels} {self.height} {self.width}"]:
        """Decode z (B, L) to x_hat, or x_logits, (B, C, H, W)."""
        flat: torch.Tensor = self.activation(self.pixels(torch.relu(self.hidden(z))))
        return flat.view(-1, self.channels, self.height, self.width)


@checked
class ConvDecoder(nn.Module):
    """`z (B, L) -> Linear -> (B, C0*H0*W0) -> view -> (B, C0, H0, W0)`, then n doublings and a last convolution to C.

    shape: (C, H, W) with H = H0 * 2**n and W = W0 * 2**n; base: (H0, W0); base_channels: C0, halved at each doubling
    and never below 8. The output lies in `output.interval`. Raises UsageError for a size that doubling cannot reach.
    The sizes go 4 -> 8 -> 16 -> 32 -> 64 with C0 = 128 or 256.
    """

    def __init__(
        self,
        shape: tuple[int, int, int],
        *,
        latents: int,
        base: tuple[int, int] = (4, 4),
        base_channels: int = 128,
        upsampling: Upsampling = Upsampling.TRANSPOSED,
        output: Output = Output.LOGITS,
    ) -> None:
        super().__init__()
        self.channels, self.height, self.width = shape
        self.latents = latents
        self.base = (base_channels, *base)
        self.output = Output(output)
        steps = doublings(base, (self.height, self.width))
        widths = [max(base_channels >> step, 8) for step in range(1, steps + 1)]
        layers: list[nn.Module] = []
        for channels, out in zip([base_channels, *widths], widths, strict=False):
            layers += [Upsampling(upsampling).step(channels, out), nn.ReLU()]
        self.project = nn.Linear(latents, base_channels * base[0] * base[1])
        self.upsample = nn.Sequential(nn.ReLU(), *layers)
        self.pixels = nn.Conv2d([base_channels, *widths][-1], self.channels, kernel_size=3, padding=1)
        self.activation = self.output.activation()

    def forward(
        self, z: Float[Tensor, "B {self.latents}"]
    ) -> Float[Tensor, "B {self.channels} {self.height} {self.width}"]:
        """Decode z (B, L) to x_hat, or x_logits, (B, C, H, W)."""
        h = self.project(z).view(-1, *self.base)
        x_hat: torch.Tensor = self.activation(self.pixels(self.upsample(h)))
        return x_hat


def reachable(base: tuple[int, int], largest: int = LARGEST_SIDE_NAMED) -> tuple[tuple[int, int], ...]:
    """The sizes (H, W) that doubling makes of `base`, up to a longer side of `largest`, `base` first."""
    sizes = [base]
    while 2 * max(sizes[-1]) <= largest:
        sizes.append((2 * sizes[-1][0], 2 * sizes[-1][1]))
    return tuple(sizes)


def doublings(base: tuple[int, int], size: tuple[int, int]) -> int:
    """How often `base` (H0, W0) must be doubled to give `size` (H, W); UsageError naming the sizes it can give."""
    sizes = reachable(base, max(*size, *base))
    if size in sizes:
        return sizes.index(size)
    possible = ", ".join(f"{height}x{width}" for height, width in reachable(base, max(LARGEST_SIDE_NAMED, *size)))
    raise UsageError(
        f"a decoder that doubles {base[0]}x{base[1]} cannot produce {size[0]}x{size[1]}; it can produce {possible}: "
        "choose one of these, another base, or MLPDecoder, which produces any size"
    )
