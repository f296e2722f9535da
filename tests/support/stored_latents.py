"""Latents that one script stores and another one trains a model on, into which a test writes what it asks of."""

from __future__ import annotations

from pathlib import Path

from vae_checked.finding import Finding
from vae_checked.linter import lint

ENCODED = "vae.encode(x * 2 - 1).latent_dist.sample()"
WRITE = """\
import argparse
import os
import numpy as np
import torch
from diffusers import AutoencoderKL


def main(args, loader):
    vae = AutoencoderKL.from_pretrained({checkpoint})
    for number, (x, y) in enumerate(loader):
        with torch.no_grad():
            z = {stored}
        {save}
"""
MIXED = "(1 - t) * z + t * noise"
TRAIN = f"""\
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
        path = os.path.join(self.folder, self.names[index])
        return {{loaded}}


def main(args, optimizer):
    model = {{model}}
    for z in DataLoader(Stored(f"{{{{args.root}}}}/{{folder}}"), batch_size=8):
        z = {{then}}
        t = torch.rand(z.shape[0], 1, 1, 1)
        noise = torch.randn_like(z)
        loss = F.mse_loss(model({MIXED}, t){{predicted}}, noise - z)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


if __name__ == "__main__":
    main(*options())
"""


def placed(folder: Path, files: dict[str, str]) -> list[tuple[str, Finding]]:
    """What is found of pretrained VAEs, with the name of the script that it is in."""
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text, encoding="utf-8")
    found = lint([folder], select=["VAE7"]).findings
    assert all(each.place is not None for each in found)
    return [(Path(each.place.path).stem, each) for each in found if each.place is not None]
