"""Division into whole parts is the floor of a quotient, however it is written: its range is known."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import FORWARD, HEAD, MODEL, codes, linted

SCENE = (
    HEAD
    + "from torchvision import transforms\n"
    + MODEL
    + FORWARD
    + """

def train(folder):
    pictures = torchvision.datasets.FakeData(size=9, transform=transforms.ToTensor())
    model = Net()
    optimizer = torch.optim.Adam(model.parameters())
    for x, _ in DataLoader(pictures, batch_size=32):
        x = x.flatten(1)
        few = {few}
        y, m, s = model(x)
        loss = F.binary_cross_entropy(y, {target}, reduction="sum") - 0.5 * torch.sum(1 + s - m.pow(2) - s.exp())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
)
SPELLINGS = (
    "255 * x // 16 / 15",
    "torch.floor_divide(255 * x, 16) / 15",
    "torch.floor(255 * x / 16) / 15",
    "torch.div(255 * x, 16, rounding_mode='floor') / 15",
)


@pytest.mark.parametrize("few", SPELLINGS)
@pytest.mark.parametrize(("target", "expected"), [("few", []), ("2 * few - 1", ["VAE403"])])
def test_pictures_of_few_levels_lie_where_pictures_do(
    few: str, target: str, expected: list[str], tmp_path: Path
) -> None:
    assert codes(linted(tmp_path, {"train.py": SCENE.format(few=few, target=target)})) == expected
