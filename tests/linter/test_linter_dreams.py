"""An encoder that learns from what is decoded from draws of the prior, as the sleep phase of wake-sleep has it."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import FORWARD, HEAD, MODEL, codes, linted

SLEEP = (
    HEAD
    + "from torch.distributions import MultivariateNormal, Normal\n"
    + MODEL
    + FORWARD
    + """

def sleep(net, picture):
    z = torch.randn(5, 7)
    m, s = net.encode({of})
    loss = -({density})
    loss.backward()
"""
)
DENSITIES = {
    "of a Normal": "Normal(m, torch.exp(0.5 * s)).log_prob(z).sum(1).mean()",
    "of a MultivariateNormal": "MultivariateNormal(m, torch.diag_embed(torch.exp(s))).log_prob(z).mean()",
    "by hand": "-0.5 * (np.log(2 * np.pi) + s + (z - m) ** 2 / s.exp()).sum(1).mean()",
}


@pytest.mark.parametrize("density", DENSITIES.values(), ids=DENSITIES)
def test_the_density_of_a_dreamed_latent_is_no_kl(density: str, tmp_path: Path) -> None:
    text = SLEEP.format(of="net.back(z)", density=density)
    assert codes(linted(tmp_path, {"net.py": text})) == []


@pytest.mark.parametrize("density", DENSITIES.values(), ids=DENSITIES)
def test_the_density_of_a_draw_that_is_independent_is_the_exchanged_kl(density: str, tmp_path: Path) -> None:
    text = SLEEP.format(of="picture", density=density)
    assert codes(linted(tmp_path, {"net.py": text})) == ["VAE306"]


TRIED = (
    HEAD
    + """

class Forecast(nn.Module):
    def __init__(self, seen=11, done=3):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(seen + done, 64), nn.ReLU(), nn.Linear(64, 2))

    def loss(self, x, done, reward):
        m, s = self.net(torch.cat([x, done], -1)).chunk(2, -1)
        return 0.5 * ((m - reward) ** 2 * torch.exp(-s) + s).mean()


def attempt():
    net = Forecast()
    loss = net.loss(torch.randn(16, 11), torch.randn(16, 3), torch.randn(16, 1))
    loss.backward()
"""
)


def test_the_density_of_what_stands_for_data_is_no_kl(tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": TRIED})
    assert codes(report) == []
    assert not any({"VAE301", "VAE306"} & set(each.clean) for each in report.judgements)


STARTED = """

class Painter(nn.Module):
    def __init__(self):
        super().__init__()
        self.paint = nn.Linear(5, 84)
        self.to_m, self.to_s = nn.Linear(84, 84), nn.Linear(84, 84)

    def forward(self, z):
        canvas = torch.zeros(len(z), 84)
        for _ in range(3):
            canvas = canvas + self.paint({given})
        return self.to_m(canvas), self.to_s(canvas)


def attempt(z):
    painter = Painter()
    m, s = painter(z)
    picture = torch.randn(16, 84)
    loss = (0.5 * (m - picture) ** 2 * torch.exp(-s) + 0.5 * s).sum(1).mean()
    loss.backward()
"""


@pytest.mark.parametrize(("given", "found"), [("torch.ones(16, 5)", []), ("z", ["VAE306"])])
def test_what_layers_make_of_numbers_alone_is_no_mean(given: str, found: list[str], tmp_path: Path) -> None:
    """A picture that is painted from numbers, beside one that is drawn, is of a network that is only tried out."""
    assert codes(linted(tmp_path, {"net.py": HEAD + STARTED.format(given=given)})) == found
