"""A validation that asks a model which was handed in by one of its methods: of one VAE, as the training is."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import ENCODING_FORWARD, HEAD, LAYERS, codes, linted

from vae_checked.linter import LintReport

MODEL = HEAD + LAYERS + ENCODING_FORWARD
TASK = (
    "import lightning.pytorch as pl\n"
    + HEAD
    + """

class Task(pl.LightningModule):
    def __init__(self, settings, net):
        super().__init__()
        self.settings, self.net = settings, net

    def training_step(self, batch, number):
        y, m, s = {trained}
        kl = (-0.5 * (1 + s - m**2 - torch.exp(s)).sum(dim=1)).mean(dim=0)
        return F.mse_loss(y, batch) {sign} self.settings.beta * kl

    def validation_step(self, batch, number):
        y, m, s = {validated}
        kl = (-0.5 * (1 + s - m**2 - torch.exp(s)).sum(dim=1)).mean(dim=0)
        loss = F.mse_loss(y, batch) + self.settings.beta * kl
        self.log("loss", loss)
        return y, loss

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=1e-3)
"""
)
MAIN = """
import lightning.pytorch as pl
from net import Net
from task import Task


def main(settings, loader):
    pl.Trainer().fit(Task(settings, Net()), loader)
"""
CALLED = "self.net.forward(batch)"


def _report(
    tmp_path: Path, *, std: str = "torch.exp(0.5 * s)", sign: str = "+", trained: str = CALLED, validated: str = CALLED
) -> LintReport:
    task = TASK.format(trained=trained, sign=sign, validated=validated)
    return linted(tmp_path, {"net.py": MODEL.format(std=std), "task.py": task, "main.py": MAIN})


@pytest.mark.parametrize("trained", [CALLED, "self.net(batch)"])
@pytest.mark.parametrize("validated", [CALLED, "self.net(batch)"])
def test_a_part_asked_by_a_method_is_validated_as_one(trained: str, validated: str, tmp_path: Path) -> None:
    report = _report(tmp_path, trained=trained, validated=validated)
    assert codes(report) == []
    assert [vae.core_checked for vae in report.vaes] == [True]


def test_what_is_wrong_of_a_part_asked_by_a_method_is_named(tmp_path: Path) -> None:
    assert codes(_report(tmp_path / "sign", sign="-")) == ["VAE302"]
    assert codes(_report(tmp_path / "std", std="torch.exp(s)")) == ["VAE201"]


def test_a_validation_of_what_another_method_gives_is_no_repetition(tmp_path: Path) -> None:
    assert not any(vae.core_checked for vae in _report(tmp_path, validated="self.net.sides(batch)").vaes)
