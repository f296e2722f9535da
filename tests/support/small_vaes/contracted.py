"""A function and a module under contract, for the tests of `@checked`."""

from __future__ import annotations

import torch

from vae_checked.contracts import Float, Tensor, checked


@checked
def kl_divergence(mu: Float[Tensor, "B L"], logvar: Float[Tensor, "B L"]) -> Float[Tensor, " B"]:
    """0.5 * sum(exp(logvar) + mu^2 - 1 - logvar) over the latents."""
    return 0.5 * (logvar.exp() + mu.pow(2) - 1 - logvar).sum(dim=1)


@checked
class Model(torch.nn.Module):
    """A VAE whose latent width is read from the instance."""

    def __init__(self, pixels: int = 7, latent_dim: int = 3) -> None:
        super().__init__()
        self.latent_dim = latent_dim
        self.head = torch.nn.Linear(pixels, 2 * latent_dim)
        self.out = torch.nn.Linear(latent_dim, pixels)

    def encode(self, x: Float[Tensor, "B D"]) -> tuple[Float[Tensor, "B {self.latent_dim}"], Float[Tensor, "B L"]]:
        mu, logvar = self.head(x).chunk(2, dim=1)
        return mu, logvar

    def decode(self, z: Float[Tensor, "B {self.latent_dim}"]) -> Float[Tensor, "B D"]:
        return self.out(z)

    def forward(self, x: Float[Tensor, "B D"]) -> Float[Tensor, "B D"]:
        return self.decode(self.encode(x)[0])

    def width(self) -> int:
        return self.latent_dim
