"""Which VAE is loaded, by the end of a path and by the default of what looks a setting up."""

from __future__ import annotations

from pathlib import Path

import pytest

from vae_checked.linter import lint

FITTED = """\
import os
from pathlib import Path

import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL


def fit(net, scheduler, batches, args, cfg, root):
    {before}
    vae = AutoencoderKL.from_pretrained({place})
    vae.requires_grad_(False)
    for pictures in batches:
        with torch.no_grad():
            z = vae.encode(pictures).latent_dist.sample() * {factor}
        noise, t = torch.randn_like(z), torch.randint(0, 1000, (len(z),))
        F.mse_loss(net(scheduler.add_noise(z, noise, t), t), noise).backward()
"""


def codes(folder: Path, place: str, factor: str, before: str = "pass") -> list[str]:
    folder.mkdir(exist_ok=True)
    text = FITTED.format(place=place, factor=factor, before=before)
    (folder / "fit.py").write_text(text, encoding="utf-8")
    return [finding.code for finding in lint([folder]).findings if finding.severity != "info"]


@pytest.mark.parametrize(
    "place",
    [
        'os.path.join(root, "sdxl-vae")',
        'os.path.join(root, "stable-diffusion-xl-base-1.0", "vae")',
        'Path(root) / "sdxl-vae"',
        'str(Path(root, "sdxl-vae"))',
        'root + "/sdxl-vae"',
        'f"{root}/sdxl-vae"',
        'args.vae or "stabilityai/sdxl-vae"',
        'getattr(args, "vae", "stabilityai/sdxl-vae")',
        'cfg.get("vae", "stabilityai/sdxl-vae")',
        'cfg.get("model", {}).get("vae", "stabilityai/sdxl-vae")',
        'os.environ.get("VAE", "stabilityai/sdxl-vae")',
        'os.getenv("VAE", "stabilityai/sdxl-vae")',
    ],
)
def test_a_path_or_a_default_tells_the_vae(place: str, tmp_path: Path) -> None:
    assert codes(tmp_path / "wrong", place, "0.18215") == ["VAE703"]
    assert codes(tmp_path / "right", place, "0.13025") == []
    # The same, by a name of its own.
    assert codes(tmp_path / "named", "where", "0.18215", f"where = {place}") == ["VAE703"]


@pytest.mark.parametrize(
    "place",
    [
        'os.path.join("sdxl-vae", args.name)',
        'Path("sdxl-vae", args.name) / args.step',
        'f"sdxl-{root}-vae"',
        'cfg.get("sdxl-vae")',
        'cfg.get("sdxl-vae", root)',
        'os.path.join(root, "vae")',
        "os.path.join(root, args.name)",
    ],
)
def test_what_may_lie_in_a_folder_is_not_told(place: str, tmp_path: Path) -> None:
    assert codes(tmp_path, place, "0.18215") == []


def test_one_of_two_names_is_told_where_it_is_loaded(tmp_path: Path) -> None:
    place = 'args.vae if args.vae else "stabilityai/sdxl-vae"'
    assert codes(tmp_path / "wrong", place, "0.18215") == ["VAE703"]
    assert codes(tmp_path / "right", place, "0.13025") == []


def test_a_file_of_settings_goes_before_a_default(tmp_path: Path) -> None:
    (tmp_path / "run.yaml").write_text("vae: stabilityai/sdxl-vae\n", encoding="utf-8")
    before = 'cfg = read("run.yaml"); vae = cfg.get("vae", "stabilityai/sd-vae-ft-mse")'
    assert codes(tmp_path, "vae", "0.13025", before) == []
    assert codes(tmp_path, "vae", "0.18215", before) == ["VAE703"]
