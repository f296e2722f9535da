"""Two draws that are compared with each other, as those of two senses are: an error of no reconstruction."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import codes, linted

TEXT = """\
import torch
import torch.nn.functional as F
from torch import nn
from torch.distributions import Independent, Normal, kl_divergence


class Senses(nn.Module):
    def __init__(self):
        super().__init__()
        self.seen, self.heard = nn.Linear(40, 12), nn.Linear(30, 12)
        self.see_mu, self.see_spread = nn.Linear(12, 6), nn.Linear(12, 6)
        self.hear_mu, self.hear_spread = nn.Linear(12, 6), nn.Linear(12, 6)
        self.back = nn.Linear(6, 6)

    def draw(self, mu, spread):
        return mu + torch.exp(0.5 * spread) * torch.randn_like(spread)

    def forward(self, image, sound):
        h, g = torch.relu(self.seen(image)), torch.relu(self.heard(sound))
        mu, spread, mu_b, spread_b = self.see_mu(h), self.see_spread(h), self.hear_mu(g), self.hear_spread(g)
        z, z_b = self.draw(mu, spread), self.draw(mu_b, spread_b)
        q = Independent(Normal(mu, torch.exp(0.5 * spread)), 1)
        q_b = Independent(Normal(mu_b, torch.exp(0.5 * spread_b)), 1)
        apart = kl_divergence(q, q_b).mean() + kl_divergence(q_b, q).mean()
        return ERROR - apart


net = Senses()
optimizer = torch.optim.Adam(net.parameters())
for image, sound in loader:
    loss = net(image, sound)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""


@pytest.mark.parametrize(
    "error",
    [
        "F.binary_cross_entropy(torch.sigmoid(z), torch.sigmoid(z_b).detach())",
        "F.mse_loss(torch.tanh(z), torch.tanh(z_b))",
        "F.mse_loss(z, z_b.detach())",
        "F.l1_loss(z, torch.relu(z_b))",
    ],
)
def test_two_draws_that_are_compared_are_no_reconstruction(error: str, tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"senses.py": TEXT.replace("ERROR", error)})) == []


def test_what_a_layer_decodes_is_a_reconstruction(tmp_path: Path) -> None:
    found = codes(linted(tmp_path, {"senses.py": TEXT.replace("ERROR", "F.mse_loss(self.back(z), sound)")}))
    assert "VAE302" in found
