"""A VAE of convolutions on pictures of any size, as text: in it shapes are changed and annotated."""

from __future__ import annotations

from vae_checked.catalogue.support.example import edit

SOURCE = '''
import torch
from torch import nn


class VAE(nn.Module):
    """A small VAE on images of any size."""

    def __init__(self, latents=6):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(3, 8, 3, 2, 1),
            nn.ReLU(),
            nn.Conv2d(8, 14, 3, 2, 1),
            nn.ReLU(),
        )
        self.to_mu = nn.Conv2d(14, latents, 1)
        self.to_logvar = nn.Conv2d(14, latents, 1)
        self.widen = nn.Conv2d(latents, 14, 1)
        self.decoder = nn.Sequential(
            nn.ConvTranspose2d(14, 10, 4, 2, 1),
            nn.ReLU(),
            nn.ConvTranspose2d(10, 3, 4, 2, 1),
            nn.Sigmoid(),
        )

    def encode(self, x):
        h = self.encoder(x)
        return self.to_mu(h), self.to_logvar(h)

    def reparameterize(self, mu, logvar):
        std = torch.exp(0.5 * logvar)
        return mu + std * torch.randn_like(std)

    def decode(self, z):
        return self.decoder(self.widen(z))

    def kl(self, mu, logvar):
        return 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum(dim=(1, 2, 3))

    def forward(self, x):
        mu, logvar = self.encode(x)
        z = self.reparameterize(mu, logvar)
        x_hat = self.decode(z)
        return x_hat, mu, logvar, self.kl(mu, logvar)
'''

# The same on channels-last pictures, its decoder told how bright the picture is.
CHANNELS_LAST = edit(
    ("h = self.encoder(x)", "h = self.encoder(x.permute(0, 3, 1, 2))"),
    ("def decode(self, z):", "def decode(self, z, light):"),
    ("return self.decoder(self.widen(z))", "return self.decoder(self.widen(z) + light).permute(0, 2, 3, 1)"),
    ("self.decode(z)", "self.decode(z, x.mean(dim=(1, 2, 3))[:, None, None, None])"),
    text=SOURCE,
)
