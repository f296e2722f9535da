"""A model that a step of its own trains, and that other files run: what they run of it need not be what is trained."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, codes, linted

TRAINING = (
    HEAD
    + """import lightning.pytorch as pl
from torch.distributions import Normal, kl_divergence


class Seq(pl.LightningModule):
    def __init__(self):
        super().__init__()
        self.to_m, self.to_s, self.back = nn.Linear(84, 7), nn.Linear(84, 7), nn.Linear(7, 84)

    def kl(self, m, std):
        return kl_divergence(Normal(m, std), Normal(torch.zeros_like(m), torch.ones_like(std))).sum(-1)

    def judged(self, x, z, m, std):
        return (((self.back(z) - x) ** 2).sum(-1) + self.kl(m, std)).mean()

    def forward(self, x):
        m, std = self.to_m(x), torch.exp(self.to_s(x) / 2)
        loss = self.judged(x, Normal(m, std).sample(), m, std)
        return loss, {{"loss": loss}}

    def shared(self, x):
        m, std = self.to_m(x), torch.exp(self.to_s(x) / 2)
        return self.judged(x, Normal(m, std).{drawn}(), m, std)

    def training_step(self, batch, index):
        return self.{step}

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters())
"""
)
SHOWN = """import torch
from training import Seq


def report(windows, other):
    model = Seq.load_from_checkpoint("one.ckpt")
    for w in windows:
        loss, parts = model(w.unsqueeze(0))
        _, kl = other.kl_divergence(w)
"""


@pytest.mark.parametrize(
    ("drawn", "step", "found"),
    [
        ("rsample", "shared(batch)", []),
        ("sample", "shared(batch)", ["VAE206"]),
        ("rsample", "forward(batch)[0]", ["VAE206"]),
        ("rsample", "forward(batch)[1]", ["VAE206"]),
    ],
)
def test_what_is_shown_of_a_model_is_not_what_its_step_trains(
    drawn: str, step: str, found: list[str], tmp_path: Path
) -> None:
    files = {"training.py": TRAINING.format(drawn=drawn, step=step), "show.py": SHOWN}
    assert codes(linted(tmp_path, files)) == found
