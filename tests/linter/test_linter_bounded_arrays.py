"""An array that a data set fills, and of which what passes a bound is set to it: the rest stays as it was."""

from __future__ import annotations

from pathlib import Path

from small_vaes.fragments import FORWARD, HEAD, MODEL, joined, linted

TEXT = (
    HEAD
    + MODEL
    + FORWARD
    + """

class Rows(Dataset):
    def __init__(self, rows):
        self.rows = rows

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        x = np.zeros(84, dtype=np.float32)
        x[:40] += self.rows[index]
        {bound}
        return x


def train(rows):
    net = Net()
    for x in DataLoader(Rows(rows), batch_size=12):
        y, m, s = net(x)
        kl = 0.5 * torch.sum(m.pow(2) + s.exp() - 1 - s)
        (F.mse_loss(y, x, reduction="sum") + kl).backward()
"""
)


def test_a_bound_is_not_all_that_an_array_holds(tmp_path: Path) -> None:
    for number, bound in enumerate(("x[x > 1] = 1.0", "x[x >= 4] = 4.0")):
        report = linted(tmp_path / str(number), {"rows.py": TEXT.format(bound=bound)})
        assert joined(report)
        ends = [facts.data.interval.value for facts in report.facts if facts.data.interval is not None]
        assert not [interval for interval in ends if interval.low == interval.high]
