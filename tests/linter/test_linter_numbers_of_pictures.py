"""ToTensor divides bytes by 255 and leaves floats as they are: which of them a data set has is read, or open."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import FIT, HEAD, LAYERS, LAYERS_FORWARD, codes, linted

_SET = """
import cv2
from einops import rearrange
from PIL import Image
from torchvision import transforms
import torchvision.transforms.functional as TF
from numpy import float32 as single

WIDE = np.float64


class Pictures(Dataset):
    def __init__(self, files, change=None):
        self.files, self.change, self.stored = files, {change}, np.load("pictures.npz")["x"]
        self.kind = wanted(files)

    def __len__(self):
        return len(self.files)

    def __getitem__(self, index):
        path = self.files[index]
        return {picture}


fit(DataLoader(Pictures(["a.png"]), batch_size=5))
"""
_FOLDER = """
from torchvision import transforms
from torchvision.datasets import ImageFolder
from sharpening import Sharpened


class Floats:
    def __call__(self, picture):
        return np.asarray(picture, dtype="float32")


fit(DataLoader(ImageFolder("x", transform=transforms.Compose([STEP, transforms.ToTensor()])), batch_size=5))
"""
_SQUASHED = {
    "[0, 1]": LAYERS.replace("nn.Linear(7, 84)", "nn.Sequential(nn.Linear(7, 84), nn.Sigmoid())"),
    "[-1, 1]": LAYERS.replace("nn.Linear(7, 84)", "nn.Sequential(nn.Linear(7, 84), nn.Tanh())"),
}
_ALONE, _COMPOSED = "transforms.ToTensor()", "transforms.Compose([transforms.ToTensor()])"
BYTES = {
    "a picture": "self.change(Image.open(path))",
    "an array of one": "self.change(np.array(Image.open(path)))",
    "an array of bytes": "self.change(np.array(Image.open(path)).astype(np.uint8))",
    "floats that are bytes again": "self.change(np.array(Image.open(path)).astype(np.float32).astype(np.uint8))",
    "by cv2": "self.change(cv2.imread(path))",
    "in another order": "self.change(cv2.cvtColor(cv2.imread(path), cv2.COLOR_BGR2RGB)[:, ::-1].copy())",
    "a picture again": "self.change(Image.fromarray(np.array(Image.open(path)).astype(np.uint8)))",
    "a picture of a file": "self.change(Image.fromarray(np.load(path)))",
    "a picture of a mode": 'self.change(Image.fromarray(np.load(path), mode="RGB"))',
    "a picture as colours": 'self.change(Image.fromarray(self.stored[index]).convert("L"))',
    "bytes by a function": "self.change(Image.fromarray(np.uint8(self.stored[index])))",
    "bytes of a file": 'self.change(np.load(path).astype("u1"))',
    "by a function": "TF.to_tensor(Image.open(path))",
}
OTHERS = {
    "astype": "self.change(np.array(Image.open(path)).astype(np.float32))",
    "astype by a name": 'self.change(np.array(Image.open(path)).astype("float64"))',
    "a dtype": "self.change(np.array(Image.open(path), dtype=np.float32))",
    "a dtype by place": "self.change(np.asarray(Image.open(path), float))",
    "a short name": 'self.change(np.array(Image.open(path)).astype("f4"))',
    "a name of the module": "self.change(np.array(Image.open(path)).astype(WIDE))",
    "an imported name": "self.change(np.array(Image.open(path)).astype(single))",
    "integers": "self.change(np.array(Image.open(path)).astype(np.int64))",
    "a constructor": "self.change(np.float32(Image.open(path)))",
    "a quotient": "self.change(np.array(Image.open(path)) / 1)",
    "with axes moved": "self.change(np.transpose(np.array(Image.open(path)).astype(np.float32), (1, 0, 2)))",
    "clipped": "self.change(np.clip(np.array(Image.open(path)).astype(np.float32), 0, 255))",
    "a picture of floats": 'self.change(Image.open(path).convert("F").resize((12, 7)))',
    "by cv2": "self.change(cv2.imread(path).astype(np.float32))",
    "rows of them": "self.change(cv2.imread(path).astype(np.float32)[:, :, 0])",
    "by a function": "TF.to_tensor(np.array(Image.open(path)).astype(np.float32))",
}
ANY = {
    "floats of a file": "self.change(self.stored[index].astype(np.float32))",
    "a file": "self.change(np.load(path))",
    "what is computed": "self.change(2 * self.stored[index] - 1.0)",
    "a type that is not read": "self.change(np.array(Image.open(path)).astype(self.kind))",
    "a product with a number": "self.change(np.array(Image.open(path)) * 1.0)",
    "floats behind a function": "self.change(sharpened(np.load(path).astype(np.float32)))",
    "floats on one way": "self.change(np.float32(Image.open(path)) if self.kind else np.array(Image.open(path)))",
    "axes by their names": 'self.change(rearrange(np.load(path), "c h w -> h w c"))',
    "a picture of a mode": 'self.change(Image.fromarray(np.load(path)).convert("F"))',
    "by a function": "TF.to_tensor(np.load(path))",
    "with axes moved": "self.change(np.load(path).transpose(2, 0, 1))",
    "with axes swapped": "self.change(np.ascontiguousarray(np.swapaxes(np.load(path), 0, 1)))",
    "stacked": "self.change(np.stack([np.load(path)] * 3, axis=-1))",
    "turned": "self.change(np.fliplr(np.load(path)))",
    "resized": "self.change(cv2.resize(np.load(path), (12, 7)))",
    "without NaN": "self.change(np.nan_to_num(np.load(path)))",
    "a choice": "self.change(np.where(np.load(path) > 0, np.load(path), 0))",
    "a grey picture of floats": "self.change(Image.fromarray(np.load(path).astype(np.float32)))",
    "logarithms": "self.change(np.log1p(np.load(path)))",
}


def _text(picture: str, decoder: str, change: str) -> str:
    return HEAD + _SQUASHED[decoder] + LAYERS_FORWARD + FIT + _SET.format(picture=picture, change=change)


@pytest.mark.parametrize("change", [_ALONE, _COMPOSED], ids=["alone", "composed"])
@pytest.mark.parametrize("decoder", _SQUASHED)
@pytest.mark.parametrize("picture", BYTES.values(), ids=BYTES)
def test_bytes_lie_in_0_and_1_behind_it(picture: str, decoder: str, change: str, tmp_path: Path) -> None:
    expected = [] if decoder == "[0, 1]" else ["VAE403"]
    assert codes(linted(tmp_path, {"net.py": _text(picture, decoder, change)})) == expected


@pytest.mark.parametrize("change", [_ALONE, _COMPOSED], ids=["alone", "composed"])
@pytest.mark.parametrize("picture", OTHERS.values(), ids=OTHERS)
def test_other_numbers_of_bytes_stay_in_0_and_255(picture: str, change: str, tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"net.py": _text(picture, "[0, 1]", change)})) == ["VAE104"]


@pytest.mark.parametrize("change", [_ALONE, _COMPOSED], ids=["alone", "composed"])
@pytest.mark.parametrize("decoder", _SQUASHED)
@pytest.mark.parametrize("picture", ANY.values(), ids=ANY)
def test_where_other_arrays_lie_is_open(picture: str, decoder: str, change: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": _text(picture, decoder, change)})
    assert codes(report) == []
    assert not {"VAE104", "VAE403"} & {code for judgement in report.judgements for code in judgement.clean}


# What a step before ToTensor makes of the pictures of a folder: bytes, floats, or what nobody knows.
STEPS = {
    "an array": ("np.array", True),
    "bytes": ("transforms.Lambda(lambda picture: np.asarray(picture, dtype=np.uint8))", True),
    "floats by a lambda": ("transforms.Lambda(lambda picture: np.array(picture, dtype=np.float32))", False),
    "floats by a function": ("np.float32", False),
    "floats by an object": ("Floats()", False),
    "another library": ("Sharpened()", None),
}


@pytest.mark.parametrize(("step", "bytes_"), STEPS.values(), ids=STEPS)
def test_a_step_before_it_may_change_the_kind_of_numbers(step: str, bytes_: bool | None, tmp_path: Path) -> None:
    text = HEAD + _SQUASHED["[0, 1]"] + LAYERS_FORWARD + FIT.replace("for x in", "for x, _ in") + _FOLDER
    report = linted(tmp_path, {"net.py": text.replace("STEP", step)})
    assert codes(report) == (["VAE104"] if bytes_ is False else [])
    cleared = {code for judgement in report.judgements for code in judgement.clean}
    assert {"VAE104", "VAE403"} <= cleared if bytes_ else not {"VAE104", "VAE403"} & cleared
