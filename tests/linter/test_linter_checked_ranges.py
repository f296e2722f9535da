"""Checks of data, as `assert x.max() <= 1`: whoever passes them has data that lie there, whatever else was read."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, LAYERS, LAYERS_FORWARD, codes, linted

SCENE = (
    HEAD
    + "from torchvision.io import read_image\n"
    + LAYERS.replace("84", "91")
    + LAYERS_FORWARD
    + """

class Pictures(Dataset):
    def __init__(self, paths):
        self.paths = paths

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, index):
        x = read_image(self.paths[index]).float().flatten()
        {in_set}
        return x


def fit(paths):
    net = Net()
    optimizer = torch.optim.Adam(net.parameters())
    for x in DataLoader(Pictures(paths), 16):
        {in_loop}
        y, m, s = net(x)
        y = torch.sigmoid(y)
        loss = F.mse_loss(y, x, reduction="sum") - 0.5 * torch.sum(1 + s - m.pow(2) - s.exp())
        {behind}
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
)
PASSED = {
    "the largest": "assert x.max() <= 1",
    "of all": "assert (x <= 1.0).all(), 'scale them'",
    "both ends": "assert 0 <= x.min() and x.max() <= 1",
    "as a number": "assert float(x.max()) < 1.01",
    "by an error": "if x.max() > 1:\n            raise ValueError(x)",
    "in one comparison": "assert 0 <= x.max() <= 1",
}
KEPT = {
    "the least": "assert x.min() >= 0",
    "bytes": "assert x.max() <= 255",
    "the shape": "assert x.shape[-1] == 91 and x.dim() < 3",
    "how many": "assert len(x) <= 16",
}


def found(folder: Path, in_set: str = "pass", in_loop: str = "pass", behind: str = "pass") -> list[str]:
    return codes(linted(folder, {"net.py": SCENE.format(in_set=in_set, in_loop=in_loop, behind=behind)}))


@pytest.mark.parametrize("check", PASSED.values(), ids=PASSED)
def test_data_that_pass_a_check_lie_where_that_says(check: str, tmp_path: Path) -> None:
    assert found(tmp_path, in_set=check) == []
    assert found(tmp_path, in_loop=check) == []


@pytest.mark.parametrize("check", KEPT.values(), ids=KEPT)
def test_a_check_that_bytes_pass_says_nothing_of_them(check: str, tmp_path: Path) -> None:
    assert found(tmp_path, in_set=check) == ["VAE104"]
    assert found(tmp_path, in_loop=check) == ["VAE104"]


def test_a_check_of_what_is_decoded_says_nothing_of_the_data(tmp_path: Path) -> None:
    assert found(tmp_path, behind="assert y.max() <= 1") == ["VAE104"]
