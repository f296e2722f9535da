"""A storage that is made of zeros and filled by another method: where its data lie is not known by the zeros."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import FORWARD, HEAD, KL, MODEL, joined, linted

from vae_checked.facts import Interval

STORED = (
    HEAD
    + MODEL
    + FORWARD
    + f"""

class Storage:
    def __init__(self):
        self.rows = {{made}}

    def put(self, at, row):
        self.rows[at].copy_(row)


class Trainer:
    def __init__(self):
        self.net, self.storage = Net(), Storage()
        self.optimizer = torch.optim.Adam(self.net.parameters())

    def step(self, at):
        x = self.storage.rows[at]
        y, m, s = self.net(x)
        kl = {KL}
        loss = (F.mse_loss(y, x, reduction="none").sum(1) + kl).mean()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
"""
)
MADE = {
    "torch.zeros(500, 84)": None,
    "torch.ones(500, 84)": None,
    "torch.sigmoid(torch.load('rows.pt'))": Interval(0.0, 1.0, low_open=True, high_open=True),
}


@pytest.mark.parametrize(("made", "expected"), MADE.items(), ids=MADE)
def test_what_is_filled_with_one_number_is_no_data_yet(made: str, expected: Interval | None, tmp_path: Path) -> None:
    report = linted(tmp_path, {"train.py": STORED.format(made=made)})
    found = joined(report)
    assert found
    assert {facts.data.interval and facts.data.interval.value for facts in found} == {expected}
