"""Posteriors whose std is no head: a mean, noise of one width around it, and the square of the mean for the KL."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, codes, linted

from vae_checked.facts import Facts
from vae_checked.linter import LintReport

TRAINING = (
    HEAD
    + """

class Net(nn.Module):
    def __init__(self, width=0.3):
        super().__init__()
        self.width = width
        self.to_m = nn.Sequential(nn.Linear(84, 33), nn.ReLU(), nn.Linear(33, 7))
        self.back = nn.Sequential(nn.Linear(7, 84), nn.Sigmoid())

    def forward(self, x):
        m = self.to_m(x)
        {drawn}
        return self.back(z), m, s


def fit(loader):
    net = Net()
    optimizer = torch.optim.Adam(net.parameters())
    for x in loader:
        y, m, s = net(x)
        loss = {error}(y, x, reduction="sum") + {kl}
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
)
DRAWN = {
    "of a log variance of zeros": (
        "s = torch.zeros_like(m)\n        z = m + torch.exp(0.5 * s) * torch.randn_like(m)",
        "-0.5 * torch.sum(1 + s - m ** 2 - s.exp())",
    ),
    "of a number": ("s = None\n        z = torch.randn_like(m) + m", "0.5 * m.pow(2).sum(1).mean()"),
    "of a setting": ("s = None\n        z = m + self.width * torch.randn_like(m)", "0.5 * (m * m).sum()"),
}


def _training(name: str, error: str = "F.binary_cross_entropy") -> str:
    drawn, kl = DRAWN[name]
    return TRAINING.format(drawn=drawn, kl=kl, error=error)


def _told(report: LintReport) -> list[Facts]:
    return [each for each in report.facts if each.sampler.timing and each.kl.unread and each.recon.kind]


@pytest.mark.parametrize("name", DRAWN)
def test_noise_of_one_width_the_square_and_the_error_are_one_vae(name: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"train.py": _training(name)})
    assert len(_told(report)) == 1
    assert codes(report) == []
    assert not any({"VAE201", "VAE301", "VAE303", "VAE305"} & set(each.clean) for each in report.judgements)


@pytest.mark.parametrize("name", DRAWN)
def test_what_is_wrong_of_what_is_decoded_is_named(name: str, tmp_path: Path) -> None:
    text = _training(name, error="F.binary_cross_entropy_with_logits")
    assert codes(linted(tmp_path, {"train.py": text})) == ["VAE401"]


@pytest.mark.parametrize("name", DRAWN)
def test_one_draw_for_the_batch_is_named(name: str, tmp_path: Path) -> None:
    text = _training(name).replace("torch.randn_like(m)", "torch.randn(1, 7)")
    assert codes(linted(tmp_path, {"train.py": text})) == ["VAE203"]


OTHERS = {
    "noise around the data": (
        "s = x + 0.1 * torch.randn_like(x)\n        z, m = self.to_m(s), self.to_m(s)",
        "m.pow(2).sum()",
    ),
    "noise as wide as the data": (
        "s = x.std(1, keepdim=True)\n        z = m + s * torch.randn_like(m)",
        "m.pow(2).sum()",
    ),
    "noise of another law": ("s = None\n        z = m + torch.rand_like(m)", "m.pow(2).sum()"),
    "noise without the square": ("s = None\n        z = m + torch.randn_like(m)", "m.abs().sum()"),
    "noise that is not decoded": ("s = m + torch.randn_like(m)\n        z = m", "m.pow(2).sum() + s.pow(2).sum()"),
}


@pytest.mark.parametrize(("drawn", "kl"), OTHERS.values(), ids=OTHERS)
def test_other_noise_makes_no_vae(drawn: str, kl: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"train.py": TRAINING.format(drawn=drawn, kl=kl, error="F.binary_cross_entropy")})
    assert not _told(report)
    assert codes(report) == []


def test_noise_that_is_added_to_a_draw_is_no_second_posterior(tmp_path: Path) -> None:
    drawn = "s = self.to_m(x).clamp(-5, 5)\n        w = m + torch.exp(0.5 * s) * torch.randn_like(m)\n        {rest}"
    rest = "z, m = w + 0.1 * torch.randn_like(m), w"
    kl = "torch.sum(0.5 * m ** 2)"
    report = linted(
        tmp_path,
        {"train.py": TRAINING.format(drawn=drawn.format(rest=rest), kl=kl, error="F.binary_cross_entropy")},
    )
    assert not _told(report)


@pytest.mark.parametrize(("target", "number"), [("x", 1), ("m.repeat(1, 12)", 0)])
def test_an_error_against_the_mean_itself_is_no_reconstruction(target: str, number: int, tmp_path: Path) -> None:
    text = _training("of a number").replace("(y, x, ", f"(y, {target}, ")
    assert len(_told(linted(tmp_path, {"train.py": text}))) == number


def test_a_mean_with_heads_of_its_own_has_no_second_posterior(tmp_path: Path) -> None:
    """The square of the mean is a part of a KL that is read, beside a draw that adds noise of one width."""
    layers = "self.to_m = nn.Sequential(nn.Linear(84, 33), nn.ReLU(), nn.Linear(33, 7))"
    drawn = "s = self.to_s(x)\n        z = m + {std} * torch.randn_like(m)"
    kl = "-0.5 * torch.sum(1 + s - m ** 2 - s.exp())"
    text = TRAINING.format(drawn=drawn, kl=kl, error="F.binary_cross_entropy")
    text = text.replace(layers, f"{layers}\n        self.to_s = nn.Linear(84, 7)")
    for std, number in (("0.3", 0), ("torch.exp(0.5 * s)", 0)):
        assert len(_told(linted(tmp_path / std[:3], {"train.py": text.replace("{std}", std)}))) == number
