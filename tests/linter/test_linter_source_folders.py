"""Packages in `src`, as they are imported once the project is installed: scripts next to that folder find them."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import FORWARD, HEAD, MODEL, codes, joined, linted

TRAIN = (
    HEAD
    + """
from pack.models import Net


def bound(y, x, m, s):
    return F.mse_loss(y, x, reduction="sum") {sign} 0.5 * torch.sum(m.pow(2) + s.exp() - 1 - s)


def train(rows):
    net = Net()
    for x in DataLoader(rows, batch_size=12):
        y, m, s = net(x)
        bound(y, x, m, s).backward()
"""
)
PLACES = {"at the top": "train.py", "in a folder": "scripts/train.py", "deeper": "tools/one/train.py"}


def files(train: str, sources: str, sign: str) -> dict[str, str]:
    return {
        f"{sources}/pack/__init__.py": "",
        f"{sources}/pack/models/__init__.py": "from .net import Net\n",
        f"{sources}/pack/models/net.py": HEAD + MODEL + FORWARD,
        train: TRAIN.format(sign=sign),
    }


@pytest.mark.parametrize("train", PLACES.values(), ids=PLACES)
def test_a_package_in_the_folder_of_sources_is_found(train: str, tmp_path: Path) -> None:
    right = linted(tmp_path / "right", files(train, "src", "+"))
    assert codes(right) == []
    assert joined(right)
    assert codes(linted(tmp_path / "wrong", files(train, "src", "-"))) == ["VAE302"]


def test_a_package_in_another_folder_is_not_taken_for_it(tmp_path: Path) -> None:
    assert not joined(linted(tmp_path, files("scripts/train.py", "other/src", "+")))


def test_what_lies_next_to_the_script_goes_first(tmp_path: Path) -> None:
    made = files("scripts/train.py", "src", "+")
    made["scripts/pack/__init__.py"] = ""
    made["scripts/pack/models.py"] = "Net = None\n"
    assert not joined(linted(tmp_path, made))


def test_a_library_in_the_folder_of_sources_is_not_followed(tmp_path: Path) -> None:
    """Its evaluation would take the steps that the project has for its own files."""
    made = files("scripts/train.py", "src", "-")
    for number in range(250):
        made[f"src/pack/parts/part{number}.py"] = "SIZE = 3\n"
    assert not joined(linted(tmp_path, made))
