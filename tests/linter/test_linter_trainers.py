"""A trainer of a library runs the step of the model that a script has configured, on the data that it is given."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import codes, linted

MODEL = """
import pytorch_lightning as pl
import torch
import torch.nn.functional as F
from torch import nn


class Lit(pl.LightningModule):
    def __init__(self, seen, beta):
        super().__init__()
        self.seen, self.beta = seen, beta
        self.to_m, self.to_s, self.back = nn.Linear(784, 11), nn.Linear(784, 11), nn.Linear(11, 784)

    def training_step(self, batch{index}):
        x = batch[0].flatten(1)
        m, s = self.to_m(x), self.to_s(x)
        z = m + torch.exp(0.5 * s) * torch.randn_like(s)
        error = F.binary_cross_entropy(torch.sigmoid(self.back(z)), x) * self.seen
        kl = ({half}(s.exp() + m ** 2 - 1 - s)).sum(-1).mean()
        return error + self.beta * kl

    def configure_optimizers(self):
        return torch.optim.Adam(self.{optimized}, lr=1e-3)
"""
SCRIPT = """
import pytorch_lightning as pl
from model import Lit
from torch.utils.data import DataLoader
from torchvision import transforms
from torchvision.datasets import MNIST

net = Lit(28 * 28, {beta})
pictures = MNIST("pictures", transform={transform})


class Pictures(pl.LightningDataModule):
    def train_dataloader(self):
        return DataLoader(pictures, batch_size=17)


trainer = pl.Trainer(max_epochs=3)
trainer.fit({given})
"""
SCALED = "transforms.ToTensor()"
SHIFTED = "transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.5,), (0.5,))])"


def named(
    tmp_path: Path,
    *,
    half: str = "0.5 * ",
    beta: str = "1.0",
    given: str = "net, DataLoader(pictures)",
    transform: str = SCALED,
    index: str = ", batch_idx",
    optimized: str = "parameters()",
) -> list[str]:
    model = MODEL.format(half=half, index=index, optimized=optimized)
    script = SCRIPT.format(beta=beta, given=given, transform=transform)
    return codes(linted(tmp_path, {"model.py": model, "train.py": script}))


@pytest.mark.parametrize("index", [", batch_idx", "", ", batch_idx, optimizer_idx=0"])
@pytest.mark.parametrize("given", ["net, DataLoader(pictures)", "model=net, train_dataloaders=DataLoader(pictures)"])
def test_the_factor_beside_a_weight_that_the_script_sets_to_one(given: str, index: str, tmp_path: Path) -> None:
    assert named(tmp_path, half="", given=given, index=index) == ["VAE303"]


@pytest.mark.parametrize(("half", "beta"), [("0.5 * ", "1.0"), ("", "0.5"), ("0.5 * ", "4.0"), ("", "2.0 / 58")])
def test_a_weight_of_another_value_is_chosen(half: str, beta: str, tmp_path: Path) -> None:
    assert named(tmp_path, half=half, beta=beta) == []


@pytest.mark.parametrize(
    "given",
    ["net, DataLoader(pictures)", "net, Pictures()", "net, datamodule=Pictures()", "model=net, datamodule=Pictures()"],
)
def test_the_data_that_are_given_are_those_of_the_step(given: str, tmp_path: Path) -> None:
    assert named(tmp_path, given=given, transform=SHIFTED) == ["VAE403"]
    assert named(tmp_path, given=given) == []


def test_something_else_that_is_fitted_is_left_alone(tmp_path: Path) -> None:
    assert named(tmp_path, given="pictures") == []
    assert named(tmp_path, given="") == []
