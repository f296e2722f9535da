"""The mean and the variance of the entries of one tensor are no heads, whatever formula is made of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, LAYERS, linted

# What holds all entries of a value together at N(0, I), not halved.
WRITTEN = [
    "mean, var = h.mean(), h.var()\n    return var + mean**2 - 1 - torch.log(var + 1e-7)",
    "mean, var = torch.mean(h, dim=0), torch.var(h, dim=0)\n    return (var + mean**2 - 1 - torch.log(var)).sum()",
    "mean, std = h.mean(0), h.std(0)\n    return (std**2 + mean**2 - 1 - 2 * torch.log(std)).sum()",
    "var, mean = torch.var_mean(h, dim=0)\n    return (var + mean**2 - 1 - torch.log(var)).sum()",
    "mean, s = h.mean(0), torch.log(h.var(0))\n    return (s.exp() + mean**2 - 1 - s).sum()",
]
AT_NORMAL = """

def at_normal(h):
    {written}

"""
MODULE = (
    HEAD
    + AT_NORMAL
    + LAYERS
    + """
    def forward(self, x):
        m, s = self.to_m(x), self.to_s(x)
        z = {drawn}
        return self.back(z), m, s, z


def fit(loader):
    net = Net()
    optimizer = torch.optim.Adam(net.parameters())
    for x in loader:
        y, m, s, z = net(x)
        error = F.mse_loss(y, x, reduction="none").sum(1).mean()
        loss = error + {term}
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
)
DRAWN = "m + torch.exp(0.5 * s) * torch.randn_like(m)"
KL = "(-0.5 * (1 + s - m.pow(2) - s.exp())).sum(1).mean()"
DENOISER = (
    HEAD
    + AT_NORMAL
    + """
class Denoiser(nn.Module):
    def __init__(self):
        super().__init__()
        self.one = nn.Conv2d(3, 3, 5, padding=2)

    def forward(self, x):
        return self.one(x)


def fit(loader):
    net = Denoiser()
    optimizer = torch.optim.Adam(net.parameters())
    for x in loader:
        noise = torch.randn_like(x)
        guess = net(0.8 * x + 0.6 * noise)
        loss = F.mse_loss(guess, noise) + at_normal(guess)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
)


@pytest.mark.parametrize("written", WRITTEN)
def test_moments_of_a_guess_are_no_kl(written: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": DENOISER.format(written=written)})
    assert report.findings == ()
    (facts,) = report.facts
    assert facts.kl.factor is None
    assert facts.kl.form is None


@pytest.mark.parametrize("written", WRITTEN)
def test_moments_of_codes_make_no_vae_of_an_autoencoder(written: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": MODULE.format(written=written, drawn="m", term="at_normal(m)")})
    assert report.findings == ()
    assert "0 VAEs examined" in report.summary


@pytest.mark.parametrize("term", ["at_normal(z)", "at_normal(y)"])
@pytest.mark.parametrize("written", WRITTEN)
def test_moments_next_to_a_kl_leave_it_checked(term: str, written: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": MODULE.format(written=written, drawn=DRAWN, term=f"{KL} + {term}")})
    assert report.findings == ()
    assert "1 VAE examined: sampler, KL and loss checked in 1" in report.summary


@pytest.mark.parametrize("written", WRITTEN)
def test_moments_next_to_a_kl_with_a_wrong_sign_leave_it_named(written: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": MODULE.format(written=written, drawn=DRAWN, term=f"at_normal(z) - {KL}")})
    assert [finding.code for finding in report.findings] == ["VAE302"]


@pytest.mark.parametrize("written", WRITTEN)
def test_moments_alone_are_no_kl_of_what_is_drawn(written: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": MODULE.format(written=written, drawn=DRAWN, term="at_normal(z)")})
    assert report.findings == ()
    assert "sampler, KL and loss checked in 0" in report.summary


def test_a_mean_drawn_without_noise_is_named_next_to_its_kl(tmp_path: Path) -> None:
    module = MODULE.format(written=WRITTEN[0], drawn="m", term=f"{KL} + at_normal(y)")
    assert [finding.code for finding in linted(tmp_path, {"net.py": module}).findings] == ["VAE207"]
