"""A decoded picture that what is trained is compared with: a target has no gradient, and may be decoded without one."""

from __future__ import annotations

from pathlib import Path

import pytest

from vae_checked.linter import lint

TEXT = """\
import cv2
import torch
import torch.nn.functional as F
from omegaconf import OmegaConf
from rasters import drawn, rasters
from tables import Table


class Stage:
    def __init__(self, vae, model, kinds):
        self.vae, self.model, self.kinds = vae, model, kinds

    @torch.no_grad()
    def refined(self, noisy):
        return self.vae.decode(self.model(noisy)).sample

    def step(self, noisy, batch, camera):
        views = {{}}
        for kind in self.kinds:
            views[kind[3:]] = rasters.draw(camera, kind).permute(2, 0, 1)
        loss = F.mse_loss(self.model(noisy), noisy) + F.l1_loss({other}, self.refined(noisy))
        loss.backward()
"""


@pytest.mark.parametrize(
    ("other", "found"),
    [
        ('batch["pictures"]', True),
        ('torch.flip(batch["pictures"], (3,))', True),
        ('torch.from_numpy(cv2.imread("target.png"))', True),
        ("torch.zeros_like(noisy)", True),
        ('OmegaConf.load("weights.yaml").target * torch.zeros_like(noisy)', True),
        ("Table.from_file(noisy) + torch.zeros_like(noisy)", True),
        ('views["normals"]', False),
        ('torch.cat([views["normals"], views["colours"]]) * 2 - 1', False),
        ("drawn(camera)", False),
        ("rasters.draw(camera, 3)", False),
    ],
)
def test_what_is_compared_with_a_decoded_picture_may_be_trained(other: str, found: bool, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(TEXT.format(other=other), encoding="utf-8")
    assert [finding.code for finding in lint([tmp_path]).findings] == ["VAE705"] * found
