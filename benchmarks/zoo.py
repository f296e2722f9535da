"""Autoencoders of diffusers and pythae with random weights from small configurations: one table for several benchmarks.

Every class of diffusers whose posterior is Gaussian, every Gaussian VAE of pythae, and the reference. A specification
is given where the class says nowhere what it takes (a video's number of frames, an audio's length).
"""

from __future__ import annotations

import dataclasses
import importlib
from typing import Any

DOWN, UP = "DownEncoderBlock2D", "UpDecoderBlock2D"


@dataclasses.dataclass(frozen=True)
class Model:
    """One model: `kind` of `library`, its small configuration, and what it takes in the words of a specification."""

    library: str
    kind: str
    config: dict[str, Any]
    spec: str | None
    data_range: tuple[float, float] | None = None

    @property
    def name(self) -> str:
        """The name in tables."""
        return f"{self.library.partition('.')[0]} {self.kind}"

    def build(self, seed: int = 0) -> Any:
        """The model with random weights drawn from `seed`; raises ImportError where its library is not installed."""
        import torch

        torch.manual_seed(seed)
        library = importlib.import_module(self.library)
        if self.library == "pythae.models":
            # Some of the library's configurations have an underscore before the word, some do not.
            kinds = (f"{self.kind}Config", f"{self.kind}_Config")
            config = next(getattr(library, kind) for kind in kinds if hasattr(library, kind))(**self.config)
            return getattr(library, self.kind)(config)
        return getattr(library, self.kind)(**self.config)


def diffusers(kind: str, spec: str | None, **config: Any) -> Model:
    """An autoencoder of diffusers; its data lie in [-1, 1], as the pipelines' image processors give them."""
    return Model("diffusers.models.autoencoders", kind, config, spec, (-1.0, 1.0))


def pythae(kind: str, **config: Any) -> Model:
    """A VAE of pythae with the library's own small MLP."""
    return Model("pythae.models", kind, {"input_dim": (1, 12, 8), "latent_dim": 5, **config}, "B 1 12 8", (0.0, 1.0))


IMAGE, VIDEO = "B 3 32 48", "B 3 9 32 48"
TWO = {"down_block_types": (DOWN, DOWN), "up_block_types": (UP, UP), "block_out_channels": (8, 16)}

GAUSSIAN: tuple[Model, ...] = (
    Model(
        "vae_checked.reference", "VAE", {"shape": (3, 32, 48), "latents": 5, "base": (4, 6)}, "B 3 32 48", (0.0, 1.0)
    ),
    diffusers("AutoencoderKL", IMAGE, **TWO, norm_num_groups=4),
    diffusers(
        "AsymmetricAutoencoderKL",
        IMAGE,
        down_block_types=(DOWN, DOWN),
        down_block_out_channels=(8, 16),
        up_block_types=(UP, UP),
        up_block_out_channels=(8, 16),
        norm_num_groups=4,
    ),
    diffusers("AutoencoderKLFlux2", IMAGE, **TWO, latent_channels=6, norm_num_groups=4, layers_per_block=1),
    diffusers(
        "AutoencoderKLTemporalDecoder",
        IMAGE,
        down_block_types=(DOWN, DOWN),
        block_out_channels=(32, 64),
    ),
    diffusers(
        "AutoencoderKLKVAE", IMAGE, channels=32, num_enc_blocks=1, num_dec_blocks=1, z_channels=5, ch_mult=(1, 2)
    ),
    diffusers(
        "AutoencoderKLHunyuanImage",
        IMAGE,
        in_channels=3,
        out_channels=3,
        latent_channels=8,
        block_out_channels=(32, 64),
        layers_per_block=1,
        spatial_compression_ratio=2,
        sample_size=32,
    ),
    diffusers(
        "AutoencoderKLMagvit",
        "B 3 5 16 24",
        latent_channels=6,
        block_out_channels=(8, 8, 16, 16),
        layers_per_block=1,
        norm_num_groups=4,
    ),
    diffusers(
        "AutoencoderKLAllegro", "B 3 8 64 96", block_out_channels=(8, 8, 16, 16), layers_per_block=1, norm_num_groups=4
    ),
    diffusers(
        "AutoencoderKLCogVideoX",
        "B 3 9 16 24",
        block_out_channels=(8, 8, 16, 16),
        latent_channels=6,
        layers_per_block=1,
        norm_num_groups=4,
        sample_height=32,
        sample_width=48,
    ),
    diffusers(
        "AutoencoderKLHunyuanVideo",
        VIDEO,
        block_out_channels=(8, 8, 16, 16),
        latent_channels=6,
        layers_per_block=1,
        norm_num_groups=4,
    ),
    diffusers(
        "AutoencoderKLHunyuanImageRefiner",
        "B 3 5 32 48",
        latent_channels=8,
        block_out_channels=(16, 16, 32, 32, 32),
        layers_per_block=1,
    ),
    diffusers(
        "AutoencoderKLHunyuanVideo15",
        "B 3 5 32 48",
        latent_channels=8,
        block_out_channels=(16, 16, 32, 32, 32),
        layers_per_block=1,
    ),
    diffusers("AutoencoderKLKVAEVideo", "B 3 5 16 24", ch=32, ch_mult=(1, 1, 1, 1), num_res_blocks=1, z_channels=6),
    diffusers(
        "AutoencoderKLLTXVideo",
        VIDEO,
        latent_channels=6,
        block_out_channels=(8, 8, 8, 8),
        decoder_block_out_channels=(8, 8, 8, 8),
        layers_per_block=(1, 1, 1, 1, 1),
        decoder_layers_per_block=(1, 1, 1, 1, 1),
        patch_size=2,
    ),
    diffusers(
        "AutoencoderKLLTX2Video",
        "B 3 9 64 96",
        latent_channels=6,
        block_out_channels=(8, 16, 32, 64),
        decoder_block_out_channels=(8, 16, 32),
        layers_per_block=(1, 1, 1, 1, 1),
        decoder_layers_per_block=(1, 1, 1, 1),
        patch_size=2,
    ),
    diffusers(
        "AutoencoderKLLTX2Audio",
        "B 2 61 16",
        base_channels=16,
        ch_mult=(1, 1, 2),
        num_res_blocks=1,
        latent_channels=5,
        mel_bins=16,
    ),
    diffusers(
        "AutoencoderKLMiniMaxH3",
        "B 3 34 32 48",
        latent_channels=6,
        block_out_channels=(8, 8, 8, 8, 16, 16),
        layers_per_block=1,
        norm_num_groups=4,
        decoder_num_layers=2,
        decoder_num_attention_heads=2,
        decoder_attention_head_dim=16,
        latents_mean=(0.0,) * 6,
        latents_std=(1.0,) * 6,
    ),
    diffusers(
        "AutoencoderKLMiniMaxH3Audio",
        "B 1 1600",
        encoder_dim=8,
        latent_dim=96,
        latent_channels=6,
        num_attention_heads=2,
        decoder_dim=128,
    ),
    diffusers(
        "AutoencoderKLMochi",
        "B 3 7 16 24",
        encoder_block_out_channels=(32, 32, 32, 32),
        decoder_block_out_channels=(32, 32, 32, 32),
        latent_channels=6,
        layers_per_block=(1, 1, 1, 1, 1),
    ),
    diffusers("AutoencoderKLQwenImage", "B 3 5 16 24", base_dim=8, z_dim=6, num_res_blocks=1),
    diffusers("AutoencoderKLQwenImage21", "B 4 1 16 32", base_dim=8, decoder_base_dim=8, z_dim=6, num_res_blocks=1),
    diffusers("AutoencoderKLWan", "B 3 5 16 24", base_dim=8, z_dim=6, num_res_blocks=1),
    diffusers(
        "AutoencoderKLKVAEAudio",
        "B 1 4800",
        encoder_dim=8,
        latent_dim=64,
        codebook_dim=6,
        decoder_dim=96,
        attn_num_heads=2,
    ),
    diffusers(
        "AutoencoderOobleck",
        "B 2 1024",
        encoder_hidden_size=8,
        downsampling_ratios=[2, 4],
        channel_multiples=[1, 2],
        decoder_channels=8,
        decoder_input_channels=4,
    ),
    diffusers("AutoencoderVidTok", "B 3 16 32 48", ch=32, ch_mult=[1, 1, 2, 2], num_res_blocks=1, z_channels=5),
    diffusers(
        "Kandinsky6SRVAE",
        VIDEO,
        latent_channels=6,
        encoder_block_out_channels=(16, 16, 32, 32, 32),
        decoder_block_out_channels=(16, 16, 32, 32, 32),
        layers_per_block=1,
    ),
    diffusers("MMAudioVAE", "B 20480", mel_bins=16, latent_channels=5, hidden_channels=32, layers_per_block=1),
    diffusers(
        "LongCatAudioDiTVae", "B 1 1024", channels=8, c_mults=[1, 2], strides=[2, 4], latent_dim=4, encoder_latent_dim=8
    ),
    diffusers(
        "Cosmos3AVAEAudioTokenizer",
        "B 2 9600",
        vocoder_input_dim=6,
        dec_dim=16,
        enc_dim=24,
        enc_intermediate_dim=48,
        enc_num_layers=2,
        enc_latent_dim=12,
    ),
    diffusers(
        "ConsistencyDecoderVAE",
        "B 3 32 48",
        encoder_block_out_channels=(8, 8, 16, 16),
        encoder_layers_per_block=1,
        encoder_norm_num_groups=4,
        decoder_block_out_channels=(16, 16, 32, 32),
        decoder_layers_per_block=1,
        decoder_norm_num_groups=4,
    ),
    pythae("VAE"),
    pythae("BetaVAE", beta=4.0),
    pythae("DisentangledBetaVAE", beta=4.0, C=0.0, warmup_epoch=1),
    pythae("BetaTCVAE", beta=2.0),
    pythae("FactorVAE", gamma=2.0),
    pythae("INFOVAE_MMD"),
    pythae("IWAE", number_samples=3),
    pythae("MIWAE", number_gradient_estimates=3, number_samples=5),
    pythae("CIWAE", number_samples=3, beta=0.4),
    pythae("PIWAE", number_gradient_estimates=3, number_samples=5),
    pythae("VAMP", number_components=7),
    pythae("MSSSIM_VAE"),
    pythae("VAEGAN"),
    pythae("Adversarial_AE"),
    pythae("RHVAE", n_lf=1, eps_lf=0.001),
    pythae("HVAE", n_lf=1, eps_lf=0.001),
    pythae("VAE_LinNF", flows=["Planar"]),
    pythae("VAE_IAF", n_made_blocks=2),
)


def named(words: list[str]) -> tuple[Model, ...]:
    """The models one of whose words is among `words`, or all where there are none."""
    return tuple(model for model in GAUSSIAN if not words or any(word in model.name.split() for word in words))
