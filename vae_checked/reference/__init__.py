"""The VAE that the checks are measured against: one file per stage, each with its shapes, ranges and source."""

from __future__ import annotations

from vae_checked.reference.decoder import ConvDecoder, MLPDecoder, Output, Upsampling
from vae_checked.reference.encoder import Encoder, conv_features, mlp_features
from vae_checked.reference.layout import from_images, to_nchw, to_nhwc, to_symmetric, to_unit
from vae_checked.reference.losses import bce_with_logits, squared_error, vae_loss
from vae_checked.reference.posterior import kl_divergence, reparameterize, std_of
from vae_checked.reference.vae import VAE

__all__ = [
    "VAE",
    "ConvDecoder",
    "Encoder",
    "MLPDecoder",
    "Output",
    "Upsampling",
    "bce_with_logits",
    "conv_features",
    "from_images",
    "kl_divergence",
    "mlp_features",
    "reparameterize",
    "squared_error",
    "std_of",
    "to_nchw",
    "to_nhwc",
    "to_symmetric",
    "to_unit",
    "vae_loss",
]
