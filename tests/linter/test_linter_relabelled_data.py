"""Pictures whose colours are moved by a view before any model sees them: in a data set, or in arrays of a file."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import FORWARD, HEAD, MODEL, codes, linted

DATA = (
    HEAD
    + """
import numpy as np
from PIL import Image
from torchvision import transforms


def batches(arrays, size):
    arrays = {of_arrays}
    for at in range(0, len(arrays), size):
        yield torch.from_numpy(arrays[at : at + size]).float() / 255


class Faces(torch.utils.data.Dataset):
    def __init__(self, paths):
        self.paths = paths

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, at):
        face = Image.open(self.paths[at]).convert("RGB").resize((64, 48))
        face = np.array(face) / 255
        return {of_one}
"""
    + MODEL
    + FORWARD
    + """
class Seen(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d({colours}, 8, 4, 4)

    def forward(self, arrays):
        return [self.first(batch) for batch in batches(arrays, 16)]
"""
)
ARRAYS, ONE = "np.transpose(arrays, (0, 3, 1, 2))", "face.transpose(2, 0, 1)"


@pytest.mark.parametrize(
    ("of_arrays", "of_one", "found"),
    [
        (ARRAYS, ONE, False),
        (ARRAYS, "torch.tensor(face).permute(2, 0, 1)", False),
        (ARRAYS, "transforms.functional.to_tensor(face).view(3, 48, 64)", False),
        (ARRAYS, "face.reshape(48 * 64, 3)", False),
        (ARRAYS, "face.reshape(3, 64, 3)", False),
        ("arrays.reshape(arrays.shape[0], arrays.shape[1], arrays.shape[2], arrays.shape[3])", ONE, False),
        (ARRAYS, "face.reshape(3, 48, 64).astype('float32')", True),
        (ARRAYS, "torch.tensor(face - 0.5).float().view(3, 48, 64)", True),
        ("arrays.reshape(arrays.shape[0], arrays.shape[3], arrays.shape[1], arrays.shape[2])", ONE, True),
        ("np.reshape(arrays, (arrays.shape[0], arrays.shape[-1], arrays.shape[1], arrays.shape[2]))", ONE, True),
    ],
)
def test_colours_that_a_view_moves_are_named_in_the_data(
    of_arrays: str, of_one: str, found: bool, tmp_path: Path
) -> None:
    text = DATA.format(of_arrays=of_arrays, of_one=of_one, colours=3)
    assert codes(linted(tmp_path, {"faces.py": text})) == (["VAE101"] if found else [])


def test_a_single_colour_stays_where_it_is(tmp_path: Path) -> None:
    moved = "arrays.reshape(arrays.shape[0], arrays.shape[3], arrays.shape[1], arrays.shape[2])"
    text = DATA.format(of_arrays=moved, of_one=ONE, colours=1)
    assert codes(linted(tmp_path, {"faces.py": text})) == []
