"""Heads that are bounded where a layer makes them: whoever draws with one reads it as the KL does."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, LAYERS, codes, linted

from vae_checked.linter import lint

BOUNDED = """\
import torch
import torch.nn as nn
import torch.nn.functional as F
import pytorch_lightning as pl


class Net(pl.LightningModule):
    def __init__(self):
        super().__init__()
        self.to_m, self.to_s, self.back = nn.Linear(33, 7), nn.Linear(33, 7), nn.Linear(7, 33)

    def heads(self, x):
        return self.to_m(x), {bound}

    def forward(self, x):
        m, s = self.heads(x)
        return self.back(m + {drawn} * torch.randn_like(s))

    def training_step(self, x, place):
        m, s = self.heads(x)
        y = self.back(m + s * torch.randn_like(s))
        error = F.mse_loss(y, x, reduction="none").sum(1)
        return (error + 0.5 * torch.sum(m.pow(2) + s.pow(2) - 1 - 2 * s.log(), dim=1)).mean()

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters())
"""


@pytest.mark.parametrize("bound", ["self.to_s(x).clamp(min=1e-6)", "F.softplus(self.to_s(x))", "self.to_s(x).abs()"])
@pytest.mark.parametrize(("drawn", "expected"), [("s", []), ("torch.exp(s / 2)", ["VAE201", "VAE204"])])
def test_a_bounded_head_is_read_alike_wherever_it_is_drawn_with(
    bound: str, drawn: str, expected: list[str], tmp_path: Path
) -> None:
    path = tmp_path / "net.py"
    path.write_text(BOUNDED.format(bound=bound, drawn=drawn), encoding="utf-8")
    assert sorted({finding.code for finding in lint([path]).findings}) == expected


GUARDED = (
    HEAD
    + """
to_m, to_s, back = nn.Linear(84, 7), nn.Linear(84, 7), nn.Linear(7, 84)


def step(x):
    m, s = to_m(x), to_s(x)
    y = back(m + {std} * torch.randn_like(s))
    kl = -0.5 * torch.sum(1 + s - m.pow(2) - s.exp())
    (F.mse_loss(y, x, reduction="sum") + kl).backward()
"""
)


@pytest.mark.parametrize(
    ("std", "expected"),
    [
        ("torch.exp(0.5 * s).clamp(0.01, 2.0)", []),
        ("torch.exp(0.5 * s.clamp(-4, 1))", []),
        ("torch.exp(s).clamp(0.01, 2.0)", ["VAE201"]),
        ("torch.exp(0.5 * s).clamp(max=0.4)", ["VAE201"]),
    ],
)
def test_a_std_that_is_kept_from_extremes_is_read_alike(std: str, expected: list[str], tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"net.py": GUARDED.format(std=std)})) == expected


OTHER_ENCODER = """

class Soft(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(84, 7), nn.Linear(84, 7)

    def forward(self, x):
        return F.softmax(self.first(x), dim=1), self.second(x)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.back = Soft(), nn.Linear(7, 84)

    def forward(self, x):
        {unpacked} = self.encoder(x)
        return self.back(m + torch.exp(0.5 * s) * torch.randn_like(s)), m, s

    def loss(self, x):
        y, m, s = self(x)
        return F.mse_loss(y, x, reduction="sum") - 0.5 * torch.sum(1 + s - m.pow(2) - s.exp())
"""


@pytest.mark.parametrize(
    ("unpacked", "expected"), [("m, s", ["VAE204"]), ("m, s, *_", ["VAE204"]), ("m, s, h", []), ("a, m, s, h", [])]
)
def test_parts_that_a_tuple_lacks_are_of_another_encoder(unpacked: str, expected: list[str], tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"net.py": HEAD + OTHER_ENCODER.format(unpacked=unpacked)})) == expected


# A model that decodes its mean: its heads are known by their KL alone.
DECODED_MEAN = (
    HEAD
    + "from torch.distributions import Normal, kl_divergence\n"
    + LAYERS
    + """
    def forward(self, x):
        m, s = {mean}, self.to_s(x)
        std = torch.exp(s)
        q, p = Normal(m, std), Normal(torch.zeros_like(m), torch.ones_like(std))
        return self.back(m), {kl}
"""
)


@pytest.mark.parametrize(
    ("kl", "others"),
    [
        ("kl_divergence(q, p).sum(1).mean()", []),
        ("kl_divergence(p, q).sum(1).mean()", ["VAE306"]),
        ("0.5 * ((p.mean - m) ** 2 + std ** 2 - 1 - 2 * s).sum(1).mean()", []),
    ],
)
@pytest.mark.parametrize(("mean", "expected"), [("F.relu(self.to_m(x))", ["VAE204"]), ("self.to_m(x)", [])])
def test_a_mean_is_the_same_head_when_0_is_compared_with_it(
    kl: str, others: list[str], mean: str, expected: list[str], tmp_path: Path
) -> None:
    report = linted(tmp_path, {"net.py": DECODED_MEAN.format(mean=mean, kl=kl)})
    assert codes(report) == sorted((*expected, *others))
    assert all("m in [0, inf)" in each.message for each in report.findings if each.code == "VAE204")
