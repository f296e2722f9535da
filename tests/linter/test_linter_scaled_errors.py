"""Errors that are summed over some axes of a sample and averaged over others: a constant scale, or one by the batch."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import PICTURE_LAYERS, linted

from vae_checked.finding import Severity

TEXT = (
    """\
import torch
import torch.nn as nn
import torch.nn.functional as F


class Net(nn.Module):
"""
    + PICTURE_LAYERS
    + """
    def forward(self, x):
        h = self.back(x)
        m, s = self.mu(h), self.logvar(h)
        z = m + torch.exp(0.5 * s) * torch.randn_like(s)
        return self.out(z).view(-1, 3, 20, 28), m, s


def train(loader):
    net = Net()
    optimizer = torch.optim.Adam(net.parameters())
    for x, _ in loader:
        y, m, s = net(x)
        each = {each}
        kl = {kl}
        loss = each.{reduced} + kl
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
)
MEAN = "(-0.5 * (1 + s - m ** 2 - s.exp()).sum(1)).mean()"
SUM = "-0.5 * (1 + s - m ** 2 - s.exp()).sum()"
EACH = {"an operator": "(y - x) ** 2", "a function": 'F.mse_loss(y, x, reduction="none")'}
CONSTANT = {
    "colours, then pixels": ("sum(1).mean()", MEAN),
    "pixels, then colours": ("mean(dim=(2, 3)).sum(1).mean()", MEAN),
    "colours averaged": ("mean(1).sum((1, 2)).mean()", MEAN),
    "all added up": ("mean(dim=(2, 3)).sum()", SUM),
}
BY_BATCH = {
    "batch summed, sample averaged": ("sum(dim=0).mean()", MEAN),
    "batch and colours summed": ("sum(dim=(0, 1)).mean()", MEAN),
    "added up beside a mean": ("mean(dim=(2, 3)).sum()", MEAN),
}


@pytest.mark.parametrize("each", EACH.values(), ids=EACH)
@pytest.mark.parametrize(("reduced", "kl"), CONSTANT.values(), ids=CONSTANT)
def test_a_constant_scale_is_a_warning_that_says_so(reduced: str, kl: str, each: str, tmp_path: Path) -> None:
    (finding,) = linted(tmp_path, {"net.py": TEXT.format(each=each, reduced=reduced, kl=kl)}).findings
    assert (finding.code, finding.severity) == ("VAE501", Severity.WARNING)
    assert "neither the sum nor the mean" in finding.message


@pytest.mark.parametrize("each", EACH.values(), ids=EACH)
@pytest.mark.parametrize(("reduced", "kl"), BY_BATCH.values(), ids=BY_BATCH)
def test_a_scale_of_each_batch_is_an_error(reduced: str, kl: str, each: str, tmp_path: Path) -> None:
    (finding,) = linted(tmp_path, {"net.py": TEXT.format(each=each, reduced=reduced, kl=kl)}).findings
    assert (finding.code, finding.severity) == ("VAE501", Severity.ERROR)
    assert "not the sum" in finding.message


@pytest.mark.parametrize("reduced", ["sum((1, 2, 3)).mean()", "sum(1).sum((1, 2)).mean()"])
def test_a_sum_over_a_sample_is_clean(reduced: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": TEXT.format(each="(y - x) ** 2", reduced=reduced, kl=MEAN)})
    assert report.findings == ()
    assert "VAE501" in {code for vae in report.vaes for code in vae.clean}
