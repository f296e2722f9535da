"""Mistakes that only the flow of values shows: each is one edit of a right module, and named by its own code alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from vae_checked.linter import lint

RIGHT = """\
import math

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader
from torchvision import datasets, transforms


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk = nn.Linear(784, 33)
        self.to_m = nn.Linear(33, 7)
        self.to_s = nn.Linear(33, 7)
        self.back = nn.Sequential(nn.Linear(7, 33), nn.ReLU(), nn.Linear(33, 784), nn.Sigmoid())

    def encode(self, x):
        h = F.relu(self.trunk(x))
        return self.to_m(h), self.to_s(h)

    def draw(self, m, s):
        std = torch.exp(0.5 * s)
        eps = torch.randn_like(std)
        return m + eps * std

    def forward(self, x):
        m, s = self.encode(x)
        return self.back(self.draw(m, s)), m, s


def objective(out, x, m, s, option):
    recon = F.binary_cross_entropy(out, x, reduction="sum")
    kl = -0.5 * torch.sum(1 + s - m.pow(2) - s.exp())
    return (recon + kl) / x.size(0)


def fit(option):
    loader = DataLoader(datasets.MNIST("data", transform=transforms.ToTensor()), batch_size=50)
    model = Net()
    optimizer = torch.optim.Adam(model.parameters())
    for x, _ in loader:
        x = x.view(-1, 784)
        out, m, s = model(x)
        loss = objective(out, x, m, s, option)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def embed(model, loader):
    return [model.encode(x.view(-1, 784))[0] for x, _ in loader]
"""

RECON = '    recon = F.binary_cross_entropy(out, x, reduction="sum")\n'
CHOICE = """\
    if option == "likelihood":
        recon = F.binary_cross_entropy(out, x, reduction="sum")
    else:
        recon = {other}
"""
KL = "kl = -0.5 * torch.sum(1 + s - m.pow(2) - s.exp())"
PIXELS = """\
    recon = F.binary_cross_entropy(out, x, reduction="none").sum(1) / int(np.prod(x.size()[1:]))
    kl = {sign}0.5 * torch.sum(1 + s - m.pow(2) - s.exp(), dim=1) / math.prod(x.shape[1:])
    return (recon + kl).mean()
"""
# The error as a mean over the pixels, the KL divided by their number, or by that of a whole batch's.
MEAN_PIXELS = """\
    recon = F.binary_cross_entropy(out, x, reduction="none").mean(1)
    kl = -0.5 * torch.sum(1 + s - m.pow(2) - s.exp(), dim=1) / math.prod({sizes})
    return (recon + kl).mean()
"""
DATA = '    loader = DataLoader(datasets.MNIST("data", transform=transforms.ToTensor()), batch_size=50)\n'
SPLIT = """\
    whole = datasets.MNIST("data", transform={transform})
    chosen, kept = torch.utils.data.random_split(whole, [50_000, 10_000])
    loader = DataLoader(chosen, batch_size=50)
"""
DIVIDED = """\
    recon = F.binary_cross_entropy(out, x, reduction="{reduction}") / x.size(0)
    kl = -0.5 * torch.sum(1 + s - m.pow(2) - s.exp(), dim=1)
    return recon + kl.mean()
"""
CAPACITY = """\
    recon = F.binary_cross_entropy(out, x, reduction="none").sum(1)
    kl = -0.5 * torch.sum(1 + s - m.pow(2) - s.exp(), dim=1)
    return recon.mean() + 30.0 * (kl.mean() - 4.0).abs()
"""
LOSS = RIGHT[RIGHT.index(RECON) : RIGHT.index("\n\ndef fit")]


SAMPLED = """\
        q = torch.distributions.Normal(m, torch.exp(0.5 * s))
        z = q.rsample()
        prior = torch.distributions.Normal(torch.zeros_like(m), torch.ones_like(m))
        recon = F.binary_cross_entropy(self.back(z), x, reduction="none").sum(1)
        loss = {loss}
        return loss.mean()
"""
RELATIVE = """\
import torch
import torch.nn as nn
import torch.nn.functional as F


class Ladder(nn.Module):
    def __init__(self):
        super().__init__()
        self.up = nn.Linear(784, 33)
        self.top, self.shift, self.spread = nn.Linear(33, 14), nn.Linear(33, 7), nn.Linear(33, 7)
        self.back = nn.Linear(7, 784)

    def forward(self, x):
        h = F.relu(self.up(x))
        mean, logvar = self.top(h).chunk(2, dim=1)
        shift, spread = self.shift(h), self.spread(h)
        z = mean + shift + torch.randn_like(mean) * torch.exp(0.5 * (logvar + spread))
        recon = F.binary_cross_entropy_with_logits(self.back(z), x, reduction="none").sum(1)
        kl = {kl}
        loss = {loss}
        return loss
"""


def codes(folder: Path, *edits: tuple[str, str], seen: bool = True) -> list[str]:
    text = RIGHT
    for old, new in edits:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    path = folder / "model.py"
    path.write_text(text, encoding="utf-8")
    report = lint([path])
    assert bool(report.subjects) is seen
    return sorted({finding.code for finding in report.findings})


def test_the_right_module_is_silent(tmp_path: Path) -> None:
    assert codes(tmp_path) == []


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("m.pow(2) - s.exp()", "m.pow(2) + s.exp()", ["VAE301"]),
        ("1 + s - m.pow(2)", "1 - s - m.pow(2)", ["VAE301"]),
        ("self.draw(m, s)", "self.draw(s, m)", ["VAE205"]),
        ("m, s = self.encode(x)\n", "m, s = self.encode(x)\n        m = F.relu(m)\n", ["VAE204"]),
        ("return m + eps * std", "return m + std", ["VAE207"]),
        ("return m + eps * std", "return m + eps + std", ["VAE207"]),
        ("return m + eps * std", "return eps + (std + m)", ["VAE207"]),
        ("return m + eps * std", "return (std + eps).add(m)", ["VAE207"]),
        ("return self.to_m(h), self", "return torch.tanh(self.to_m(h)), self", ["VAE204"]),
        ("return self.to_m(h), self.to_s(h)", "return self.to_m(h).tanh(), self.to_s(h).tanh()", ["VAE204"]),
        ("s, option):\n", "s=None, option=None):\n", []),
        (RECON, "    recon = -(x * F.log_softmax(out, dim=1)).sum()\n", ["VAE405"]),
        (RECON, "    recon = (x * F.log_softmax(out, dim=1)).sum()\n", ["VAE405", "VAE505"]),
        (KL, "kl = -0.5 * torch.mean(1 + s - m.pow(2) - s.exp())", ["VAE503", "VAE504"]),
        (RECON, CHOICE.format(other='F.mse_loss(out, x, reduction="sum")'), []),
        (RECON, CHOICE.format(other='F.binary_cross_entropy_with_logits(out, x, reduction="sum")'), ["VAE401"]),
        (RECON, CHOICE.format(other="F.mse_loss(out, x)"), ["VAE502", "VAE504"]),
        (DATA, SPLIT.format(transform="transforms.ToTensor()"), []),
        (
            DATA,
            SPLIT.format(transform="transforms.Compose([transforms.ToTensor(), transforms.Normalize(0.5, 0.5)])"),
            ["VAE403"],
        ),
        (LOSS, DIVIDED.format(reduction="sum"), []),
        (LOSS, DIVIDED.format(reduction="mean"), ["VAE502", "VAE504"]),
        (LOSS, PIXELS.format(sign="-"), []),
        (LOSS, PIXELS.format(sign="+"), ["VAE302"]),
        (LOSS, MEAN_PIXELS.format(sizes="x.shape[1:]"), []),
        (LOSS, MEAN_PIXELS.format(sizes="x.shape"), ["VAE504"]),
    ],
)
def test_one_edit(old: str, new: str, expected: list[str], tmp_path: Path) -> None:
    assert codes(tmp_path, (old, new)) == expected


def test_std_without_eps_under_a_capacity(tmp_path: Path) -> None:
    """The distance of the KL to a capacity is no reconstruction."""
    assert codes(tmp_path, (LOSS, CAPACITY)) == []
    assert codes(tmp_path, (LOSS, CAPACITY), ("return m + eps * std", "return m + std")) == ["VAE207"]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("m, s = model.encode(x)\n    z = m + torch.exp(0.5 * s)\n    return model.back(z)", ["VAE207"]),
        ("m, s = model.encode(x)\n    z = m\n    return model.back(z)", []),
        # Both ends of an error bar.
        ("m, s = model.encode(x)\n    std = torch.exp(0.5 * s)\n    return m - std, m + std", []),
    ],
)
def test_std_without_eps_beside_a_right_sampler(body: str, expected: list[str], tmp_path: Path) -> None:
    shown = f"\n\ndef show(x):\n    model = Net()\n    model(x)\n    {body}\n"
    assert codes(tmp_path, ("\n\ndef embed", f"{shown}\n\ndef embed")) == expected


@pytest.mark.parametrize(("call", "expected"), [("out, x", []), ("x, out", ["VAE404"])])
def test_arguments_are_told_apart_without_a_sampler(call: str, expected: list[str], tmp_path: Path) -> None:
    """The reconstruction is the side that is computed from the other one: here from a Gumbel-softmax sample."""
    noise = "uniform = torch.rand_like(s)\n        sample = F.softmax(s - torch.log(-torch.log(uniform)), dim=-1)\n"
    edits = [
        ("eps = torch.randn_like(std)\n", noise),
        ("return m + eps * std", "return sample"),
        ("cross_entropy(out, x", f"cross_entropy({call}"),
        (KL, "kl = torch.sum(F.softmax(s, dim=-1) * (F.log_softmax(s, dim=-1) + math.log(7)))"),
    ]
    assert codes(tmp_path, *edits) == expected


@pytest.mark.parametrize(
    ("kl", "expected"),
    [
        ("torch.sum(q * (torch.log(q + 1e-20) - torch.log(torch.tensor([1.0 / 7]))))", []),
        ("-torch.sum(q * (torch.log(q + 1e-20) - torch.log(torch.Tensor([1.0 / 7]))))", ["VAE302"]),
        ("(q * torch.log(q * 7 + 1e-10)).sum()", []),
        ("-(q * torch.log(q * 7 + 1e-10)).sum()", ["VAE302"]),
        ("torch.sum(q * q.log() + math.log(7) * q)", []),
        ("torch.sum(q * (F.log_softmax(s, dim=-1) + math.log(7)), dim=1).sum()", []),
        ("torch.sum(q * (F.log_softmax(s, dim=-1) + math.log(7)), dim=0).mean()", ["VAE503"]),
        ("torch.sum(q * (torch.log(q + 1e-20) - 1.0 / 7))", ["VAE301"]),
        ("torch.sum(q * (F.log_softmax(s, dim=-1) - 1 / option.kinds))  # 7", ["VAE301"]),
        ("torch.sum(q * (torch.log(q + 1e-20) - math.log(1.0 / 7)))", []),
        ("torch.sum(q * (torch.log(q) - torch.log(1 / option.kinds)))  # 7", []),
        # An entropy may be wanted large or small.
        ("-torch.sum(q * torch.log(q + 1e-20))", []),
        ("torch.sum(q * (torch.log(q + 1e-20) - 0.1))", []),
    ],
)
def test_categorical_posterior(kl: str, expected: list[str], tmp_path: Path) -> None:
    noise = "uniform = torch.rand_like(s)\n        sample = F.softmax(s - torch.log(-torch.log(uniform)), dim=-1)\n"
    edits = [
        ("eps = torch.randn_like(std)\n", noise),
        ("return m + eps * std", "return sample"),
        (KL, f"q = F.softmax(s, dim=-1)\n    kl = {kl}"),
    ]
    assert codes(tmp_path, *edits, seen="7" in kl) == expected


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        ("recon + (q.log_prob(z) - prior.log_prob(z)).sum(1)", []),
        ("recon - (prior.log_prob(z) - q.log_prob(z)).sum(-1)", []),
        ("recon + (prior.log_prob(z) - q.log_prob(z)).sum(1)", ["VAE302"]),
        ("recon - (q.log_prob(z) - prior.log_prob(z)).sum(-1)", ["VAE302"]),
        ("recon + (q.log_prob(z) - prior.log_prob(z)).mean(1)", ["VAE503"]),
    ],
)
def test_a_divergence_that_is_estimated_by_a_sample(loss: str, expected: list[str], tmp_path: Path) -> None:
    sampled = SAMPLED.format(loss=loss)
    forward = "        return self.back(self.draw(m, s)), m, s\n"
    step = RIGHT[RIGHT.index("\n\ndef objective") : RIGHT.index("\n\ndef embed")]
    assert codes(tmp_path, (forward, sampled), (step, "")) == expected


@pytest.mark.parametrize(
    ("kl", "loss", "expected"),
    [
        ("0.5 * (shift ** 2 / logvar.exp() + spread.exp() - spread - 1).sum(1)", "(recon + kl).mean()", []),
        ("0.5 * (1 + spread - shift ** 2 / logvar.exp() - spread.exp()).sum(1)", "(recon + kl).mean()", ["VAE302"]),
        ("-0.5 * torch.sum(1 + spread - shift ** 2 / logvar.exp() - spread.exp())", "recon.mean() + kl", ["VAE504"]),
    ],
)
def test_a_posterior_relative_to_its_prior(kl: str, loss: str, expected: list[str], tmp_path: Path) -> None:
    path = tmp_path / "ladder.py"
    path.write_text(RELATIVE.format(kl=kl, loss=loss), encoding="utf-8")
    report = lint([path])
    assert any(facts.kl.form is not None for facts in report.facts)
    assert sorted({finding.code for finding in report.findings}) == expected


@pytest.mark.parametrize(
    ("kl", "expected"),
    [
        # The latents' sums would be added to the samples by their position.
        ("torch.sum(1 + s - m.pow(2) - s.exp(), dim=0)", ["VAE304"]),
        ("torch.sum(1 + s - m.pow(2) - s.exp(), dim=1)", []),
    ],
)
def test_sums_that_do_not_belong_to_samples(kl: str, expected: list[str], tmp_path: Path) -> None:
    loss = f"""\
    recon = F.binary_cross_entropy(out, x, reduction="none").sum(1)
    kl = -0.5 * {kl}
    return (recon + 4.0 * kl).mean()
"""
    assert codes(tmp_path, (LOSS, loss)) == expected


@pytest.mark.parametrize(("sign", "expected"), [("-", []), ("", ["VAE302"])])
def test_terms_that_are_stacked_over_draws(sign: str, expected: list[str], tmp_path: Path) -> None:
    loss = f"""\
    drawn = [F.binary_cross_entropy(item, x, reduction="none") for item in [out, out]]
    recon = torch.stack(drawn, dim=0).mean(dim=0).sum(dim=1)
    kl = {sign}0.5 * torch.sum(1 + s - m.pow(2) - s.exp(), dim=1)
    return (recon + kl).mean()
"""
    assert codes(tmp_path, (LOSS, loss)) == expected


PARTS = RIGHT.partition("\n\ndef objective")[0]
TERMS = """\
import torch
import torch.nn.functional as F


def terms(recon_x, x, mu, logvar):
    recon = F.binary_cross_entropy(recon_x, x, reduction="sum")
    return recon, -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
"""
SCRIPT = """\
import torch
from torch.utils.data import DataLoader

from model import Net


def main(loader: DataLoader):
    model = Net()
    for x in loader:
        x = x.view(-1, 784)
        kl, recon = model.terms(x)
        loss = recon + kl
        loss.backward()
"""
METHOD = """

    def terms(self, x):
        m, s = self.encode(x)
        out = self.back(self.draw(m, s))
        recon = F.binary_cross_entropy(out, x, reduction="sum")
        return {sign}0.5 * torch.sum(1 + s - m.pow(2) - s.exp()), recon
"""


@pytest.mark.parametrize(
    ("edits", "expected"),
    [
        ([], []),
        ([("self.draw(mu, logvar)", "self.draw(logvar, mu)")], ["VAE205"]),
        ([("return m + eps * std", "return m + std")], ["VAE207"]),
    ],
)
def test_a_loss_in_a_file_of_its_own(edits: list[tuple[str, str]], expected: list[str], tmp_path: Path) -> None:
    model = PARTS.replace("m, s = self.encode(x)", "mu, logvar = self.encode(x)")
    model = model.replace("self.back(self.draw(m, s)), m, s", "self.back(self.draw(mu, logvar)), mu, logvar")
    for old, new in edits:
        assert model.count(old) == 1
        model = model.replace(old, new)
    (tmp_path / "model.py").write_text(model, encoding="utf-8")
    (tmp_path / "terms.py").write_text(TERMS, encoding="utf-8")
    assert sorted({finding.code for finding in lint([tmp_path]).findings}) == expected


@pytest.mark.parametrize(("sign", "expected"), [("-", []), ("", ["VAE302"])])
def test_a_script_that_only_adds_the_terms(sign: str, expected: list[str], tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text(PARTS + METHOD.format(sign=sign), encoding="utf-8")
    (tmp_path / "script.py").write_text(SCRIPT, encoding="utf-8")
    assert sorted({finding.code for finding in lint([tmp_path]).findings}) == expected
