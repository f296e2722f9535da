"""Latents that one script stores and another one trains on: joined by the name of their folder or file."""

from __future__ import annotations

from pathlib import Path

import pytest
from stored_latents import ENCODED, TRAIN, WRITE, placed

NUMPY = 'np.save(f"{args.root}/pets_latents/{number}.npy", z.detach().cpu().numpy())'
TORCH = 'torch.save({"latent": z[0].cpu(), "label": y}, os.path.join(args.root, "pets_latents", f"{number}.pt"))'
CHECKPOINT = '"stabilityai/sd-vae-ft-ema"'
DRAW = """\
import torch
from diffusers import AutoencoderKL


def main(model):
    vae = AutoencoderKL.from_pretrained("stabilityai/sd-vae-ft-ema")
    z = torch.randn(3, 4, 24, 32)
    for i in range(50):
        z = z - model(z, i / 50) / 50
    return vae.decode({drawn}).sample
"""
UNDONE = "z / 0.18215"


def places(folder: Path, **files: str) -> list[tuple[str, str, int]]:
    return [(each.code, name, each.place.line) for name, each in placed(folder, files) if each.place is not None]


def written(stored: str, save: str) -> str:
    return WRITE.format(checkpoint=CHECKPOINT, stored=f"{ENCODED}{stored}", save=save)


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
        "write": written(stored, save),
        "train": TRAIN.format(
            model="args.model",
            predicted="",
            loaded=f"torch.from_numpy(np.load(path)){read}",
            then=f"z{then}",
            folder=folder,
        ),
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
    again = written("", NUMPY)
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
