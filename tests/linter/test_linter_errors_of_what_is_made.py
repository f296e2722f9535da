"""Errors beside a reconstruction, of what is made of its output: edges, features, what a critic says of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, codes, joined, linted

from vae_checked.linter import LintReport

NET = (
    HEAD
    + """
class Net(nn.Module):
    def __init__(self, critic, options):
        super().__init__()
        self.up, self.to_m, self.to_s = nn.Linear(84, 33), nn.Linear(33, 7), nn.Linear(33, 7)
        self.back, self.again = nn.Sequential(nn.Linear(7, 84), nn.Sigmoid()), nn.Linear(84, 84)
        self.seen, self.label = nn.Linear(84, 20), nn.Linear(7, 84)
        self.features = nn.ModuleList([nn.Linear(84, 15), nn.Linear(15, 14), nn.Linear(14, 13), nn.Linear(13, 12)])
        self.critic, self.options = nn.Linear(84, 1), options

    def step(self, x, labels, optimizer):
        m, s = self.to_m(self.up(x)), self.to_s(self.up(x))
        z = m + torch.exp(0.5 * s) * torch.randn_like(s)
        y = self.back(z)
        kl = -0.5 * torch.sum(1 + s - m.pow(2) - s.exp(), dim=1).mean()
        error = F.mse_loss(y, x, reduction="none").{reduced}.mean()
        {further}
        loss = error {by} 0.3 * further + self.options.beta * kl
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
)
EDGES = "further = F.l1_loss(y[:, 1:] - y[:, :-1], x[:, 1:] - x[:, :-1])"
LAYERS = """seen, wanted, further = y, x, 0.0
        for layer in self.features:
            seen, wanted = layer(seen), layer(wanted)
            further = further + F.l1_loss(seen, wanted.detach())"""
SPECTRUM = "further = F.l1_loss(torch.fft.rfft(y).abs(), torch.fft.rfft(x).abs())"
# What is made of the output and compared with something else than the data, each with another reduction.
MADE = {
    "edges": EDGES,
    "its mean": "further = F.mse_loss(y.mean(1), x.mean(1))",
    "spectra": SPECTRUM,
    "features": "further = F.mse_loss(self.seen(y), self.seen(x))",
    "features of each of four layers": LAYERS,
    "what a critic says": "further = F.binary_cross_entropy_with_logits(self.critic(y), torch.ones(len(y), 1))",
    "what a critic says, smoothed": (
        "further = F.binary_cross_entropy_with_logits(self.critic(y), torch.ones(len(y), 1) * self.options.real)"
    ),
    "edges where they are wanted": f"further = 0.0\n        if self.options.edges > 0:\n            {EDGES}",
}
OF_BALANCE = {"VAE501", "VAE502"}


def _report(tmp_path: Path, further: str, reduced: str = "sum(dim=1)", by: str = "+") -> LintReport:
    return linted(tmp_path, {"net.py": NET.format(further=further, reduced=reduced, by=by)})


@pytest.mark.parametrize("further", MADE.values(), ids=MADE)
def test_what_is_made_of_an_output_leaves_its_balance(further: str, tmp_path: Path) -> None:
    report = _report(tmp_path, further)
    assert codes(report) == []
    assert joined(report)
    [vae] = report.vaes
    assert vae.core_checked
    assert {"VAE401", "VAE402", *OF_BALANCE} <= set(vae.clean)


@pytest.mark.parametrize("further", MADE.values(), ids=MADE)
def test_a_mean_beside_what_is_made_of_an_output_is_named(further: str, tmp_path: Path) -> None:
    report = _report(tmp_path, further, "mean(dim=1)")
    assert not report.findings
    [vae] = report.vaes
    assert "VAE502" not in vae.clean
    unweighted = {
        "net.py": NET.format(further=further, reduced="mean(dim=1)", by="+").replace("self.options.beta * ", "")
    }
    assert codes(linted(tmp_path / "unweighted", unweighted)) == ["VAE502"]


# A second reconstruction, and what is decoded beside the output, have a balance of their own.
SECOND = {
    "the output again": "further = F.l1_loss(y, x)",
    "a refined output": "further = F.mse_loss(self.again(y), x)",
    "another output": "further = F.mse_loss(self.label(z), x)",
}


@pytest.mark.parametrize("further", SECOND.values(), ids=SECOND)
def test_a_second_reconstruction_is_not_called_balanced(further: str, tmp_path: Path) -> None:
    report = _report(tmp_path, further)
    assert codes(report) == []
    assert not any(OF_BALANCE & set(vae.clean) for vae in report.vaes)


def test_what_is_taken_away_leaves_the_sign_open(tmp_path: Path) -> None:
    assert "VAE505" in _report(tmp_path / "added", EDGES).vaes[0].clean
    assert "VAE505" not in _report(tmp_path / "taken", EDGES, by="-").vaes[0].clean
