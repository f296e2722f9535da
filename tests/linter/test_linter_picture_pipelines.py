"""Pictures on their way to `encode`: batches that are dicts, transforms of other libraries, and collation."""

from __future__ import annotations

from pathlib import Path

import pytest

from vae_checked.linter import lint

HEAD = """\
import albumentations as A
import numpy as np
import torch
from albumentations.pytorch import ToTensorV2
from datasets import load_dataset
from diffusers import AutoencoderKL
from PIL import Image
from torchvision import transforms
from torchvision.transforms import v2


def encoded(batch):
    vae = AutoencoderKL.from_pretrained("stabilityai/sd-vae-ft-mse")
    return vae.encode(batch["{key}"]).latent_dist.sample()

"""
DATA_SET = """
class Pictures(torch.utils.data.Dataset):
    def __init__(self, paths):
        self.paths = paths
        self.map = {transform}

    def __getitem__(self, index):
        picture = Image.open(self.paths[index]).convert("RGB")
        return {{"path": self.paths[index], "{key}": {item}}}


def run(paths, accelerator, vae):
    loader = torch.utils.data.DataLoader(Pictures(paths), batch_size=8)
    vae, loader = accelerator.prepare(vae, loader)
    for step, batch in enumerate(loader):
        torch.save(encoded(batch), "latents.pt")
"""


def found(folder: Path, text: str, key: str = "frames") -> list[str]:
    path = folder / "train.py"
    path.write_text(HEAD.format(key=key) + text, encoding="utf-8")
    return [finding.code for finding in lint([path]).findings if finding.severity != "info"]


@pytest.mark.parametrize(
    ("transform", "item", "codes"),
    [
        ("v2.Compose([v2.ToImage(), v2.ToDtype(torch.float32, scale=True)])", "self.map(picture)", ["VAE704"]),
        ("v2.Compose([v2.ToImage(), v2.ToDtype(torch.float32, scale=True), v2.Normalize([0.5], [0.5])])",
         "self.map(picture)", []),
        ("A.Compose([A.Resize(64, 48), A.Normalize(), ToTensorV2()])",
         'self.map(image=np.array(picture))["image"]', ["VAE704"]),
        ("A.Compose([A.HorizontalFlip(), A.Normalize(mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5)), ToTensorV2()])",
         'self.map(image=np.array(picture))["image"]', []),
        ("None", "torch.from_numpy(np.array(picture)).float() / 255.0", ["VAE704"]),
        ("None", "torch.from_numpy(np.array(picture)).float() / 127.5 - 1.0", []),
    ],
)  # fmt: skip
def test_a_picture_in_a_batch_that_is_a_dict_is_followed(
    transform: str, item: str, codes: list[str], tmp_path: Path
) -> None:
    text = DATA_SET.format(transform=transform, item=item, key="frames")
    assert found(tmp_path, text) == codes


@pytest.mark.parametrize("key", ["mask_image", "image_path"])
def test_an_item_that_is_no_picture_is_left_open(key: str, tmp_path: Path) -> None:
    item = "torch.from_numpy(np.array(picture)).float() / 255.0"
    assert found(tmp_path, DATA_SET.format(transform="None", item=item, key=key), key) == []


FILLED = """
class Films(torch.utils.data.Dataset):
    def __getitem__(self, index):
        frames = torch.empty((16, 3, 48, 64))
        for place, name in enumerate(self.names):
            with Image.open(name) as picture:
                frames[place] = {frame}
        return {{"frames": frames}}


def run():
    for batch in torch.utils.data.DataLoader(Films(), batch_size=2):
        torch.save(encoded(batch), "latents.pt")
"""


@pytest.mark.parametrize(("frame", "codes"), [("pixels / 255", ["VAE704"]), ("pixels / 127.5 - 1", [])])
def test_frames_that_are_put_into_an_empty_film_are_followed(frame: str, codes: list[str], tmp_path: Path) -> None:
    pixels = "torch.from_numpy(np.array(picture)).float().permute(2, 0, 1)"
    assert found(tmp_path, FILLED.format(frame=frame.replace("pixels", pixels))) == codes


TABLE = """
def run(folder):
    table = load_dataset("imagefolder", data_dir=folder, split="train")
    steps = transforms.Compose([transforms.Resize(64), transforms.ToTensor(){normalise}])

    def preprocess(examples):
        examples["values"] = [steps(image.convert("RGB")) for image in examples["image"]]
        return {{"pixel_values": examples["values"]}}

    def collate(examples):
        return {{"frames": torch.stack([example["pixel_values"] for example in examples])}}

    rows = table.with_transform(preprocess)
    for step, batch in enumerate(torch.utils.data.DataLoader(rows, collate_fn=collate, batch_size=4)):
        torch.save(encoded(batch), "latents.pt")
"""


@pytest.mark.parametrize(("normalise", "codes"), [("", ["VAE704"]), (", transforms.Normalize([0.5], [0.5])", [])])
def test_the_rows_of_a_table_are_followed_through_collation(normalise: str, codes: list[str], tmp_path: Path) -> None:
    assert found(tmp_path, TABLE.format(normalise=normalise)) == codes


def test_what_a_library_rearranges_stays_where_it_lies(tmp_path: Path) -> None:
    text = """
def latents(folder):
    from einops import rearrange
    from torchvision import datasets

    vae = AutoencoderKL.from_pretrained("stabilityai/sd-vae-ft-mse")
    films = datasets.ImageFolder(folder, transforms.Compose([transforms.ToTensor()]))
    for x, _ in torch.utils.data.DataLoader(films, batch_size=4):
        torch.save(vae.encode(rearrange(x, "b c (f h) w -> (b f) c h w", f=3)).latent_dist.sample(), "latents.pt")
"""
    assert found(tmp_path, text) == ["VAE704"]


def test_the_range_of_a_model_with_a_codebook_is_not_known(tmp_path: Path) -> None:
    text = """
def tokens(folder):
    from diffusers import VQModel
    from torchvision import datasets

    vae = VQModel.from_pretrained("amused/amused-256", subfolder="vqvae")
    for x, _ in torch.utils.data.DataLoader(datasets.ImageFolder(folder, transforms.ToTensor()), batch_size=4):
        torch.save(vae.encode(x).latents, "latents.pt")
"""
    assert found(tmp_path, text) == []
