"""A latent that moves on by a process in time takes steps whose noise has the variance of the time: no wrong eps."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, KL, LAYERS, codes, linted

from vae_checked.reports import all_examined

WRITTEN = (
    "import math\n"
    + HEAD
    + LAYERS.replace("(self)", "(self, dt=0.1)")
    + f"""        self.dt, self.drift = dt, nn.Linear(7, 7)
        self.to_z = nn.Linear(84, 7)
        self.width = nn.Sequential(nn.Linear(7, 7), nn.Softplus())

    def forward(self, x):
        z = self.to_z(x)
        STEP
        m, s = self.drift(z), self.to_s(x)
        z = m + torch.exp(0.5 * s) * torch.randn_like(s)
        return (F.mse_loss(self.back(z), x, reduction="none").sum(1) + {KL}).mean()


def train(loader):
    net = Net()
    optimizer = torch.optim.Adam(net.parameters())
    for x in loader:
        optimizer.zero_grad()
        net(x).backward()
        optimizer.step()
"""
)
STEPS = (
    "z = z + self.drift(z) * self.dt + self.width(z) * (torch.randn_like(z) * math.sqrt(self.dt))",
    "z = z + self.drift(z) * self.dt + self.width(z) * torch.normal(0.0, math.sqrt(self.dt), size=z.shape)",
    "z = z - self.width(z) * (self.dt ** 0.5 * torch.randn_like(z)) + self.dt * self.drift(z)",
    "z = z / 4 * self.dt + z / 2 ** 0.5 * torch.normal(mean=0, std=np.sqrt(self.dt), size=z.shape)",
    "z = z + self.drift(z) / 16 + self.width(z) * (0.25 * torch.randn_like(z))",
)
# No time stands beside the noise, or another one.
DRAWS = (
    "z = self.drift(z) + self.width(z) * (torch.randn_like(z) * math.sqrt(self.dt))",
    "z = z + self.drift(z) * 0.5 + self.width(z) * torch.normal(0.0, math.sqrt(self.dt), size=z.shape)",
    "z = self.drift(z) * self.dt + self.width(z) * (self.dt * torch.randn_like(z))",
)


@pytest.mark.parametrize("step", STEPS)
def test_the_noise_of_a_step_in_time_is_as_wide_as_it_is(step: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": WRITTEN.replace("STEP", step)})
    assert codes(report) == []
    assert any("VAE301" in each.clean for each in all_examined(report))


@pytest.mark.parametrize("draw", DRAWS)
def test_noise_of_another_width_is_named_where_no_time_goes_on(draw: str, tmp_path: Path) -> None:
    assert "VAE202" in codes(linted(tmp_path, {"net.py": WRITTEN.replace("STEP", draw)}))
