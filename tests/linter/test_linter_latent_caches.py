"""Latents that one script stores and another one trains on: joined by the name of their folder or file."""

from __future__ import annotations

from pathlib import Path

import pytest

from vae_checked.linter import lint

WRITE = """\
import argparse
import os
import numpy as np
import torch
from diffusers import AutoencoderKL


def main(args, loader):
    vae = AutoencoderKL.from_pretrained("stabilityai/sd-vae-ft-ema")
    for number, (x, y) in enumerate(loader):
        with torch.no_grad():
            z = vae.encode(x * 2 - 1).latent_dist.sample(){stored}
        {save}
"""
NUMPY = 'np.save(f"{args.root}/pets_latents/{number}.npy", z.detach().cpu().numpy())'
TORCH = 'torch.save({"latent": z[0].cpu(), "label": y}, os.path.join(args.root, "pets_latents", f"{number}.pt"))'
READ = """\
import os
import numpy as np
import torch
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset


class Stored(Dataset):
    def __init__(self, folder):
        self.folder, self.names = folder, sorted(os.listdir(folder))

    def __len__(self):
        return len(self.names)

    def __getitem__(self, index):
        return torch.from_numpy(np.load(os.path.join(self.folder, self.names[index]))){read}


def main(args, model, optimizer):
    for z in DataLoader(Stored(f"{{args.root}}/{folder}"), batch_size=8):
        z = z{then}
        t = torch.rand(z.shape[0], 1, 1, 1)
        noise = torch.randn_like(z)
        loss = F.mse_loss(model({trained}, t), noise - z)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


if __name__ == "__main__":
    main(*options())
"""
MIXED = "(1 - t) * z + t * noise"
DRAW = """\
import torch
from diffusers import AutoencoderKL


def main(model):
    vae = AutoencoderKL.from_pretrained("stabilityai/sd-vae-ft-ema")
    z = torch.randn(4, 4, 32, 32)
    for i in range(50):
        z = z - model(z, i / 50) / 50
    return vae.decode({drawn}).sample
"""
UNDONE = "z / 0.18215"


def places(folder: Path, **files: str) -> list[tuple[str, str, int]]:
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text, encoding="utf-8")
    found = lint([folder], select=["VAE7"]).findings
    return [(each.code, Path(each.place.path).stem, each.place.line) for each in found if each.place is not None]


def scripts(
    stored: str = "",
    drawn: str = "z",
    *,
    save: str = NUMPY,
    read: str = "",
    then: str = "",
    folder: str = "pets_latents",
) -> dict[str, str]:
    return {
        "write": WRITE.format(stored=stored, save=save),
        "train": READ.format(read=read, then=then, folder=folder, trained=MIXED),
        "draw": DRAW.format(drawn=drawn),
    }


@pytest.mark.parametrize("save", [NUMPY, TORCH])
@pytest.mark.parametrize(
    ("stored", "then", "drawn"),
    [(" * 0.18215", "", "z"), ("", "", UNDONE), ("", " * 0.18215", "z")],
)
def test_a_cache_on_another_scale_than_its_samples(
    save: str, stored: str, then: str, drawn: str, tmp_path: Path
) -> None:
    assert places(tmp_path, **scripts(stored, drawn, save=save, then=then)) == [("VAE701", "draw", 10)]


@pytest.mark.parametrize("save", [NUMPY, TORCH])
def test_a_cache_that_is_scaled_twice_is_named_where_it_is_made(save: str, tmp_path: Path) -> None:
    files = scripts(" * 0.18215", UNDONE, save=save, then=" * 0.18215")
    assert places(tmp_path, **files) == [("VAE701", "write", 12)]


@pytest.mark.parametrize(
    ("stored", "then", "drawn"), [(" * 0.18215", "", UNDONE), ("", " * 0.18215", UNDONE), ("", "", "z")]
)
def test_a_cache_whose_samples_come_back(stored: str, then: str, drawn: str, tmp_path: Path) -> None:
    assert places(tmp_path, **scripts(stored, drawn, then=then)) == []


def test_a_cache_by_another_name_may_be_another_one(tmp_path: Path) -> None:
    assert places(tmp_path, **scripts(" * 0.18215", "z", folder="birds_latents")) == []


def test_two_caches_on_two_scales_are_not_told_apart(tmp_path: Path) -> None:
    again = WRITE.format(stored="", save=NUMPY)
    assert places(tmp_path, again=again, **scripts(" * 0.18215", "z")) == []


def test_what_is_done_to_stored_latents_may_not_be_known(tmp_path: Path) -> None:
    files = scripts(" * 0.18215", "z", read="")
    files["train"] = (
        files["train"]
        .replace("for z in DataLoader", "for z in whitened(DataLoader")
        .replace("batch_size=8):", "batch_size=8)):\n        z = args.prepare(z)")
    )
    assert places(tmp_path, **files) == []


def test_what_a_data_set_does_to_stored_latents_is_not_told(tmp_path: Path) -> None:
    assert places(tmp_path, **scripts("", UNDONE, read=" * 0.18215")) == []
    assert places(tmp_path, **scripts(" * 0.18215", "z", read=" / self.std")) == []
