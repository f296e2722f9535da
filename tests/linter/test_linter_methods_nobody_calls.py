"""Methods of a trainer that nothing is seen to call: what they change is not what it trains on."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, LAYERS_FORWARD, SQUASHED, codes, linted

TRAINER = (
    HEAD
    + SQUASHED
    + LAYERS_FORWARD
    + """

class Rows(Dataset):
    def __init__(self, path):
        self.rows = {rows}

    def scale(self):
        self.rows = (self.rows - np.min(self.rows)) / (np.max(self.rows) - np.min(self.rows))

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, place):
        return self.rows[place]


class Trainer:
    def __init__(self):
        self.data = Rows("rows.npy")
        self.net = Net()
        self.optimizer = torch.optim.Adam(self.net.parameters())

    def prepare(self):
        {change}

    def step(self, x):
        out, m, s = self.net(x)
        kl = -0.5 * torch.sum(1 + s - m.pow(2) - s.exp())
        loss = F.binary_cross_entropy(out, x, reduction="sum") + kl
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()

    def fit(self):
        for x in DataLoader(self.data, batch_size=31):
            self.step(x)


{calls}
"""
)
READ, UNIT = "np.load(path)", "np.clip(np.load(path), 0, 1)"
SCALED, SHIFTED = "self.data.scale()", "self.data.rows = self.data.rows * 2 - 1"
MADE = "trainer = Trainer()\n"


def trained(rows: str, change: str, calls: str) -> str:
    return TRAINER.format(rows=rows, change=change, calls=calls)


@pytest.mark.parametrize("calls", [f"{MADE}trainer.fit()", f"{MADE}trainer.fit()\ntrainer.prepare()", ""])
def test_data_that_a_method_may_scale_are_not_known(calls: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"train.py": trained(READ, SCALED, calls)})
    assert not codes(report)
    assert [facts.data.interval for facts in report.facts if facts.kl.reduced] == [None]


def test_data_that_a_method_shifts_before_training_are_named(tmp_path: Path) -> None:
    calls = f"{MADE}trainer.prepare()\ntrainer.fit()"
    assert "VAE403" in codes(linted(tmp_path, {"train.py": trained(UNIT, SHIFTED, calls)}))


@pytest.mark.parametrize("calls", [f"{MADE}trainer.fit()", f"{MADE}trainer.fit()\ntrainer.prepare()"])
def test_data_that_no_call_shifts_before_training_are_right(calls: str, tmp_path: Path) -> None:
    assert not codes(linted(tmp_path, {"train.py": trained(UNIT, SHIFTED, calls)}))


def test_data_that_training_itself_shifts_are_named(tmp_path: Path) -> None:
    source = trained(UNIT, SHIFTED, "").replace("def fit(self):", "def fit(self):\n        self.prepare()")
    assert "VAE403" in codes(linted(tmp_path, {"train.py": source}))
