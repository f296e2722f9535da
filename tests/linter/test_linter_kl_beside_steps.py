"""A step that a trainer differentiates for it, and a KL of the forward pass that the step only shows."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import PICTURE_LAYERS, codes, linted

from vae_checked.reports import all_examined

TEXT = (
    """\
import torch
import torch.nn as nn
import torch.nn.functional as F
import pytorch_lightning as pl


class Net(pl.LightningModule):
"""
    + PICTURE_LAYERS
    + """
    def forward(self, x):
        h = self.back(x)
        m, s = self.mu(h), self.logvar(h)
        z = m + torch.exp(0.5 * s) * torch.randn_like(s)
        kl = (-0.5 * (1 + s - m ** 2 - s.exp()).sum(1)).mean()
        {kept}
        return self.out(z).view(-1, 3, 20, 28), kl

    def training_step(self, batch, index{more}):
        x, _ = batch
        y, kl = self(x)
        error = F.mse_loss(y, x, reduction="sum") / len(x)
        {step}

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=1e-3)
{after}"""
)
LEFT_OUT = {
    "logged": 'self.log("kl", kl)\n        return error',
    "logged in a table": 'self.log_dict({"kl": kl, "error": error})\n        return error',
    "returned beside the loss": 'return {"loss": error, "kl": kl}',
    "never read": "return error",
    "logged in a sum": 'self.log("kl", kl)\n        self.log("loss", error + kl)\n        return error',
    "printed": "print(index, kl)\n        return {'loss': error}",
}
TRAINED = {
    "added": 'self.log("kl", kl)\n        return error + kl',
    "added in a table": 'return {"loss": error + kl, "kl": kl}',
    "added by a name": "loss = error + 0.5 * kl\n        return loss",
}
OPEN = {
    "handed on": "return self.total(error, kl)",
    "an unread call": "return weigh(error, kl)",
    "of another optimizer": "if turn == 0:\n            return error\n        return error + kl",
}
SHOWS = """
    def validation_step(self, batch, index):
        x, _ = batch
        y, kl = self(x)
        self.log("checked", F.mse_loss(y, x, reduction="sum") / len(x))
"""


def _judged(
    folder: Path, step: str, *, after: str = "", kept: str = "pass", more: str = ""
) -> tuple[list[str], set[str]]:
    report = linted(folder, {"net.py": TEXT.format(step=step, after=after, kept=kept, more=more)})
    return codes(report), {code for each in all_examined(report) for code in each.clean}


@pytest.mark.parametrize("after", ["", SHOWS], ids=["alone", "beside a validation"])
@pytest.mark.parametrize("step", LEFT_OUT.values(), ids=LEFT_OUT)
def test_a_kl_that_a_step_only_shows_is_named(step: str, after: str, tmp_path: Path) -> None:
    found, clean = _judged(tmp_path, step, after=after)
    assert found == ["VAE305"]
    assert "VAE305" not in clean


@pytest.mark.parametrize("after", ["", SHOWS], ids=["alone", "beside a validation"])
@pytest.mark.parametrize("step", TRAINED.values(), ids=TRAINED)
def test_a_kl_that_a_step_adds_is_clean(step: str, after: str, tmp_path: Path) -> None:
    found, clean = _judged(tmp_path, step, after=after)
    assert found == []
    assert "VAE305" in clean


@pytest.mark.parametrize("step", OPEN.values(), ids=OPEN)
def test_a_kl_that_goes_elsewhere_is_not_named(step: str, tmp_path: Path) -> None:
    assert _judged(tmp_path, step, more=", turn")[0] == []


def test_a_kl_that_an_attribute_keeps_is_not_named(tmp_path: Path) -> None:
    assert _judged(tmp_path, "return error + self.held", kept="self.held = kl")[0] == []
    assert _judged(tmp_path, "return error", kept="self.held = kl")[0] == []
