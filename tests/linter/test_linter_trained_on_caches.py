"""Stored latents on which a model is trained that others trained: on the scale and the shift that it was given then."""

from __future__ import annotations

from pathlib import Path

import pytest
from stored_latents import ENCODED, TRAIN, WRITE, placed

CHECKPOINT = "stabilityai/stable-diffusion-3-medium-diffusers"
LOADED = f'SD3Transformer2DModel.from_pretrained("{CHECKPOINT}", subfolder="transformer")'
SAVED = 'torch.save(z[0].cpu(), f"{args.root}/birds_latents/{number}.pt")'
SCALED, BOTH = "z * 1.5305", "(z - 0.0609) * 1.5305"
# How they are stored, what is done to them where they are read, and what is said of which statement.
WAYS = {
    "as it is encoded": ("z", "z", [("VAE701", "write", f"z = {ENCODED}")]),
    "scaled alone before": (SCALED, "z", [("VAE702", "write", f"z = {ENCODED} * 1.5305")]),
    "scaled alone behind": ("z", SCALED, [("VAE702", "train", f"z = {SCALED}")]),
    "shifted and scaled before": (BOTH, "z", []),
    "shifted and scaled behind": ("z", BOTH, []),
    "shifted before, scaled behind": ("z - 0.0609", SCALED, []),
}


def found(
    folder: Path, stored: str, read: str, net: str = LOADED, kept: str = "birds_latents", checkpoint: str = CHECKPOINT
) -> list[tuple[str, str, str]]:
    files = {
        "write": WRITE.format(
            checkpoint=f'"{checkpoint}", subfolder="vae"', stored=stored.replace("z", ENCODED), save=SAVED
        ),
        "train": "from diffusers import SD3Transformer2DModel\n"
        + TRAIN.format(model=net, predicted=".sample", loaded="torch.load(path)", then=read, folder=kept),
    }
    return [
        (each.code, name, files[name].splitlines()[each.place.line - 1].strip())
        for name, each in placed(folder, files)
        if each.place is not None
    ]


@pytest.mark.parametrize(("stored", "read", "expected"), WAYS.values(), ids=WAYS)
def test_a_model_that_is_loaded_is_trained_on_its_own_latents(
    stored: str, read: str, expected: list[tuple[str, str, str]], tmp_path: Path
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
