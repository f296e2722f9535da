"""Latents on the way from one to another, or the mean of several, shown once all is trained: it is read whole."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, codes, linted

from vae_checked.linter import LintReport

TRAINED = (
    HEAD
    + """

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(33, 7), nn.Linear(33, 7)
        self.back = nn.Linear(7, 33)

    def encode(self, x):
        return self.a(x), self.b(x)

    def draw(self, m, s):
        return m + WIDTH * torch.randn_like(m)

    def forward(self, x):
        m, s = self.encode(x)
        return self.back(self.draw(m, s)), m, s


def train(loader, x, other):
    net = Net()
    optimizer = torch.optim.Adam(net.parameters())
    for batch in loader:
        y, m, s = net(batch)
        kl = -0.5 * torch.sum(1 + s - m.pow(2) - s.exp())
        loss = F.mse_loss(y, batch, reduction="sum") + kl
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    m, s = net.encode(x)
    z = net.draw(m, s)
    end = net.draw(*net.encode(other))
    again = net.draw(m, s)
"""
)
SHOWN = {
    "a way": "for k in range(8):\n        net.back(z + k * (end - z) / 7)",
    "a way by weights": "for k in torch.linspace(0, 1, 8):\n        net.back((1 - k) * z + k * end)",
    "a half of the way": "net.back(z + 0.5 * (end - z))",
    "back from the end": "net.back(end - 0.5 * (end - z))",
    "the mean of two draws": "net.back((z + again) / 2)",
    "a mean over draws": "net.back(torch.stack([z, again]).mean(0))",
    "a masked latent": "net.back(z * (torch.rand_like(z) > 0.5))",
}
RIGHT, WRONG = "torch.exp(0.5 * s)", "torch.exp(s)"


def _read(folder: Path, width: str, shown: str) -> LintReport:
    return linted(folder, {"net.py": TRAINED.replace("WIDTH", width) + f"    {SHOWN[shown]}\n"})


@pytest.mark.parametrize("shown", SHOWN)
def test_what_is_shown_after_a_training_leaves_it_read_whole(shown: str, tmp_path: Path) -> None:
    report = _read(tmp_path, RIGHT, shown)
    assert codes(report) == []
    assert [{"VAE201", "VAE203", "VAE207", "VAE301", "VAE504"} <= set(each.clean) for each in report.judgements] == [
        True
    ]


@pytest.mark.parametrize("shown", SHOWN)
def test_a_variance_for_a_std_is_named_whatever_is_shown(shown: str, tmp_path: Path) -> None:
    assert codes(_read(tmp_path, WRONG, shown)) == ["VAE201"]


@pytest.mark.parametrize("trained", ["0.5 * (z + self.draw(m, s))", "z + 0.5 * (m - z)"])
def test_a_mean_of_draws_that_is_trained_is_left_open(trained: str, tmp_path: Path) -> None:
    text = TRAINED.replace("WIDTH", RIGHT).replace(
        "return self.back(self.draw(m, s)), m, s", f"z = self.draw(m, s)\n        return self.back({trained}), m, s"
    )
    report = linted(tmp_path, {"net.py": text})
    assert codes(report) == []
    assert not any("VAE201" in each.clean for each in report.judgements)
