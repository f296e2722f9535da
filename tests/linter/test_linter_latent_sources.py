"""Where a latent comes from before `decode`, whose VAE it is, and what one end of the pictures says of the other."""

from __future__ import annotations

from pathlib import Path

import pytest

from vae_checked.linter import lint

HELPERS = """\
import torch
import torch.nn.functional as F
import torchvision.transforms as T
from diffusers import AutoencoderKL, StableDiffusionPipeline
from other_library import sample_with, unpack, to_latents


class Helper:
    def __init__(self, unet, scheduler, model):
        self.vae = {made}
        self.scheduler = scheduler
        self.model = model
        self.head = torch.nn.Conv2d(4, 4, 1)

    def encode(self, x):
        return self.vae.encode(x).latent_dist.sample() * self.vae.config.scaling_factor

    def decode(self, z, mask, kept):
        return self.vae.decode({before}).sample
"""
LOADED = 'AutoencoderKL.from_pretrained("somebody/a-vae")'


def codes(folder: Path, text: str) -> list[str]:
    folder.mkdir(exist_ok=True)
    (folder / "helper.py").write_text(text, encoding="utf-8")
    return [finding.code for finding in lint([folder]).findings if finding.severity != "info"]


UNDONE = "({} / self.vae.config.scaling_factor)"


@pytest.mark.parametrize(
    "before",
    [
        "{z}",
        "F.interpolate({z}, scale_factor=2.0)",
        "F.interpolate({z}, size=(24, 40), mode='bicubic')",
        "F.pad({z}, (0, 3, 0, 5))",
        "torch.nan_to_num({z})",
        "torch.where(mask > 0.5, {z}, {kept})",
        "(1 - mask) * {kept} + mask * {z}",
        "mask * {z} + (1 - mask) * self.scheduler.add_noise({kept}, z, 7)",
        # A weight that is written out on each side.
        "(1 - mask[:, None]) * {kept} + mask[:, None] * {z}",
        "(mask > 0.5).float() * {z} + (1 - (mask > 0.5).float()) * {kept}",
    ],
)
def test_what_hands_on_a_scale_is_looked_through(before: str, tmp_path: Path) -> None:
    as_it_is = HELPERS.format(made=LOADED, before=before.format(z="z", kept="kept"))
    assert codes(tmp_path / "bad", as_it_is) == ["VAE701"]
    undone = HELPERS.format(made=LOADED, before=before.format(z=UNDONE.format("z"), kept=UNDONE.format("kept")))
    assert codes(tmp_path / "good", undone) == []


MANY_WAYS = """\
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL


def edited(picture, masks):
    vae = AutoencoderKL.from_pretrained("somebody/a-vae")
    z = picture
{ways}
    z = torch.where(masks[7] > 0.5, z, vae.encode(picture).latent_dist.sample() * vae.config.scaling_factor)
    return vae.decode(z{undone}).sample
"""
WAY = "    z = torch.where(masks[{}] > 0.5, z, F.pad(z, (0, 0, 0, 0)))\n"


def test_ways_that_meet_again_are_one(tmp_path: Path) -> None:
    ways = "".join(map(WAY.format, range(5)))
    assert codes(tmp_path / "bad", MANY_WAYS.format(ways=ways, undone="")) == ["VAE701"]
    undone = " / vae.config.scaling_factor"
    assert codes(tmp_path / "good", MANY_WAYS.format(ways=ways, undone=undone)) == []


@pytest.mark.parametrize(
    "before",
    ["to_latents(z)", "unpack.unnormalize(z, mask)", "self.head(z)", "self.model.post_quant(z)", "z.softmax(1)"],
)
def test_what_is_not_read_may_have_undone_the_scale(before: str, tmp_path: Path) -> None:
    assert codes(tmp_path, HELPERS.format(made=LOADED, before=before)) == []


def test_samples_of_a_function_that_is_not_read_are_latents(tmp_path: Path) -> None:
    assert codes(tmp_path, HELPERS.format(made=LOADED, before="sample_with(z)")) == ["VAE701"]


@pytest.mark.parametrize(
    "made",
    [
        'StableDiffusionPipeline.from_pretrained("somebody/a-pipeline").vae',
        'StableDiffusionPipeline.from_pretrained("somebody/a-pipeline").to(model.device).vae',
        'StableDiffusionPipeline.from_pretrained("somebody/a-pipeline").to("cuda", torch.float16).vae.eval()',
        "StableDiffusionPipeline.from_pretrained(unet.where).to(unet.device).vae",
    ],
)
def test_the_vae_of_a_pipeline_that_was_moved_is_followed(made: str, tmp_path: Path) -> None:
    assert codes(tmp_path / "bad", HELPERS.format(made=made, before="z")) == ["VAE701"]
    good = HELPERS.format(made=made, before="z / self.vae.config.scaling_factor")
    assert codes(tmp_path / "good", good) == []


PICTURES = """\
import torch
import torchvision.transforms as T


class Helper:
    def __init__(self, vae, unet, scheduler):
        self.vae = vae

    def encode(self, picture):
        x = T.ToTensor()(picture).unsqueeze(0){to_signed}
        return self.vae.encode(x).latent_dist.mode() * {factor}

    def decode(self, z):
        picture = self.vae.decode(z / {factor}).sample
        return ({to_unit}).clamp(0, 1)
"""
SIGNED, UNIT = " * 2 - 1", "picture / 2 + 0.5"


@pytest.mark.parametrize(
    ("to_signed", "to_unit", "factor", "found"),
    [
        (SIGNED, UNIT, "0.18215", False),
        ("", UNIT, "0.18215", True),
        (SIGNED, "picture", "0.18215", True),
        (SIGNED, "picture * 0.5 + 0.5", "self.vae.config.scaling_factor", False),
        ("", "picture * 0.5 + 0.5", "self.vae.config.scaling_factor", True),
        # Both ends in [0, 1]: what this VAE takes is not known.
        ("", "picture", "0.18215", False),
        # A VAE whose latents nobody scales may be one that gives [0, 1].
        (SIGNED, "picture", "1.0", False),
    ],
)
def test_one_end_of_the_pictures_tells_what_the_other_takes(
    to_signed: str, to_unit: str, factor: str, found: bool, tmp_path: Path
) -> None:
    text = PICTURES.format(to_signed=to_signed, to_unit=to_unit, factor=factor)
    assert codes(tmp_path, text) == (["VAE704"] if found else [])
    if found:
        finding = lint([tmp_path]).findings[0]
        assert "its other end" in str(finding)


CALLERS = """

def show(helper, latents, mask):
    return helper.{call}


def store(helper, latents):
    torch.save(latents * 0.18215, "latents.pt")
"""


@pytest.mark.parametrize(
    ("call", "found"),
    [
        ("decode(latents / 0.18215, mask, mask)", False),
        ("decode(latents / helper.vae.config.scaling_factor, mask, mask)", False),
        ("decode(unscaled(latents), mask, mask)", False),
        ("decode(latents, mask, mask)", True),
        # The VAE's own method is another one.
        ("vae.decode(latents / 0.18215)", True),
        ("encode(latents * 2.0)", True),
    ],
)
def test_a_helper_whose_callers_undo_the_scale_is_right(call: str, found: bool, tmp_path: Path) -> None:
    text = HELPERS.format(made=LOADED, before="z") + CALLERS.format(call=call)
    assert codes(tmp_path, text) == (["VAE701"] if found else [])


NAMED = """\
import torch
from diffusers import AutoencoderKL
from other_library import {loader}


def show(args, x, latents):
    {target} = {made}
    z = {behind}
    return z, vae.decode({before})[0]
"""
SCALED, MOVED = "vae.encode(x).latent_dist.mode() * vae.config.scaling_factor", "latents / vae.config.scaling_factor"
SHIFTED = "(vae.encode(x).latent_dist.mode() - vae.config.shift_factor) * vae.config.scaling_factor"


@pytest.mark.parametrize(
    ("loader", "target", "made"),
    [
        ("load_vae", "vae", "load_vae(args)"),
        ("load_vae", "vae", "load_vae(args).to(args.device)"),
        ("load_models", "vae, dtype, stride", "load_models(args)"),
    ],
)
def test_what_an_unread_function_makes_is_a_vae_where_it_is_called_one(
    loader: str, target: str, made: str, tmp_path: Path
) -> None:
    for name, before in (("bad", "latents"), ("good", MOVED)):
        text = NAMED.format(loader=loader, target=target, made=made, behind=SCALED, before=before)
        assert codes(tmp_path / name, text) == (["VAE701"] if name == "bad" else [])
    tokens = NAMED.format(loader=loader, target=target, made=made, behind=SCALED, before="latents")
    assert codes(tmp_path / "another", tokens.replace("vae", "codec")) == []


@pytest.mark.parametrize(
    ("behind", "before", "found"),
    [
        (SHIFTED, f"{MOVED} + vae.config.shift_factor", []),
        # The order is wrong whatever is done at the other end.
        (f"{SCALED} - vae.config.shift_factor", "other(latents)", ["VAE702"]),
        (f"{SCALED} - vae.config.shift_factor", "(latents + vae.config.shift_factor) / vae.config.scaling_factor", []),
        (f"other({SHIFTED})", "(latents + vae.config.shift_factor) / vae.config.scaling_factor", ["VAE702"]),
        (f"{SCALED} - args.shift", "other(latents)", []),
    ],
)
def test_a_shift_on_the_wrong_side_of_the_scale_is_named_at_one_end(
    behind: str, before: str, found: list[str], tmp_path: Path
) -> None:
    text = NAMED.format(loader="load_vae, other", target="vae", made="load_vae(args)", behind=behind, before=before)
    assert codes(tmp_path, text) == found


@pytest.mark.parametrize(
    ("setting", "found"),
    [
        ("vae.config.scaling_factor = 0.18215", False),
        ("vae.config.scaling_factor = 0.18125", True),
        ("vae.config.scaling_factor = 0.13025", True),
        ("vae.config.scaling_factor = args.factor", False),
        ("unet.config.scaling_factor = 0.13025", False),
    ],
)
def test_a_factor_that_is_set_is_that_of_the_vae(setting: str, found: bool, tmp_path: Path) -> None:
    text = (
        "import torch\nfrom diffusers import AutoencoderKL\n\n\ndef main(args, unet, x):\n"
        f'    vae = AutoencoderKL.from_pretrained("stabilityai/sd-vae-ft-mse")\n    {setting}\n'
        "    return unet(vae.encode(x).latent_dist.sample() * vae.config.scaling_factor)\n"
    )
    assert codes(tmp_path, text) == (["VAE703"] if found else [])


INPAINTING = """\
import torch


class Pipeline:
    def __init__(self, vae, unet, scheduler):
        self.vae, self.unet, self.scheduler = vae, unet, scheduler

    def __call__(self, image, mask):
        kept = self.vae.encode(image).latent_dist.sample() * self.vae.config.scaling_factor
        z = torch.randn_like(kept)
        for t in self.scheduler.timesteps:
            z = self.scheduler.step(self.unet(z, t), t, z).prev_sample
            known = self.scheduler.add_noise(kept, torch.randn_like(kept), t)
            z = (1 - mask) * known + mask * z
        if hasattr(self.vae.config, "latents_mean") and self.vae.config.latents_mean is not None:
            mean, std = torch.tensor(self.vae.config.latents_mean), torch.tensor(self.vae.config.latents_std)
            z = z * std / self.vae.config.scaling_factor + mean
        else:
            z = {otherwise}
        return self.vae.decode(z).sample
"""


@pytest.mark.parametrize(("otherwise", "found"), [("z / self.vae.config.scaling_factor", False), ("z", True)])
def test_one_of_two_maps_before_decode_may_be_that_of_another_vae(otherwise: str, found: bool, tmp_path: Path) -> None:
    assert codes(tmp_path, INPAINTING.format(otherwise=otherwise)) == (["VAE701"] if found else [])


ASKED_FOR = """\
import torch


class Pipeline:
    def __init__(self, vae, unet, scheduler):
        self.vae, self.unet, self.scheduler = vae, unet, scheduler

    def prepare(self, image):
        mean = std = None
        if hasattr(self.vae.config, "latents_mean") and self.vae.config.latents_mean is not None:
            mean = torch.tensor(self.vae.config.latents_mean).view(1, 4, 1, 1)
            std = torch.tensor(self.vae.config.latents_std).view(1, 4, 1, 1)
        z = self.vae.encode(image).latent_dist.sample()
        if mean is not None:
            return (z - mean) * self.vae.config.scaling_factor / std
        return self.vae.config.scaling_factor * z

    def __call__(self, z):
        for t in self.scheduler.timesteps:
            z = self.scheduler.step(self.unet(z, t), t, z).prev_sample
        return self.vae.decode(z / self.vae.config.scaling_factor).sample
"""


def test_a_mean_that_one_end_asks_for_may_not_be_there(tmp_path: Path) -> None:
    assert codes(tmp_path, ASKED_FOR) == []


EDITED = """\
import torch
from diffusers import AutoencoderKL


def edited(picture):
    vae = AutoencoderKL.from_pretrained("somebody/a-vae")
    mean = torch.tensor(vae.config.latents_mean).view(1, 4, 1, 1)
    std = torch.tensor(vae.config.latents_std).view(1, 4, 1, 1)
    z = vae.encode(picture).latent_dist.sample()
    z = {scaled} * vae.config.scaling_factor
    return vae.decode(z * std / vae.config.scaling_factor + mean).sample
"""


def test_what_is_undone_and_was_never_done_is_to_be_done_behind_encode(tmp_path: Path) -> None:
    folder = tmp_path / "bad"
    folder.mkdir()
    (folder / "helper.py").write_text(EDITED.format(scaled="z"), encoding="utf-8")
    (finding,) = lint([folder]).findings
    assert finding.code == "VAE701"
    assert "what is undone before decode was not done" in finding.message
    assert finding.fix == "behind encode: z / latents_std - latents_mean / latents_std"
    assert codes(tmp_path / "good", EDITED.format(scaled="(z - mean) / std")) == []
