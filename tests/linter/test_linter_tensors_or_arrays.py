"""A branch for tensors is not the one that a picture takes which a library reads, nor an array."""

from __future__ import annotations

from pathlib import Path

import pytest

from vae_checked.linter import lint

_LOOP = """\
import cv2
import numpy as np
import PIL
import torch
import torchvision
from PIL import Image
from torchvision import transforms
from diffusers import AutoencoderKL
from torch.utils.data import DataLoader, Dataset


def prepared(image):
{body}


class Pictures(Dataset):
    def __init__(self, names):
        self.names = names

    def __getitem__(self, index):
        picture = {read}
        return prepared(picture)


def main(names, net, scheduler):
    vae = AutoencoderKL.from_pretrained("stabilityai/sd-vae-ft-mse").requires_grad_(False)
    for x in DataLoader(Pictures(names)):
        z = vae.encode(x).latent_dist.sample() * vae.config.scaling_factor
        noise, t = torch.randn_like(z), torch.randint(0, 1000, (5,))
        loss = (net(scheduler.add_noise(z, noise, t), t) - noise).pow(2).mean()
        loss.backward()
"""
_EARLY = """\
    if isinstance(image, torch.Tensor):
        return image.float()
    return torch.from_numpy(np.array(image)).permute(2, 0, 1).float(){map}"""
_OTHERWISE = """\
    if not isinstance(image, torch.Tensor):
        image = torch.from_numpy(np.array(image)).permute(2, 0, 1).float(){map}
    return image"""
_LISTED = """\
    if isinstance(image, torch.Tensor):
        image = image.to(dtype=torch.float32)
    else:
        if isinstance(image, (PIL.Image.Image, np.ndarray)):
            image = [image]
        image = np.stack([np.array(each) for each in image])[0].transpose(2, 0, 1)
        image = torch.from_numpy(image).to(dtype=torch.float32){map}
    return image"""
_OPENED = 'Image.open(self.names[index]).convert("RGB")'
_NO_TENSORS = {
    "PIL": _OPENED,
    "array of PIL": f"np.array({_OPENED})",
    "floats of PIL": f"np.asarray({_OPENED}).astype(np.float32)",
    "cv2": "cv2.imread(self.names[index])",
    "other colours": "cv2.cvtColor(cv2.imread(self.names[index]), cv2.COLOR_BGR2RGB)",
    "resized": "cv2.resize(cv2.imread(self.names[index]), (48, 64))",
}
_TENSORS = {
    "torchvision": "torchvision.io.read_image(self.names[index])",
    "tensor of an array": f"torch.from_numpy(np.array({_OPENED})).permute(2, 0, 1)",
    "bytes of a transform": f"transforms.PILToTensor()({_OPENED})",
}


def _found(tmp_path: Path, body: str, read: str, mapped: str) -> list[str]:
    text = _LOOP.format(body=body.format(map=mapped), read=read)
    (tmp_path / "loop.py").write_text(text, encoding="utf-8")
    return [finding.code for finding in lint([tmp_path]).findings]


@pytest.mark.parametrize("body", [_EARLY, _OTHERWISE, _LISTED], ids=["early", "otherwise", "listed"])
@pytest.mark.parametrize("read", _NO_TENSORS.values(), ids=_NO_TENSORS)
def test_a_picture_of_a_library_is_mapped_as_one(body: str, read: str, tmp_path: Path) -> None:
    assert _found(tmp_path, body, read, " / 127.5 - 1.0") == []


@pytest.mark.parametrize("body", [_EARLY, _OTHERWISE, _LISTED], ids=["early", "otherwise", "listed"])
@pytest.mark.parametrize("read", [_NO_TENSORS["PIL"], _NO_TENSORS["cv2"]], ids=["PIL", "cv2"])
def test_bytes_that_neither_branch_maps_are_still_named(body: str, read: str, tmp_path: Path) -> None:
    assert _found(tmp_path, body, read, "") == ["VAE704"]


@pytest.mark.parametrize("read", _TENSORS.values(), ids=_TENSORS)
def test_bytes_in_a_tensor_take_the_branch_for_tensors(read: str, tmp_path: Path) -> None:
    assert _found(tmp_path, _EARLY, read, " / 127.5 - 1.0") == ["VAE704"]
