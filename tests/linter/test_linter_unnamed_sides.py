"""What a loss compares by names that do not say what it is: with one number a sample there is no mean over elements."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import codes, linted

LOSS = """
import torch
import torch.nn.functional as F
from torch import nn


class Reward(nn.Module):
    def forward(self, **kwargs):
        mu, logvar = kwargs["means"], kwargs["logvars"]
        kl = 0.5 * torch.sum(mu.pow(2) + logvar.exp() - 1 - logvar)
        return F.mse_loss(kwargs["{first}"]{flat}, kwargs["{second}"]{flat}) + kl
"""


@pytest.mark.parametrize(
    ("first", "second", "flat", "found"),
    [
        ("near", "far", "", ["VAE504"]),
        ("reconstruction", "far", "", ["VAE502", "VAE504"]),
        ("near", "image", "", ["VAE502", "VAE504"]),
        ("near", "far", ".view(-1, 784)", ["VAE502", "VAE504"]),
    ],
)
def test_elements_of_a_sample_are_named_or_seen(
    first: str, second: str, flat: str, found: list[str], tmp_path: Path
) -> None:
    report = linted(tmp_path, {"loss.py": LOSS.format(first=first, second=second, flat=flat)})
    assert codes(report) == found
    of_batch = next(finding for finding in report.findings if finding.code == "VAE504")
    assert ("proportional to the batch size" in of_batch.evidence) == ("VAE502" not in found)
