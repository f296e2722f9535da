"""Arrays that an object makes empty and fills entry by entry: the data are what was written into them."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import FORWARD, HEAD, MODEL, codes, linted

SCENE = (
    HEAD
    + "from PIL import Image\nfrom torchvision import transforms\n"
    + MODEL
    + FORWARD
    + """

class Pictures(Dataset):
    def __init__(self, files):
        self.files = files
        self.kept = torch.zeros(len(files), 84)
        for i in range(len(files)):
            self.kept[i] = {read}

    def __len__(self):
        return len(self.files)

    def __getitem__(self, index):
        return self.kept[index]


def train(files):
    model = Net()
    optimizer = torch.optim.Adam(model.parameters())
    for x in DataLoader(Pictures(files), batch_size=32):
        y, m, s = model(x)
        loss = F.binary_cross_entropy(y, {target}, reduction="sum") - 0.5 * torch.sum(1 + s - m.pow(2) - s.exp())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
)
PIXELS = "transforms.ToTensor()(Image.open(files[i])).flatten()"


@pytest.mark.parametrize(
    ("read", "target", "expected"),
    [
        (PIXELS, "x", []),
        (PIXELS, "2 * x - 1", ["VAE403"]),
        (f"2 * {PIXELS} - 1", "x", ["VAE403"]),
        (f"2 * {PIXELS} - 1", "(x + 1) / 2", []),
        ("read(files[i])", "2 * x - 1", []),
    ],
)
def test_what_is_written_into_an_attribute_is_the_data(
    read: str, target: str, expected: list[str], tmp_path: Path
) -> None:
    assert codes(linted(tmp_path, {"train.py": SCENE.format(read=read, target=target)})) == expected
