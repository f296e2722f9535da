"""The model: two linear layers on either side of five latents."""

import torch
from torch import nn
from torch.nn import functional as F

from vae_checked import checked
from vae_checked.contracts import Float, Tensor

HEIGHT, WIDTH, HIDDEN = 12, 16, 24


@checked
class VAE(nn.Module):
    """p(x|z) is Bernoulli, q(z|x) is normal with a diagonal covariance."""

    def __init__(self, latents: int = 5) -> None:
        super().__init__()
        self.latents = latents
        self.body = nn.Linear(HEIGHT * WIDTH, HIDDEN)
        self.to_mu = nn.Linear(HIDDEN, latents)
        self.to_logvar = nn.Linear(HIDDEN, latents)
        self.decoder = nn.Sequential(nn.Linear(latents, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, HEIGHT * WIDTH))

    def encode(self, x: Float[Tensor, "B 1 H W"]) -> tuple[Float[Tensor, "B L"], Float[Tensor, "B L"]]:
        h = F.relu(self.body(x.flatten(1)))
        return self.to_mu(h), self.to_logvar(h)

    def reparameterize(self, mu: Float[Tensor, "B L"], logvar: Float[Tensor, "B L"]) -> Float[Tensor, "B L"]:
        return mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)

    def decode(self, z: Float[Tensor, "B {self.latents}"]) -> Float[Tensor, "B 1 12 16"]:
        return self.decoder(z).view(-1, 1, HEIGHT, WIDTH)

    def forward(self, x: Float[Tensor, "B 1 H W"]) -> tuple[Tensor, Tensor, Tensor]:
        mu, logvar = self.encode(x)
        return self.decode(self.reparameterize(mu, logvar)), mu, logvar

    def loss_function(self, x_logits: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
        recon = F.binary_cross_entropy_with_logits(x_logits, x, reduction="none").sum(dim=(1, 2, 3))
        kl = 0.5 * (logvar.exp() + mu.pow(2) - 1 - logvar).sum(dim=1)
        return (recon + kl).mean()
