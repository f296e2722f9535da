"""What this repository relies on in a model that others maintain."""

import torch
from diffusers import AutoencoderKL

CONFIG = {
    "down_block_types": ("DownEncoderBlock2D", "DownEncoderBlock2D"),
    "up_block_types": ("UpDecoderBlock2D", "UpDecoderBlock2D"),
    "block_out_channels": (4, 8),
    "layers_per_block": 1,
    "latent_channels": 5,
    "norm_num_groups": 2,
}


def test_latents_are_half_as_high_and_wide(vae_shapes):
    model = AutoencoderKL(**CONFIG).eval()
    shapes = vae_shapes(model, "B 3 H W")
    assert shapes.latent == "B 5 H//2 W//2"
    with torch.no_grad():
        assert model.encode(torch.zeros(2, 3, 8, 12)).latent_dist.mean.shape == (2, 5, 4, 6)
