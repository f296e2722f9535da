"""Stored latents on which a model is trained that others trained: on the scale and the shift that it was given then."""

from __future__ import annotations

from pathlib import Path

import pytest

from vae_checked.linter import lint

WRITE = """\
import torch
from diffusers import AutoencoderKL


def main(args, loader):
    vae = AutoencoderKL.from_pretrained("{checkpoint}", subfolder="vae")
    for number, (x, y) in enumerate(loader):
        with torch.no_grad():
            z = vae.encode(x * 2 - 1).latent_dist.sample()
            z = {stored}
        torch.save(z[0].cpu(), f"{{args.root}}/birds_latents/{{number}}.pt")
"""
TRAIN = """\
import os
import torch
from diffusers import SD3Transformer2DModel
from torch.utils.data import DataLoader, Dataset


class Stored(Dataset):
    def __init__(self, folder):
        self.folder, self.names = folder, sorted(os.listdir(folder))

    def __len__(self):
        return len(self.names)

    def __getitem__(self, index):
        return torch.load(os.path.join(self.folder, self.names[index]))


def main(args, optimizer):
    net = {net}
    for z in DataLoader(Stored(f"{{args.root}}/{folder}"), batch_size=8):
        z = {read}
        t = torch.rand(z.shape[0], 1, 1, 1)
        noise = torch.randn_like(z)
        loss = (net((1 - t) * z + t * noise, t).sample - noise + z).pow(2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


if __name__ == "__main__":
    main(*options())
"""
CHECKPOINT = "stabilityai/stable-diffusion-3-medium-diffusers"
LOADED = f'SD3Transformer2DModel.from_pretrained("{CHECKPOINT}", subfolder="transformer")'
SCALED, BOTH = "z * 1.5305", "(z - 0.0609) * 1.5305"
WAYS = {
    "as it is encoded": ("z", "z", [("VAE701", "write", 9)]),
    "scaled alone before": (SCALED, "z", [("VAE702", "write", 10)]),
    "scaled alone behind": ("z", SCALED, [("VAE702", "train", 21)]),
    "shifted and scaled before": (BOTH, "z", []),
    "shifted and scaled behind": ("z", BOTH, []),
    "shifted before, scaled behind": ("z - 0.0609", SCALED, []),
}


def found(
    folder: Path, stored: str, read: str, net: str = LOADED, kept: str = "birds_latents", checkpoint: str = CHECKPOINT
) -> list[tuple[str, str, int]]:
    (folder / "write.py").write_text(WRITE.format(stored=stored, checkpoint=checkpoint), encoding="utf-8")
    (folder / "train.py").write_text(TRAIN.format(read=read, net=net, folder=kept), encoding="utf-8")
    findings = lint([folder], select=["VAE7"]).findings
    return [(each.code, Path(each.place.path).stem, each.place.line) for each in findings if each.place is not None]


@pytest.mark.parametrize(("stored", "read", "expected"), WAYS.values(), ids=WAYS)
def test_a_model_that_is_loaded_is_trained_on_its_own_latents(
    stored: str, read: str, expected: list[tuple[str, str, int]], tmp_path: Path
) -> None:
    assert found(tmp_path, stored, read) == expected


@pytest.mark.parametrize(
    "net", ["SD3Transformer2DModel(sample_size=32)", "SD3Transformer2DModel.from_pretrained(args.checkpoint)"]
)
@pytest.mark.parametrize("read", ["z", SCALED])
def test_a_model_that_is_trained_from_the_start_may_be_given_any(net: str, read: str, tmp_path: Path) -> None:
    assert found(tmp_path, "z", read, net) == []


def test_other_latents_may_be_those_of_another_script(tmp_path: Path) -> None:
    assert found(tmp_path, "z", "z", kept="other_latents") == []
    assert found(tmp_path, "z", "z", checkpoint="somebody/a-vae") == []
