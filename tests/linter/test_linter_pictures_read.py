"""Pictures and videos as libraries read them, on their way to a VAE that takes [-1, 1]."""

from __future__ import annotations

from pathlib import Path

import pytest

from vae_checked.linter import lint

HEAD = """\
import cv2
import decord
import imageio
import torch
import torchvision
import torchvision.transforms.functional as TF
from diffusers import AutoencoderKL
from einops import rearrange
from PIL import Image, ImageOps
from torchvision import transforms


class Films(torch.utils.data.Dataset):
    def __init__(self, paths):
        self.paths = paths
        self.halves = transforms.Compose([transforms.ToTensor(), transforms.Normalize([0.5], [0.5])])
        self.cut = transforms.CenterCrop(48)

    def __getitem__(self, index):
        path = self.paths[index]
        {read}
        return {{"frames": x}}


def run(paths):
    vae = AutoencoderKL.from_pretrained("stabilityai/sd-vae-ft-mse")
    for batch in torch.utils.data.DataLoader(Films(paths), batch_size=8):
        torch.save(vae.encode(batch["frames"]).latent_dist.sample(), "latents.pt")
"""
# Of each: how it is read, and the last step in the wrong form and in the right one.
READ = {
    "colours in another order": (
        (
            "picture = cv2.resize(cv2.cvtColor(cv2.imread(path), cv2.COLOR_BGR2RGB), (64, 48))\n"
            "x = torch.from_numpy(picture).permute(2, 0, 1).float() {}"
        ),
        "/ 255.0",
        "/ 127.5 - 1.0",
    ),
    "frames by number": (
        "x = torch.from_numpy(decord.VideoReader(path).get_batch([0, 3]).asnumpy()).permute(0, 3, 1, 2) {}",
        "/ 255.0",
        "/ 127.5 - 1.0",
    ),
    "frames that are rearranged": (
        'x = rearrange(decord.VideoReader(path)[:5], "f h w c -> f c h w").float() {}',
        "/ 255.0",
        "/ 127.5 - 1.0",
    ),
    "a whole video": (
        'x, sound, _ = torchvision.io.read_video(path, output_format="TCHW")\nx = x.float() {}',
        "/ 255.0",
        "/ 127.5 - 1.0",
    ),
    "frame by frame": (
        (
            "film, seen = cv2.VideoCapture(path), []\n"
            "while len(seen) < 5:\n"
            "    ok, frame = film.read()\n"
            "    seen.append(torch.from_numpy(frame).permute(2, 0, 1).float() {})\n"
            "x = torch.stack(seen)"
        ),
        "/ 255.0",
        "/ 127.5 - 1.0",
    ),
    "a reader that is gone through": (
        "x = torch.stack([torch.from_numpy(frame).float() {} for frame in imageio.get_reader(path)])",
        "/ 255.0",
        "/ 127.5 - 1.0",
    ),
    "functions of torchvision": (
        "x = self.cut(TF.resize(TF.to_tensor(ImageOps.exif_transpose(Image.open(path))), [64, 48]))\nx = {}",
        "x",
        "TF.normalize(x, [0.5], [0.5])",
    ),
    # What is resized by cubic polynomials may lie beyond its pixels.
    "means of pixels": (
        (
            "x = TF.to_tensor(Image.open(path))\n"
            'x = torch.nn.functional.interpolate(x[None], scale_factor=0.5, mode="{}")[0]'
        ),
        "bilinear",
        "bicubic",
    ),
    "halves where they lie": ("x = TF.to_tensor(Image.open(path))\nx{}", ".sub_(0.0)", ".sub_(0.5).div_(0.5)"),
    "halves of halves": ("x = self.halves(Image.open(path)){}", " * 2 - 1", " * 1"),
    "halves as if bytes": ("x = self.halves(Image.open(path)){}", " / 127.5 - 1", " * 1"),
}


@pytest.mark.parametrize("name", READ)
def test_what_a_library_reads_is_followed_to_encode(name: str, tmp_path: Path) -> None:
    read, wrong, right = READ[name]
    for folder, last, codes in (("wrong", wrong, ["VAE704"]), ("right", right, [])):
        path = tmp_path / folder / "train.py"
        path.parent.mkdir()
        text = read.replace("{}", last).replace("\n", "\n        ")
        path.write_text(HEAD.format(read=text), encoding="utf-8")
        found = [finding.code for finding in lint([path]).findings if finding.severity == "error"]
        assert found == codes, last
