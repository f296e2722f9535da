"""One latent that is the mean of several draws is less wide than its posterior: nothing of it is called clean."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import codes, linted

NET = """
import torch
import torch.nn.functional as F
from torch import nn
from torch.distributions import Normal


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.first, self.second = nn.Linear(84, 33), nn.Linear(33, 7), nn.Linear(33, 7)
        self.back = nn.Linear(7, 84)

    def draw(self, mu, std):
        return mu + torch.randn_like(std) * std

    def forward(self, x):
        h = torch.relu(self.body(x))
        mu, logvar = self.first(h), self.second(h)
        std = torch.exp(0.5 * logvar)
        z = {z}
        kl = -0.5 * (1 + logvar - mu.pow(2) - logvar.exp()).sum(-1).mean()
        return {error} + kl
"""
ERROR = "F.mse_loss(self.back(z), x, reduction='none').sum(-1).mean()"
EACH = "0.5 * sum(F.mse_loss(self.back(one), x, reduction='none').sum(-1).mean() for one in z)"


@pytest.mark.parametrize(
    ("z", "error", "clean"),
    [
        ("self.draw(mu, std)", ERROR, True),
        ("0.5 * ((torch.randn_like(std) * std + mu) + (torch.randn_like(std) * std + mu))", ERROR, False),
        ("(self.draw(mu, std) + self.draw(mu, std)) / 2", ERROR, False),
        ("torch.stack([self.draw(mu, std), self.draw(mu, std), self.draw(mu, std)]).mean(0)", ERROR, False),
        ("sum(self.draw(mu, std) for _ in range(3)) / 3", ERROR, False),
        ("(self.draw(mu, std) + self.draw(mu, std) + self.draw(mu, std)) / 3", ERROR, False),
        ("Normal(mu, std).rsample((5,)).mean(0)", ERROR, False),
        ("torch.lerp(self.draw(mu, std), self.draw(mu, std), 0.5)", ERROR, False),
        ("torch.lerp(mu, self.draw(mu, std), self.share)", ERROR, False),
        ("0.5 * mu + 0.5 * self.draw(mu, std)", ERROR, False),
        ("self.draw(mu, std) + std * torch.randn_like(std)", ERROR, False),
        ("(mu + std * torch.randn(5, *std.shape)).sum(0) / 5", ERROR, False),
        ("torch.cat([self.draw(mu, std).unsqueeze(0) for _ in range(3)]).mean(0)", ERROR, False),
        ("torch.stack([self.draw(mu, std), self.draw(mu, std), self.draw(mu, std)]).median(0)[0]", ERROR, False),
        ("torch.median(torch.stack([self.draw(mu, std) for _ in range(3)]), dim=0).values", ERROR, False),
        ("torch.stack([self.draw(mu, std), self.draw(mu, std)]).amax(dim=0)", ERROR, False),
        ("torch.stack([self.draw(mu, std) for _ in range(5)]).quantile(0.5, dim=0)", ERROR, False),
        ("Normal(mu, std).rsample((5,)).max(0)[0]", ERROR, False),
        ("torch.maximum(self.draw(mu, std), self.draw(mu, std))", ERROR, False),
        ("torch.stack([self.draw(mu, std), self.draw(mu, std)])[0]", ERROR, True),
        ("self.draw(mu, std).clamp(min=-9.0)", ERROR, True),
        ("torch.where(torch.rand_like(mu) > 0.5, self.draw(mu, std), mu)", ERROR, False),
        ("(torch.rand_like(mu) > 0.5) * self.draw(mu, std) + (torch.rand_like(mu) > 0.5) * mu", ERROR, False),
        ("mu + std * torch.randn_like(std) * (torch.rand_like(std) > 0.5)", ERROR, False),
        ("mu + std * torch.randn_like(std) * torch.sign(torch.randn_like(std))", ERROR, False),
        ("torch.where(torch.rand_like(mu) > 0.5, self.draw(mu, std), torch.zeros_like(mu))", ERROR, True),
        ("self.draw(mu + torch.randn_like(mu), std)", ERROR, False),
        ("self.draw(mu, std) * (torch.rand_like(mu) > 0.5)", ERROR, True),
        ("torch.tanh(0.5 * (self.draw(mu, std) + self.draw(mu, std)))", ERROR, False),
        ("torch.lerp(self.draw(mu, std), self.draw(mu, std), 0.5).permute(0, 1)", ERROR, False),
        ("torch.relu(0.5 * mu + 0.5 * self.draw(mu, std)) * 2.0", ERROR, False),
        ("3.0 * self.draw(mu, std)", ERROR, True),
        ("torch.tanh(self.draw(mu, std)).permute(0, 1)", ERROR, True),
        ("self.draw(mu, std)", f"{ERROR} + 0.1 * ((z - mu) / std).pow(2).mean(0).sum()", True),
        ("self.draw(mu, std) + self.first.bias", ERROR, True),
        ("Normal(mu, std).rsample((1,)).squeeze(0)", ERROR, True),
        ("(self.draw(mu, std), self.draw(mu, std))", EACH, True),
    ],
)
def test_a_mean_of_draws_is_no_draw(z: str, error: str, clean: bool, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": NET.format(z=z, error=error)})
    assert codes(report) == []
    whole = [set(each.clean) for each in report.judgements if "VAE301" in each.clean]
    assert whole
    assert all({"VAE201", "VAE202"} <= each if clean else not {"VAE201", "VAE202"} & each for each in whole)


WRITTEN = {
    "a mask on eps": ("eps[torch.rand_like(eps) > 0.5] = 0.0", False),
    "a part of eps": ("eps[:, 0] = 0.0", False),
    "the first of a batch": ("eps[0] = 0.0", False),
    "a bound on std": ("std[std > 2.0] = 2.0", False),
    "nothing": ("pass", True),
}


@pytest.mark.parametrize(("line", "clean"), WRITTEN.values(), ids=WRITTEN)
def test_a_draw_that_code_writes_into_is_not_read(line: str, clean: bool, tmp_path: Path) -> None:
    whole = "return mu + torch.randn_like(std) * std"
    drawn = f"eps = torch.randn_like(std)\n        {line}\n        return mu + eps * std"
    report = linted(tmp_path, {"net.py": NET.replace(whole, drawn).format(z="self.draw(mu, std)", error=ERROR)})
    assert codes(report) == []
    judged = [set(each.clean) for each in report.judgements if "VAE301" in each.clean]
    assert judged
    assert all(("VAE202" in each) is clean for each in judged)


@pytest.mark.parametrize("bound", ["logvar = logvar.clamp(max=9.0)", "logvar[logvar > 9.0] = 9.0"])
def test_a_bound_on_a_head_that_its_kl_has_too_is_no_matter(bound: str, tmp_path: Path) -> None:
    text = NET.replace(
        "        std = torch.exp(0.5 * logvar)", f"        {bound}\n        std = torch.exp(0.5 * logvar)"
    )
    report = linted(tmp_path, {"net.py": text.format(z="self.draw(mu, std)", error=ERROR)})
    assert codes(report) == []
    whole = [set(each.clean) for each in report.judgements if "VAE301" in each.clean]
    assert whole
    assert all({"VAE201", "VAE202"} <= each for each in whole)


MASKS = (
    "(torch.rand_like(std) > 0.5)",
    "((torch.rand_like(std) > 0.5) & (torch.rand_like(std) > 0.2))",
    "((torch.rand_like(std) > 0.5) | (logvar > 0.2))",
    "((torch.rand_like(std) > 0.5) ^ (logvar > 0.2))",
    "torch.logical_xor(torch.rand_like(std) > 0.5, logvar > 0.2)",
    "torch.logical_not(torch.rand_like(std) > 0.5)",
    "torch.gt(torch.rand_like(std), 0.5)",
    "torch.rand_like(std).lt(0.5)",
    "torch.heaviside(torch.randn_like(std), torch.zeros_like(std))",
    "(torch.rand_like(std) // 0.5)",
    "torch.randint(0, 2, std.shape)",
    "torch.bernoulli(torch.rand_like(std))",
)


@pytest.mark.parametrize("mask", MASKS)
def test_a_mask_that_is_drawn_is_no_scale_however_it_is_asked(mask: str, tmp_path: Path) -> None:
    """What takes a draw's shape alone is none."""
    for factor, clean in ((mask, False), ("torch.rand_like(std).new_ones(7)", True)):
        z = f"mu + std * torch.randn_like(std) * {factor}"
        report = linted(tmp_path, {"net.py": NET.format(z=z, error=ERROR)})
        assert codes(report) == []
        whole = [set(each.clean) for each in report.judgements if "VAE301" in each.clean]
        assert whole
        assert all(("VAE202" in each) is clean for each in whole)
