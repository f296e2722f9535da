"""The smallest VAE on vectors: what a test takes that needs some VAE, and not a certain one."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Tiny(nn.Module):
    """Both heads from one linear layer; the decoder linear, or with a hidden layer of `hidden` units."""

    def __init__(self, pixels: int = 5, latents: int = 3, hidden: int | None = None) -> None:
        super().__init__()
        self.encoder = nn.Linear(pixels, 2 * latents)
        self.decoder: nn.Module = nn.Linear(latents, pixels)
        if hidden is not None:
            self.decoder = nn.Sequential(nn.Linear(latents, hidden), nn.ReLU(), nn.Linear(hidden, pixels))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        mu, logvar = self.encoder(x).chunk(2, 1)
        z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
        return self.decoder(z), mu, logvar
