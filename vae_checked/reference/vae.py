"""The reference VAE: every stage, one after the other."""

from __future__ import annotations

import torch
from torch import nn

from vae_checked.contracts import Float, Tensor, checked
from vae_checked.errors import UsageError
from vae_checked.reference.decoder import ConvDecoder, MLPDecoder, Output, Upsampling
from vae_checked.reference.encoder import Encoder, conv_features, mlp_features
from vae_checked.reference.losses import bce_with_logits, squared_error, vae_loss
from vae_checked.reference.posterior import kl_divergence, reparameterize

ENCODERS = {"conv": conv_features, "mlp": mlp_features}


@checked
class VAE(nn.Module):
    """A variational autoencoder on images; without arguments for 64x64 RGB images, with 128 latents.

    shape: (C, H, W); latents: L; encoder: `conv` or `mlp`; decoder: `transposed`, `nearest` (both from `base` by
    doubling, with `base_channels` at its start) or `mlp`; output: `logits` (Bernoulli pixels, data in [0, 1]) or, with
    squared error, `sigmoid` (data in [0, 1]) or `tanh` (data in [-1, 1]); beta: weight of the KL. Raises UsageError for
    a size that the decoder cannot produce. Source: the seed; Kingma and Welling 2014, https://arxiv.org/abs/1312.6114.
    """

    def __init__(
        self,
        shape: tuple[int, int, int] = (3, 64, 64),
        *,
        latents: int = 128,
        hidden: int = 256,
        encoder: str = "conv",
        decoder: str = "transposed",
        output: Output | str = Output.LOGITS,
        base: tuple[int, int] = (4, 4),
        base_channels: int = 128,
        beta: float = 1.0,
    ) -> None:
        super().__init__()
        decoders = [*Upsampling, "mlp"]
        for name, value, known in (
            ("encoder", encoder, list(ENCODERS)),
            ("decoder", decoder, decoders),
            ("output", output, list(Output)),
        ):
            if value not in known:
                raise UsageError(f"{name} is {value!r}: choose one of {', '.join(known)}")
        self.shape = shape
        self.latents = latents
        self.beta = beta
        self.output = Output(output)
        self.encoder = Encoder(ENCODERS[encoder](shape, hidden), shape=shape, hidden=hidden, latents=latents)
        self.decoder: nn.Module
        if decoder == "mlp":
            self.decoder = MLPDecoder(shape, latents=latents, hidden=hidden, output=self.output)
        else:
            self.decoder = ConvDecoder(
                shape,
                latents=latents,
                base=base,
                base_channels=base_channels,
                upsampling=Upsampling(decoder),
                output=self.output,
            )

    def encode(self, x: Float[Tensor, "B C H W"]) -> tuple[Float[Tensor, "B L"], Float[Tensor, "B L"]]:
        """Encode x (B, C, H, W) to mu and logvar, (B, L) each. Seed section 2."""
        mu, logvar = self.encoder(x)
        return mu, logvar

    def reparameterize(self, mu: Float[Tensor, "B L"], logvar: Float[Tensor, "B L"]) -> Float[Tensor, "B L"]:
        """Draw z (B, L) from the posterior. Seed section 3."""
        return reparameterize(mu, logvar)

    def decode(self, z: Float[Tensor, "B L"]) -> Float[Tensor, "B C H W"]:
        """Decode z (B, L) to x_hat, or to x_logits where `output` is `logits`, (B, C, H, W). Seed section 4."""
        x_hat: torch.Tensor = self.decoder(z)
        return x_hat

    def forward(
        self, x: Float[Tensor, "B C H W"]
    ) -> tuple[Float[Tensor, "B C H W"], Float[Tensor, "B L"], Float[Tensor, "B L"]]:
        """Run x (B, C, H, W) through all stages: x_hat or x_logits (B, C, H, W), mu and logvar (B, L)."""
        mu, logvar = self.encode(x)
        z = self.reparameterize(mu, logvar)
        return self.decode(z), mu, logvar

    def recon(self, x_hat: Float[Tensor, "B C H W"], x: Float[Tensor, "B C H W"]) -> Float[Tensor, " B"]:
        """Reconstruction term (B,) for this output; x_hat: what `decode` returned. Seed section 5.1."""
        return bce_with_logits(x_hat, x) if self.output is Output.LOGITS else squared_error(x_hat, x)

    def kl(self, mu: Float[Tensor, "B L"], logvar: Float[Tensor, "B L"]) -> Float[Tensor, " B"]:
        """KL of each posterior from the prior, (B,). Seed section 5.2."""
        return kl_divergence(mu, logvar)

    def loss_function(
        self,
        x_hat: Float[Tensor, "B C H W"],
        x: Float[Tensor, "B C H W"],
        mu: Float[Tensor, "B L"],
        logvar: Float[Tensor, "B L"],
    ) -> Float[Tensor, ""]:
        """The scalar loss for what `forward` returned; x_hat: x_logits where `output` is `logits`. Seed section 5.3."""
        return vae_loss(self.recon(x_hat, x), self.kl(mu, logvar), self.beta)

    def sample(self, count: int) -> Float[Tensor, "{count} C H W"]:
        """Decode `count` draws of the prior N(0, I): images (count, C, H, W) in the range of the data."""
        parameter = next(self.parameters())
        z = torch.randn(count, self.latents, device=parameter.device, dtype=parameter.dtype)
        x_hat = self.decode(z)
        return torch.sigmoid(x_hat) if self.output is Output.LOGITS else x_hat
