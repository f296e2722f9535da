"""What files of settings cost: each parameter is looked for by its own name in them, and no class is made in itself."""

from __future__ import annotations

from pathlib import Path

import pytest
from counted import calls_of

from vae_checked.linter import lint

MODEL = """
import torch
import torch.nn as nn
import torch.nn.functional as F


class {name}(nn.Module):
    def __init__(self, encoder, judge, rate, width, beta):
        super().__init__()
        self.encoder, self.judge = encoder, judge
        self.to_m, self.to_s, self.back = nn.Linear(33, 7), nn.Linear(33, 7), nn.Linear(7, 84)

    def forward(self, x):
        h = self.encoder(x)
        m, s = self.to_m(h), self.to_s(h)
        return self.back(m + torch.exp(0.5 * s) * torch.randn_like(s)), m, s

    def training_step(self, batch, index):
        y, m, s = self.forward(batch)
        loss = F.mse_loss(y, batch, reduction="sum") - 0.5 * torch.sum(1 + s - m.pow(2) - s.exp())
        return loss
"""
# Each model stands in a file of its own; or the parts of one are named in it, itself and the other among them.
SETTINGS = {
    "a file for each": {
        "conf/model/plain.yaml": "_target_: plain.Plain\nwidth: 7\n",
        "conf/model/other.yaml": "_target_: other.Other\nwidth: 7\n",
    },
    "one in another": {
        "conf/config.yaml": "encoder:\n  _target_: other.Other\njudge:\n  _target_: plain.Plain\n",
    },
}


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_settings_do_not_multiply_what_is_read(settings: dict[str, str], tmp_path: Path) -> None:
    for name in ("plain", "other"):
        (tmp_path / f"{name}.py").write_text(MODEL.format(name=name.title()))
    lint([tmp_path])
    alone = calls_of(lambda: lint([tmp_path]))
    for path, text in settings.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    assert calls_of(lambda: lint([tmp_path])) < 4 * alone
