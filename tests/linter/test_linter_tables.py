"""Tables of `datasets` whose rows go through a function before they are encoded."""

from __future__ import annotations

from pathlib import Path

import pytest

from vae_checked.linter import lint

TABLE = """\
import torch
from datasets import load_dataset
from diffusers import AutoencoderKL
from torchvision import transforms


def main():
    vae = AutoencoderKL.from_pretrained("stabilityai/sd-vae-ft-mse").requires_grad_(False)
    steps = transforms.Compose([transforms.Resize(96), transforms.ToTensor(){normalise}])

    def prepared(rows):
        return {{"images": [steps(row.convert("RGB")) for row in rows["image"]]}}

    table = load_dataset("imagefolder", data_dir="pictures", split="train")
    {through}
    for batch in torch.utils.data.DataLoader(table, batch_size=5):
        torch.save(vae.encode(batch["images"]).latent_dist.sample(), "latents.pt")
"""


@pytest.mark.parametrize(
    "through",
    [
        "table = table.with_transform(prepared)",
        "table.set_transform(prepared)",
        "table = table.map(prepared, batched=True)",
    ],
)
@pytest.mark.parametrize("normalise", ["", ", transforms.Normalize([0.5], [0.5])"])
def test_rows_lie_where_a_function_leaves_them(through: str, normalise: str, tmp_path: Path) -> None:
    path = tmp_path / "cache.py"
    path.write_text(TABLE.format(through=through, normalise=normalise), encoding="utf-8")
    found = [(each.code, each.place.line) for each in lint([path]).findings if each.place is not None]
    assert found == ([] if normalise else [("VAE704", 9)])


def test_a_function_that_goes_through_numbers_hands_out_no_pictures(tmp_path: Path) -> None:
    path = tmp_path / "cache.py"
    text = TABLE.format(through="table = pool.map(prepared)", normalise="").replace('"images"', '"sizes"')
    path.write_text(text, encoding="utf-8")
    assert lint([path]).findings == ()
