"""A model that some code trains, and that other files run: what they run of it need not be what is trained."""

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


# The same, trained by a function of the file, by a method, or by code that is not read.
OWN = TRAINING[: TRAINING.index("    def training_step")].replace("pl.LightningModule", "nn.Module")
LOOP = """
def fit(loader):
    net = Seq()
    optimizer = torch.optim.Adam(net.parameters())
    for x in loader:
        loss = net.{step}
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
METHOD = """    def train_on(self, x, optimizer):
        loss = self.{step}
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""


@pytest.mark.parametrize("trained", ["\n" + LOOP, METHOD])
@pytest.mark.parametrize(
    ("drawn", "step", "found"),
    [
        ("rsample", "shared(x)", []),
        ("sample", "shared(x)", ["VAE206"]),
        ("rsample", "forward(x)[0]", ["VAE206"]),
    ],
)
def test_what_is_shown_is_not_what_a_loop_trains(
    drawn: str, step: str, found: list[str], trained: str, tmp_path: Path
) -> None:
    files = {"training.py": OWN.format(drawn=drawn) + trained.format(step=step), "show.py": SHOWN}
    assert codes(linted(tmp_path, files)) == found


@pytest.mark.parametrize(("drawn", "found"), [("rsample", []), ("sample", ["VAE206"])])
def test_one_of_two_draws_is_open_where_no_training_is_read(drawn: str, found: list[str], tmp_path: Path) -> None:
    report = linted(tmp_path, {"training.py": OWN.format(drawn=drawn), "show.py": SHOWN})
    assert codes(report) == found
    assert not any("VAE206" in vae.clean for vae in report.vaes)
