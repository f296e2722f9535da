"""Items that a data set draws on a blank one: they lie where the blank lies, and where what is drawn does."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import FORWARD, HEAD, MODEL, codes, joined, linted

from vae_checked.reports import all_examined

SCENE = (
    HEAD
    + "from PIL import Image\nfrom torchvision import transforms\n"
    + MODEL
    + FORWARD
    + """

class Boards(Dataset):
    def __init__(self, files, places):
        self.files, self.places = files, places

    def __len__(self):
        return len(self.files)

    def __getitem__(self, index):
        pixels = transforms.ToTensor()(Image.open(self.files[index])).flatten()
        start, stop = self.places[index]
        board = {blank}
        {draw}
        return board, index


def train(files, places):
    model = Net()
    optimizer = torch.optim.Adam(model.parameters())
    for x, _ in DataLoader(Boards(files, places), batch_size=32):
        y, m, s = model(x)
        loss = F.mse_loss(y, x, reduction="sum") - 0.5 * torch.sum(1 + s - m.pow(2) - s.exp())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
)
ZEROS, BELOW = "torch.zeros(84)", "torch.full((84,), -1.0)"
ROWS = ("torch.zeros(7, 12)", "torch.full((7, 12), -1.0)")
DRAWN = {
    "a stretch": (ZEROS, "board[start:stop] = 1.0", []),
    "a stretch of pixels": (ZEROS, "board[start:stop] = pixels[start:stop]", []),
    "a stretch in each row": (ROWS[0], "for row in range(7):\n            board[row, start:stop] = 1.0", []),
    "one of all": (ZEROS, "board[start] = 1.0", []),
    "some of all": (ZEROS, "board[start] = 1.0\n        board[stop] = 0.5", []),
    "all": (BELOW, "board[:] = pixels", []),
    "each": (ROWS[1], "for row in range(7):\n            board[row] = pixels[row]", []),
    "a stretch on what is below": (BELOW, "board[start:stop] = 1.0", ["VAE403"]),
    "pixels on what is below": (BELOW, "board[start:stop] = pixels[start:stop]", ["VAE403"]),
    "rows on what is below": (ROWS[1], "board[2, start:stop] = pixels[start:stop]", ["VAE403"]),
    "one on what is below": (BELOW, "board[start] = 1.0", ["VAE403"]),
    "what is below on a blank": (ZEROS, "board[start:stop] = -1.0", ["VAE403"]),
}


@pytest.mark.parametrize(("blank", "draw", "found"), DRAWN.values(), ids=DRAWN)
def test_what_is_drawn_on_a_blank_lies_beside_it(blank: str, draw: str, found: list[str], tmp_path: Path) -> None:
    report = linted(tmp_path, {"train.py": SCENE.format(blank=blank, draw=draw)})
    assert joined(report)
    assert codes(report) == found
    assert any("VAE403" in vae.clean for vae in all_examined(report)) is not bool(found)
