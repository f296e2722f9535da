"""The letters of a specification: sizes that the model gives back, where it gives back any."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vae_checked.auditor import audit
from vae_checked.auditor.check import put, stages_for
from vae_checked.laws import LAWS


class Strided(nn.Module):
    """A VAE that halves each side twice, and returns what is a multiple of four."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.down = nn.Sequential(nn.Conv2d(3, 8, 4, 2, 1), nn.Tanh(), nn.Conv2d(8, 10, 4, 2, 1))
        self.up = nn.Sequential(nn.ConvTranspose2d(5, 8, 4, 2, 1), nn.Tanh(), nn.ConvTranspose2d(8, 3, 4, 2, 1))

    def forward(self, x: Tensor) -> Any:
        mu, logvar = self.down(x).chunk(2, dim=1)
        return self.up(mu + torch.exp(logvar / 2) * torch.randn_like(mu)), mu, logvar


def strided_loss(x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    recon = F.mse_loss(x_hat, x, reduction="none").sum(dim=(1, 2, 3))
    return (recon + 0.5 * (mu.square() + logvar.exp() - 1 - logvar).sum(dim=(1, 2, 3))).mean()


@pytest.mark.parametrize("loss", [None, strided_loss])
def test_letters_stand_for_sizes_that_the_model_gives_back(loss: Any) -> None:
    staged = stages_for(Strided(), "B 3 H W", loss)
    height, width = staged.event[1:]
    assert (height % 4, width % 4) == (0, 0)
    assert height != width
    found = {law.name: put(law, staged) for law in LAWS}
    assert [name for name, outcome in found.items() if outcome.violation is not None] == []
    held = {name for name, outcome in found.items() if outcome.reason is None}
    assert {"decoder-shape", "reconstruction-shape", "posterior-shape"} <= held
    report = audit(Strided(), "B 3 H W", loss)
    assert [finding.code for finding in report.findings] == []
    assert any("no multiples of 4 it is not given back" in line for line in report.recognised)


def test_a_model_that_gives_back_no_size_is_run_at_those_that_were_drawn() -> None:
    class Cut(Strided):
        def forward(self, x: Tensor) -> Any:
            x_hat, mu, logvar = super().forward(x)
            return x_hat[..., :-1], mu, logvar

    sizes = stages_for(Cut(), "B 3 H W").event[1:]
    assert len(set(sizes)) == 2
    assert all(size % 2 for size in sizes)
