"""A model that maps what it is given by itself: a latent that it is handed is none that was mapped as if pixels."""

from __future__ import annotations

from pathlib import Path

import pytest

from vae_checked.linter import lint

TEXT = """\
import torch
from torch import nn
from diffusers import AutoencoderKL


class Reference(nn.Module):
    def __init__(self, width=24, centred=False):
        super().__init__()
        self.body, self.centred = nn.Conv2d(4, width, 3, padding=1), centred

    def forward(self, given):
        if self.centred:
            given = 2 * given - 1.0
        return self.body({inside})


def main(loader, net):
    vae, reference = AutoencoderKL.from_pretrained("somebody/a-vae"), Reference()
    vae.requires_grad_(False)
    for x in loader:
        condition = vae.encode(x * 2 - 1).latent_dist.mode()
        {outside}
        loss = (net(reference(condition)) - x).square().mean()
        loss.backward()
"""


@pytest.mark.parametrize(
    ("inside", "outside", "found"),
    [
        ("given", "pass", False),
        ("2 * given - 1", "pass", False),
        ("given", "condition = condition * 2 - 1", True),
        ("given", "condition = 2.0 * condition.float() - 1.0", True),
    ],
)
def test_what_a_model_does_to_a_latent_is_its_own(inside: str, outside: str, found: bool, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(TEXT.format(inside=inside, outside=outside), encoding="utf-8")
    assert [finding.code for finding in lint([tmp_path]).findings] == ["VAE704"] * found
