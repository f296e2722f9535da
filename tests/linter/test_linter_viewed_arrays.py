"""Pictures that a view makes of an array, before anything hands them out: how its axes stand is seen nowhere."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, codes, linted

from vae_checked.linter import LintReport

SCRIPT = (
    HEAD
    + """
import numpy as np
from torch.utils.data import TensorDataset


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.down = nn.Sequential(nn.Conv2d({colours}, 8, 4, 2, 1), nn.ReLU(), nn.Flatten())
        self.to_m, self.to_s, self.back = nn.Linear(1920, 7), nn.Linear(1920, 7), nn.Linear(7, 1920)
        self.up = nn.Sequential(nn.Unflatten(1, (8, 12, 20)), nn.ConvTranspose2d(8, {colours}, 4, 2, 1), nn.Sigmoid())

    def forward(self, x):
        h = self.down(x)
        m, s = self.to_m(h), self.to_s(h)
        return self.up(self.back(m + torch.exp(0.5 * s) * torch.randn_like(m))), m, s


{made}
net = Net()
optimizer = torch.optim.Adam(net.parameters())
for (x,) in DataLoader(TensorDataset(torch.tensor(data, dtype=torch.float32)), batch_size=12):
    y, m, s = net(x)
    loss = F.binary_cross_entropy(y, x, reduction="sum") - 0.5 * torch.sum(1 + s - m.pow(2) - s.exp())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
{shown}
"""
)
VIEWED = {
    "by a method": "data = np.load('a.npy')\ndata = data.reshape(-1, 3, 24, 40)",
    "with the number of pictures": "data = np.load('a.npy')\ndata = data.reshape(len(data), 3, 24, 40)",
    "by a function": "data = np.reshape(np.load('a.npy') / 255, (-1, 3, 24, 40))",
    "in parts": "parts = [np.load(name)[:, 0].reshape(-1, 3, 24, 40) for name in 'abc']\ndata = np.concatenate(parts)",
    "one by one": "data = np.stack([each.reshape(3, 24, 40) for each in np.load('a.npy')])",
    "of a tensor": "data = torch.load('a.pt').view(-1, 3, 24, 40)",
    "in a function": "def read():\n    return np.load('a.npy').reshape(-1, 3, 24, 40)\n\n\ndata = read()",
}
KEPT = {
    "as it is": "data = np.load('a.npy')",
    "moved": "data = np.load('a.npy').transpose(0, 3, 1, 2)",
    "in rows": "data = np.load('a.npy')\nrows = data.reshape(len(data), -1)",
}


def _read(folder: Path, made: str, colours: int = 3, shown: str = "") -> LintReport:
    return linted(folder, {"net.py": SCRIPT.format(made=made, colours=colours, shown=shown)})


def _clean(report: LintReport) -> set[str]:
    return {code for each in report.vaes for code in each.clean}


@pytest.mark.parametrize("made", VIEWED.values(), ids=VIEWED)
def test_axes_of_an_array_that_is_viewed_as_pictures_are_left_open(made: str, tmp_path: Path) -> None:
    report = _read(tmp_path, made)
    assert codes(report) == []
    assert _clean(report).isdisjoint(("VAE101", "VAE102", "VAE103"))
    assert "VAE201" in _clean(report)


@pytest.mark.parametrize("made", KEPT.values(), ids=KEPT)
def test_axes_of_an_array_that_is_not_viewed_so_are_right(made: str, tmp_path: Path) -> None:
    assert {"VAE101", "VAE102", "VAE103"} <= _clean(_read(tmp_path, made))


def test_a_single_colour_stands_anywhere(tmp_path: Path) -> None:
    made = "data = np.load('a.npy').reshape(-1, 1, 24, 40)"
    assert {"VAE101", "VAE102", "VAE103"} <= _clean(_read(tmp_path, made, colours=1))


@pytest.mark.parametrize("shown", ["pictures = net(x)[0].view(-1, 3, 24, 40)", "pictures = x.reshape(-1, 3, 24, 40)"])
def test_what_is_shown_is_no_array_that_is_taken_in(shown: str, tmp_path: Path) -> None:
    assert {"VAE101", "VAE102", "VAE103"} <= _clean(_read(tmp_path, KEPT["as it is"], shown=shown))
