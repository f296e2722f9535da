"""Pictures that a data set hands out by a name which labels have as well: `target`, `source`, `jpg`."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import codes, linted

from vae_checked.reports import all_examined

TEXT = """\
import cv2
import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL
from PIL import Image
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms


class Pairs(Dataset):
    def __init__(self, paths):
        self.paths = paths
        self.plain = transforms.Compose([transforms.Resize(72), transforms.ToTensor()])
        self.mapped = transforms.Compose([transforms.Resize(72), transforms.ToTensor(), transforms.Normalize(0.5, 0.5)])

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, index):
        left = Image.open(self.paths[index][0]).convert("RGB")
        right = Image.open(self.paths[index][1]).convert("RGB")
        by_hand = cv2.cvtColor(cv2.imread(self.paths[index][2]), cv2.COLOR_BGR2RGB)
        return dict({name}={made}, kind=self.paths[index][3])


def train(paths, model, optimizer):
    vae = AutoencoderKL.from_pretrained("stabilityai/sd-vae-ft-ema")
    vae.requires_grad_(False)
    for batch in DataLoader(Pairs(paths), batch_size=6):
        with torch.no_grad():
            z = vae.encode(batch["{asked}"]).latent_dist.sample() * 0.18215
        noise = torch.randn_like(z)
        loss = F.mse_loss(model(z + noise), noise)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
NAMES = ("image", "target", "source", "jpg", "gt", "hr")
WRONG = {"plain": "self.plain(right)", "by hand": "by_hand.astype(np.float32) / 255.0"}
RIGHT = {"mapped": "self.mapped(right)", "by hand": "by_hand.astype(np.float32) / 127.5 - 1.0"}
OPEN = {"a label": "self.paths[index][3]", "an unread call": "prepare(right)"}


def _judged(folder: Path, name: str, made: str, asked: str = "") -> tuple[list[str], set[str]]:
    report = linted(folder, {"fit.py": TEXT.format(name=name, made=made, asked=asked or name)})
    return codes(report), {code for each in all_examined(report) for code in each.clean}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("made", WRONG.values(), ids=WRONG)
def test_pictures_on_another_scale_are_named_whatever_they_are_called(made: str, name: str, tmp_path: Path) -> None:
    assert _judged(tmp_path, name, made)[0] == ["VAE704"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("made", RIGHT.values(), ids=RIGHT)
def test_pictures_on_the_scale_of_the_vae_are_clean(made: str, name: str, tmp_path: Path) -> None:
    found, clean = _judged(tmp_path, name, made)
    assert found == []
    assert "VAE704" in clean


@pytest.mark.parametrize("made", OPEN.values(), ids=OPEN)
def test_what_is_no_picture_that_was_read_is_left_open(made: str, tmp_path: Path) -> None:
    found, clean = _judged(tmp_path, "target", made)
    assert found == []
    assert "VAE704" not in clean


@pytest.mark.parametrize("asked", ["mask", "hint", "other"])
def test_another_entry_is_left_open(asked: str, tmp_path: Path) -> None:
    found, clean = _judged(tmp_path, "target", "self.plain(right)", asked)
    assert found == []
    assert "VAE704" not in clean
