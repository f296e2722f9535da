"""The correct VAEs of which the catalogue's `bad` modules are one-line edits.

A `bad` or `good` module is complete and runs: it defines `VAE`, which is built without arguments, `loss_function`, the
`INPUT` that the model takes and the `DATA_RANGE` of that input. Some add the data pipeline or the optimizer, which only
a reader of the source sees: the packages that those need are imported where they are used.
"""

from __future__ import annotations

EXAMPLE = """\
import torch
import torch.nn.functional as F
from torch import nn

INPUT = "B 3 8 12"
DATA_RANGE = (0.0, 1.0)


class VAE(nn.Module):
    def __init__(self, latents=5):
        super().__init__()
        self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(3 * 8 * 12, 40), nn.ReLU())
        self.fc_mu = nn.Linear(40, latents)
        self.fc_logvar = nn.Linear(40, latents)
        self.decoder = nn.Sequential(
            nn.Linear(latents, 40),
            nn.ReLU(),
            nn.Linear(40, 3 * 8 * 12),
        )

    def encode(self, x):
        h = self.encoder(x)
        return self.fc_mu(h), self.fc_logvar(h)

    def reparameterize(self, mu, logvar):
        std = torch.exp(0.5 * logvar)
        eps = torch.randn_like(std)
        return mu + eps * std

    def decode(self, z):
        return torch.sigmoid(self.decoder(z)).view(-1, 3, 8, 12)

    def forward(self, x):
        mu, logvar = self.encode(x)
        z = self.reparameterize(mu, logvar)
        return self.decode(z), mu, logvar


def loss_function(x_hat, x, mu, logvar):
    recon = F.mse_loss(x_hat, x, reduction="none").sum(dim=(1, 2, 3))
    kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp(), dim=1)
    return (recon + kl).mean()
"""

# How the pictures reach `train`: a fact that a module of a model alone does not hold.
PIPELINE = """\


def train(model, root, epochs=10):
    from torchvision import datasets, transforms

    transform = transforms.Compose([transforms.Resize((8, 12)), transforms.ToTensor()])
    pictures = torch.utils.data.DataLoader(datasets.ImageFolder(root, transform=transform), batch_size=16)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for _ in range(epochs):
        for x, _labels in pictures:
            x_hat, mu, logvar = model(x)
            loss = loss_function(x_hat, x, mu, logvar)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
"""

CHANNELS_LAST = """\
import torch
import torch.nn.functional as F
from torch import nn

INPUT = "B 8 12 3"
DATA_RANGE = (0.0, 1.0)


class VAE(nn.Module):
    def __init__(self, latents=5):
        super().__init__()
        self.encoder = nn.Sequential(nn.Conv2d(3, 6, 3, padding=1), nn.ReLU(), nn.Flatten())
        self.fc_mu = nn.Linear(6 * 8 * 12, latents)
        self.fc_logvar = nn.Linear(6 * 8 * 12, latents)
        self.fc_z = nn.Linear(latents, 6 * 8 * 12)
        self.decoder = nn.Conv2d(6, 3, 3, padding=1)

    def encode(self, x):
        x = x.permute(0, 3, 1, 2)
        h = self.encoder(x)
        return self.fc_mu(h), self.fc_logvar(h)

    def reparameterize(self, mu, logvar):
        std = torch.exp(0.5 * logvar)
        eps = torch.randn_like(std)
        return mu + eps * std

    def decode(self, z):
        h = F.relu(self.fc_z(z)).view(-1, 6, 8, 12)
        return torch.sigmoid(self.decoder(h)).permute(0, 2, 3, 1)

    def forward(self, x):
        mu, logvar = self.encode(x)
        z = self.reparameterize(mu, logvar)
        return self.decode(z), mu, logvar


def loss_function(x_hat, x, mu, logvar):
    recon = F.mse_loss(x_hat, x, reduction="none").sum(dim=(1, 2, 3))
    kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp(), dim=1)
    return (recon + kl).mean()


def load(paths):
    import numpy as np
    from PIL import Image

    pictures = np.stack([np.asarray(Image.open(path).convert("RGB")) for path in paths])
    return torch.from_numpy(pictures).float() / 255
"""


def edit(*changes: tuple[str, str], text: str = EXAMPLE) -> str:
    """`text` with each (old, new) pair replaced; ValueError unless every old stands there exactly once."""
    for old, new in changes:
        if text.count(old) != 1:
            raise ValueError(f"{old!r} stands {text.count(old)} times in the example, not once")
        text = text.replace(old, new)
    return text
