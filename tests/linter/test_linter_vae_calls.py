"""What a VAE is run with: gradients that nothing uses, a precision that overflows, a grid of latents not its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from vae_checked.linter import lint
from vae_checked.linter.options import Options
from vae_checked.reports import all_examined

HEAD = "import torch\nimport torch.nn.functional as F\nfrom diffusers import AutoencoderKL, AutoencoderKLWan\n"


def codes(folder: Path, text: str) -> list[tuple[str, int]]:
    path = folder / "train.py"
    path.write_text(HEAD + text, encoding="utf-8")
    found = lint([path], options=Options(select=("VAE7",))).findings
    return [(each.code, each.place.line) for each in found if each.place is not None]


TRAINED = """
def fit(unet, scheduler, batches, t):
    vae = AutoencoderKL.from_pretrained("stabilityai/sd-vae-ft-mse")
    {prepare}
    optimizer = torch.optim.AdamW({parameters}, lr=1e-4)
    for x in batches:
        with {context}:
            z = vae.encode(x).latent_dist.sample() * vae.config.scaling_factor
        noise = torch.randn_like(z)
        F.mse_loss(unet(scheduler.add_noise({latent}, noise, t), t), noise).backward()
        optimizer.step()
"""
PLAIN = {
    "prepare": "vae.eval()",
    "parameters": "unet.parameters()",
    "context": "torch.autocast('cuda')",
    "latent": "z",
}


@pytest.mark.parametrize(
    ("changed", "found"),
    [
        ({}, True),
        ({"prepare": "unet.requires_grad_(True)"}, True),
        ({"parameters": "noise_model.parameters()"}, True),
        ({"parameters": "vae_model.parameters()"}, False),
        ({"parameters": "whole.parameters()"}, False),
        ({"prepare": "from groups import held", "parameters": "held(unet)"}, False),
        ({"prepare": "from groups import held", "parameters": "held"}, False),
        ({"prepare": "from groups import of; held = of(unet)", "parameters": "[{'params': held}]"}, False),
        ({"prepare": "held = list(unet.parameters())", "parameters": "held"}, True),
        ({"prepare": "import itertools as it", "parameters": "it.chain(unet.parameters())"}, True),
        ({"prepare": "from groups import unet", "parameters": "[{'params': unet.parameters()}]"}, True),
        ({"prepare": "vae.requires_grad_(False)"}, False),
        ({"prepare": "for p in vae.parameters(): p.requires_grad = False"}, False),
        ({"prepare": "[each.requires_grad_(False) for each in (vae, unet.text_encoder)]"}, False),
        ({"prepare": "freeze_all(vae)"}, False),
        ({"parameters": "[*unet.parameters(), *vae.parameters()]"}, False),
        ({"context": "torch.no_grad()"}, False),
        ({"latent": "z.detach()"}, False),
    ],
)
def test_a_vae_that_is_neither_frozen_nor_trained_is_named(
    changed: dict[str, str], found: bool, tmp_path: Path
) -> None:
    assert codes(tmp_path, TRAINED.format(**PLAIN | changed)) == ([("VAE706", 11)] if found else [])


def test_a_vae_that_is_handed_over_may_be_frozen(tmp_path: Path) -> None:
    text = TRAINED.format(**PLAIN).replace("batches, t", "batches, t, vae")
    loading = '    vae = AutoencoderKL.from_pretrained("stabilityai/sd-vae-ft-mse")\n'
    assert codes(tmp_path, text.replace(loading, "")) == []


VALIDATED = """
def fit(unet, eyes, scheduler, batches, others, t):
    vae = AutoencoderKL.from_pretrained("stabilityai/sd-vae-ft-mse")
    {prepare}
    optimizer = torch.optim.AdamW(unet.parameters(), lr=1e-4)
    for x in batches:
        with {context}:
            z = vae.encode(x).latent_dist.sample() * vae.config.scaling_factor
        noise = torch.randn_like(z)
        F.mse_loss(unet(scheduler.add_noise(z, noise, t), t), noise).backward()
        optimizer.step()
    with torch.no_grad():
        for x in others:
            z = vae.encode(x).latent_dist.sample() * vae.config.scaling_factor
            noise = torch.randn_like(z)
            print(F.mse_loss(unet(scheduler.add_noise(z, noise, t), t), noise).item())
"""
OPEN = "for each in eyes.parameters(): each.requires_grad = False"


@pytest.mark.parametrize(
    ("prepare", "context", "found", "clean"),
    [
        (OPEN, "torch.autocast('cuda')", False, False),
        ("vae.requires_grad_(False)", "torch.autocast('cuda')", False, False),
        (OPEN, "torch.no_grad()", False, True),
        ("vae.eval()", "torch.no_grad()", False, True),
        ("vae.eval()", "torch.autocast('cuda')", True, False),
    ],
)
def test_a_validation_says_nothing_of_the_gradients_of_a_training(
    prepare: str, context: str, found: bool, clean: bool, tmp_path: Path
) -> None:
    (tmp_path / "train.py").write_text(HEAD + VALIDATED.format(prepare=prepare, context=context), encoding="utf-8")
    report = lint([tmp_path])
    assert ("VAE706" in {each.code for each in report.findings}) is found
    assert any("VAE706" in each.clean for each in all_examined(report)) is clean


# How the optimizer is made of what; `held` and `made` are functions of other packages.
MADE = {
    "kind(held(unet))": False,
    "kind(params=held(unet))": False,
    "kind(unet.parameters())": True,
    "groups.of(unet, vae)": False,
    "groups.of(unet, models=[vae])": False,
    "made(unet, vae, rate=1e-4)": False,
    "made(dict(unet=unet, vae=vae))": False,
    "made(unet)": True,
    "torch.optim.lr_scheduler.of(unet, vae)": True,
}


@pytest.mark.parametrize(("made", "found"), MADE.items(), ids=MADE)
@pytest.mark.parametrize("inside", [True, False])
def test_an_optimizer_that_other_code_makes_of_a_vae_may_train_it(
    made: str, found: bool, inside: bool, tmp_path: Path
) -> None:
    imports = ("import groups", "from groups import held, made", "kind = torch.optim.RAdam")
    text = TRAINED.replace("torch.optim.AdamW({parameters}, lr=1e-4)", made)
    text = text.format(**{**PLAIN, "prepare": "; ".join(imports) if inside else "vae.eval()"})
    text = text if inside else "\n".join(imports) + text
    assert [code for code, _ in codes(tmp_path, text)] == ["VAE706"] * found


TWICE = """
def fit(unet, scheduler, batches, t, wanted):
    vae = AutoencoderKL.from_pretrained("stabilityai/sd-vae-ft-mse")
    optimizer = torch.optim.AdamW(unet.parameters(), lr=1e-4)
    for x in batches:
{encoded}
        noise = torch.randn_like(z)
        F.mse_loss(unet(scheduler.add_noise(z, noise, t), t), noise).backward()
        optimizer.step()
"""
LATENTS = "vae.encode(x).latent_dist.sample() * vae.config.scaling_factor"
WITHOUT = "with torch.no_grad():"
CUT = f"{WITHOUT}\n                z = {LATENTS}"
BOTH = "        if wanted:\n            {first}\n        else:\n            {second}"


@pytest.mark.parametrize(
    ("encoded", "clean"),
    [
        (f"        {WITHOUT}\n            print({LATENTS})\n        z = {LATENTS}", False),
        (f"        {WITHOUT}\n            z = {LATENTS}\n        z = {LATENTS}", False),
        (BOTH.format(first=CUT, second=f"z = {LATENTS}"), False),
        (BOTH.format(first=CUT, second=CUT), True),
        (f"        {WITHOUT}\n            print({LATENTS})\n            z = {LATENTS}", True),
    ],
)
def test_one_of_two_calls_without_a_gradient_says_nothing_of_the_other(
    encoded: str, clean: bool, tmp_path: Path
) -> None:
    (tmp_path / "train.py").write_text(HEAD + TWICE.format(encoded=encoded), encoding="utf-8")
    assert any("VAE706" in each.clean for each in all_examined(lint([tmp_path]))) is clean


HALF = """
def pictures(z):
    vae = AutoencoderKL.from_pretrained("{identity}"{options}){cast}
    {before}
    return vae.decode(z / vae.config.scaling_factor).sample
"""
XL = "stabilityai/sdxl-vae"


@pytest.mark.parametrize(
    ("identity", "options", "cast", "before", "found"),
    [
        (XL, ", torch_dtype=torch.float16", "", "z = z.half()", True),
        (XL, "", ".to('cuda').half()", "z = z.half()", True),
        (XL, "", ".to(torch.float16)", "z = z.half()", True),
        (XL, ", torch_dtype=torch.float16", "", "z = z.float().to(torch.float32).half()", True),
        (XL, ", torch_dtype=of_all", "", "of_all = torch.float16", True),
        (XL, ", torch_dtype=of_all", "", "of_all = torch.float16 if z.is_cuda else torch.float32", False),
        (XL, ", torch_dtype=of_all", "", "of_all = torch.float16; of_all = torch.float32", False),
        (XL, ", torch_dtype=torch.float16", "", "vae.post_quant_conv.to(z.dtype)", False),
        (XL, ", torch_dtype=torch.float16", "", "upcast_vae(vae)", False),
        (XL, ", torch_dtype=torch.float16", "", "vae.decoder.float()", False),
        (XL, "", "", "z = z.half()", False),
        (XL, ", torch_dtype=torch.bfloat16", "", "z = z.half()", False),
        (XL, ", torch_dtype=torch.float16", "", "vae.to(torch.float32)", False),
        (XL, ", torch_dtype=torch.float16", "", "vae = vae if not vae.config.force_upcast else vae.float()", False),
        ("madebyollin/sdxl-vae-fp16-fix", ", torch_dtype=torch.float16", "", "z = z.half()", False),
        ("stabilityai/sd-vae-ft-mse", ", torch_dtype=torch.float16", "", "z = z.half()", False),
    ],
)
def test_a_vae_that_overflows_in_float16_is_named(
    identity: str, options: str, cast: str, before: str, found: bool, tmp_path: Path
) -> None:
    text = HALF.format(identity=identity, options=options, cast=cast, before=before)
    assert codes(tmp_path, text) == ([("VAE709", 6)] if found else [])


GRID = """
def draw(unet, scheduler, size, height, width, count):
    vae = AutoencoderKL.from_pretrained("{identity}")
    side = size // 8
    coarse = int(size / 16)
    z = torch.randn({shape})
    for t in scheduler.timesteps:
        z = scheduler.step(unet(z, t), t, z).prev_sample
    return vae.decode(z / vae.config.scaling_factor{shift}).sample
"""


@pytest.mark.parametrize(
    ("identity", "shape", "found"),
    [
        ("stabilityai/sd-vae-ft-mse", "5, 4, side, side", False),
        ("stabilityai/sd-vae-ft-mse", "5, 4, coarse, coarse", True),
        ("stabilityai/sd-vae-ft-mse", "(5, 4, height // 8, width // 8)", False),
        ("stabilityai/sd-vae-ft-mse", "(5, 4, height // 16, width // 16)", True),
        ("stabilityai/sd-vae-ft-mse", "(5, 4, height // 16, width // 8)", False),
        ("stabilityai/sd-vae-ft-mse", "5, 4, count // 4, count // 4", False),
        ("stabilityai/sd-vae-ft-mse", "5, 16, side, side", True),
        ("stabilityai/sd-vae-ft-mse", "5, 4, 64, 96", False),
        ("stabilityai/sd-vae-ft-mse", "5, 256, 16", False),
        ("stabilityai/stable-diffusion-3-medium-diffusers", "5, 16, side, side", False),
        ("stabilityai/stable-diffusion-3-medium-diffusers", "5, 4, side, side", True),
        ("somebody/a-vae", "5, 7, coarse, coarse", False),
    ],
)
def test_noise_on_another_grid_than_the_latents_is_named(
    identity: str, shape: str, found: bool, tmp_path: Path
) -> None:
    shift = " + vae.config.shift_factor" if "stable-diffusion-3" in identity else ""
    text = GRID.format(identity=identity, shape=shape, shift=shift)
    assert codes(tmp_path, text) == ([("VAE710", 9)] if found else [])


@pytest.mark.parametrize(("shape", "is_clean"), [("5, 4, side, side", True), ("5, 4, 64, 96", False)])
def test_a_grid_of_unknown_pictures_is_not_called_theirs(shape: str, is_clean: bool, tmp_path: Path) -> None:
    text = GRID.format(identity="stabilityai/sd-vae-ft-mse", shape=shape, shift="")
    (tmp_path / "draw.py").write_text(HEAD + text, encoding="utf-8")
    assert any("VAE710" in each.clean for each in lint([tmp_path]).judgements) is is_clean


def test_noise_in_the_place_of_pictures_is_on_their_grid(tmp_path: Path) -> None:
    text = """
def tried():
    vae = AutoencoderKL.from_pretrained("stabilityai/sd-vae-ft-mse")
    return vae.decode(vae.encode(torch.rand(5, 3, 48, 64) * 2 - 1).latent_dist.mode()).sample
"""
    assert codes(tmp_path, text) == []


VIDEO = """
def draw(model, scheduler, frames, height, width):
    vae = AutoencoderKLWan.from_pretrained("Wan-AI/Wan2.1-T2V-1.3B-Diffusers", subfolder="vae")
    mean, std = (torch.tensor(vae.config[name]).view(1, -1, 1, 1, 1) for name in ("latents_mean", "latents_std"))
    kept = {kept}
    z = torch.randn(1, 16, {axis}, height // 8, width // 8)
    for t in scheduler.timesteps:
        z = scheduler.step(model(z, t), t, z).prev_sample
    return vae.decode(z * std + mean).sample
"""


@pytest.mark.parametrize(
    ("kept", "axis", "found"),
    [
        ("frames // 4", "kept", True),
        ("7", "frames // vae.temporal", True),
        ("(frames - 1) // 4 + 1", "kept", False),
        ("frames // 4 + 1", "kept", False),
        ("7", "(frames + 3) // 4", False),
        ("7", "kept", False),
        ("height // 4", "kept", False),
    ],
)
def test_noise_for_a_video_has_a_first_frame_by_itself(kept: str, axis: str, found: bool, tmp_path: Path) -> None:
    text = VIDEO.format(kept=kept, axis=axis)
    assert codes(tmp_path, text) == ([("VAE710", 9)] if found else [])
