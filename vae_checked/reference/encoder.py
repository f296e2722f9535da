"""Stage 2 of the seed: `x -> h -> (mu, logvar)`."""

from __future__ import annotations

import itertools

from torch import nn

from vae_checked.contracts import Float, Tensor, checked

BASE_SIDE = 4
CHANNELS = (32, 64, 128, 256)


def mlp_features(shape: tuple[int, int, int], hidden: int) -> nn.Module:
    """`h = Enc(x)` by one hidden layer on the flattened image.

    shape: (C, H, W) of one image. The module maps (B, C, H, W) to (B, hidden), in [0, inf).
    """
    channels, height, width = shape
    return nn.Sequential(nn.Flatten(), nn.Linear(channels * height * width, hidden), nn.ReLU())


def conv_features(shape: tuple[int, int, int], hidden: int) -> nn.Module:
    """`h = Enc(x)` by convolutions of stride 2, down to a shorter side of at most 4: 64 -> 32 -> 16 -> 8 -> 4.

    shape: (C, H, W) of one image, H and W free of any divisor: an odd side n becomes (n + 1) / 2. The module maps
    (B, C, H, W) to (B, hidden), in [0, inf).
    """
    channels, height, width = shape
    layers: list[nn.Module] = []
    for step in itertools.count():
        if min(height, width) <= BASE_SIDE:
            break
        out = CHANNELS[min(step, len(CHANNELS) - 1)]
        layers += [nn.Conv2d(channels, out, kernel_size=3, stride=2, padding=1), nn.ReLU()]
        channels, height, width = out, (height + 1) // 2, (width + 1) // 2
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(channels * height * width, hidden), nn.ReLU())


@checked
class Encoder(nn.Module):
    """The posterior's parameters for every image: `mu = FC_mu(h)`, `logvar = FC_logvar(h)`.

    features: maps (B, C, H, W) to (B, hidden). The heads are linear and nothing follows them: mu and logvar can be any
    real number. Source: Kingma and Welling 2014, appendix C.2.
    """

    def __init__(self, features: nn.Module, *, shape: tuple[int, int, int], hidden: int, latents: int) -> None:
        super().__init__()
        self.channels, self.height, self.width = shape
        self.latents = latents
        self.features = features
        self.fc_mu = nn.Linear(hidden, latents)
        self.fc_logvar = nn.Linear(hidden, latents)

    def forward(
        self, x: Float[Tensor, "B {self.channels} {self.height} {self.width}"]
    ) -> tuple[Float[Tensor, "B {self.latents}"], Float[Tensor, "B {self.latents}"]]:
        """Encode x (B, C, H, W), in the range of the data, to mu and logvar = log(sigma^2), (B, L) each."""
        h = self.features(x)
        return self.fc_mu(h), self.fc_logvar(h)
