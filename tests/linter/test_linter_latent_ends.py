"""One end of the latents' way by itself, the ends of two files, pictures behind `decode`, and schedules that clip."""

from __future__ import annotations

from pathlib import Path

import pytest

from vae_checked.linter import lint
from vae_checked.reports import all_examined

HEAD = """\
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL, DDIMScheduler, DDPMScheduler, DPMSolverMultistepScheduler
from PIL import Image
from torchvision.utils import make_grid, save_image
"""


def codes(folder: Path, **texts: str) -> list[tuple[str, str, int]]:
    for name, text in texts.items():
        (folder / f"{name}.py").write_text(HEAD + text, encoding="utf-8")
    found = [finding for finding in lint([folder]).findings if finding.severity != "info"]
    return [
        (finding.code, Path(finding.place.path).stem, finding.place.line)
        for finding in found
        if finding.place is not None
    ]


TRAINED = """
def train(model, x, t, scale, shift):
    vae = AutoencoderKL.from_pretrained("{identity}", subfolder="vae")
    z = vae.encode(x).latent_dist.sample()
    z = {applied}
    noise = torch.randn_like(z)
    return F.mse_loss(model((1 - t) * z + t * noise, t), noise - z)
"""
DRAWN = """
def draw(model, scheduler, z):
    vae = AutoencoderKL.from_pretrained("{identity}", subfolder="vae")
    for t in scheduler.timesteps:
        z = scheduler.step(model(z, t), t, z).prev_sample
    return vae.decode({applied}).sample
"""
SCALE, SHIFT = "vae.config.scaling_factor", "vae.config.shift_factor"


@pytest.mark.parametrize(
    ("identity", "applied", "found"),
    [
        ("black-forest-labs/FLUX.1-dev", f"z * {SCALE}", True),
        ("black-forest-labs/FLUX.1-dev", "z * 0.3611", True),
        ("black-forest-labs/FLUX.1-dev", f"(z - {SHIFT}) * {SCALE}", False),
        ("black-forest-labs/FLUX.1-dev", "(z - 0.1159) * 0.3611", False),
        ("black-forest-labs/FLUX.1-dev", "z", False),
        ("stabilityai/sdxl-vae", f"z * {SCALE}", False),
        ("somebody/a-vae", f"z * {SCALE}", False),
    ],
)
def test_a_shift_that_is_forgotten_is_seen_at_one_end(identity: str, applied: str, found: bool, tmp_path: Path) -> None:
    expected = [("VAE702", "train", 10)] if found else []
    assert codes(tmp_path, train=TRAINED.format(identity=identity, applied=applied)) == expected


@pytest.mark.parametrize(
    ("applied", "found"), [(f"z / {SCALE}", True), (f"z / {SCALE} + {SHIFT}", False), ("z", False)]
)
def test_a_shift_that_is_forgotten_is_seen_before_decode(applied: str, found: bool, tmp_path: Path) -> None:
    text = DRAWN.format(identity="stabilityai/stable-diffusion-3-medium-diffusers", applied=applied)
    assert codes(tmp_path, draw=text) == ([("VAE702", "draw", 11)] if found else [])


@pytest.mark.parametrize(
    ("encoded", "decoded", "other", "found"),
    [
        ("z * 0.18215", "z", "sd-vae-ft-ema", True),
        ("z * 0.18215", "z * 5 + 0.3", "sd-vae-ft-ema", True),
        ("z * 0.18215", "z / 0.18215", "sd-vae-ft-ema", False),
        ("z * 0.18215", f"z / {SCALE}", "sd-vae-ft-ema", False),
        ("z * 0.18215", "z", "sd-vae-ft-mse", False),
    ],
)
def test_the_ends_of_two_files_belong_together_where_one_vae_is_loaded(
    encoded: str, decoded: str, other: str, found: bool, tmp_path: Path
) -> None:
    train = TRAINED.format(identity="stabilityai/sd-vae-ft-ema", applied=encoded)
    draw = DRAWN.format(identity=f"stabilityai/{other}", applied=decoded)
    expected = [("VAE701", "draw", 11)] if found else []
    assert codes(tmp_path, train=train, draw=draw) == expected


UNREAD = """
from diffusion import create


def main(model, args):
    vae = AutoencoderKL.from_pretrained({identity})
    z = torch.randn(5, 4, 32, 16)
    samples = create(args).p_sample_loop(model, z.shape, z, clip_denoised=False)
    return vae.decode({applied}).sample
"""
FLOW = """
from torchdiffeq import odeint


def main(model, args):
    vae = AutoencoderKL.from_pretrained({identity})
    samples = odeint(model, torch.randn(5, 4, 32, 16), torch.linspace(0, 1, 9))[-1]
    return vae.decode({applied}).sample
"""


@pytest.mark.parametrize(("text", "line"), [(UNREAD, 14), (FLOW, 13)])
def test_a_vae_of_which_a_part_of_the_name_is_written_joins_files(text: str, line: int, tmp_path: Path) -> None:
    name = 'f"stabilityai/sd-vae-ft-{args.vae}"'
    train = TRAINED.format(identity="", applied="z * 0.18215").replace('""', name)
    right = text.format(identity='"stabilityai/sd-vae-ft-ema"', applied="samples / 0.18215")
    wrong = text.format(identity=name, applied="samples")
    assert codes(tmp_path, train=train, right=right) == []
    assert codes(tmp_path, train=train, right=right, wrong=wrong) == [("VAE701", "wrong", line)]
    other = wrong.replace("stabilityai", "{args.owner}")
    assert codes(tmp_path, train=train, right=right, wrong=other) == []


def test_a_latent_that_another_file_trains_on_is_joined_to_its_encode(tmp_path: Path) -> None:
    path = """
import torch


class Path:
    def losses(self, model, z, t):
        noise = torch.randn_like(z)
        return F.mse_loss(model((1 - t) * z + t * noise, t), noise - z)
"""
    train = """
from path import Path


def main(model, args, t, solve):
    vae = AutoencoderKL.from_pretrained(args.vae)
    for x in args.pictures:
        with torch.no_grad():
            z = vae.encode(x).latent_dist.sample().mul_(0.18215)
        Path().losses(model, z, t).backward()
    return vae.decode({applied}).sample
"""
    assert codes(tmp_path, path=path, train=train.format(applied="solve(model)")) == [("VAE701", "train", 16)]
    assert codes(tmp_path, path=path, train=train.format(applied="solve(model) / 0.18215")) == []


STEPS = """
def draw(model, levels, clip=False):
    vae = AutoencoderKL.from_pretrained("stabilityai/sd-vae-ft-ema")
    z = torch.randn(5, 4, 32, 16)
    for i in range(20):
        noise = model(z, i)
        clean = (z - levels[i].sqrt() * noise) / levels[i + 1].sqrt()
        {clamped}
        z = levels[i + 2].sqrt() * clean + levels[i + 3].sqrt() * noise
    return vae.decode(z / 0.18215).sample
"""


@pytest.mark.parametrize(
    ("clamped", "found"),
    [
        ("clean = clean.clamp(-1, 1)", True),
        ("clean = clean.clamp(-1, 1) if clip else clean", False),
        ("clean = clean.clamp(-8, 8)", False),
        ("noise = noise.clamp(-1, 1)", True),
    ],
)
def test_a_prediction_that_is_clamped_at_each_step_is_named(clamped: str, found: bool, tmp_path: Path) -> None:
    expected = [("VAE707", "draw", 13)] if found else []
    assert codes(tmp_path, draw=STEPS.format(clamped=clamped)) == expected


def test_the_ends_of_two_experiments_are_not_compared(tmp_path: Path) -> None:
    train = TRAINED.format(identity="stabilityai/sd-vae-ft-ema", applied="z * 0.18215")
    again = TRAINED.format(identity="stabilityai/sd-vae-ft-ema", applied="z")
    draw = DRAWN.format(identity="stabilityai/sd-vae-ft-ema", applied="z")
    assert codes(tmp_path, train=train, again=again, draw=draw) == []


SAMPLER = """
def sampled(model, steps):
    z = torch.randn(5, 4, 32, 16)
    for i in range(3):
        z = z - model(z, i / 3) * 0.3
    return z


def draw(model):
    vae = AutoencoderKL.from_pretrained("stabilityai/sd-vae-ft-ema")
    return vae.decode({applied}).sample
"""


@pytest.mark.parametrize(("applied", "found"), [("sampled(model, 3)", True), ("sampled(model, 3) / 0.18215", False)])
def test_what_a_sampler_written_out_makes_is_a_latent_of_the_model(applied: str, found: bool, tmp_path: Path) -> None:
    train = TRAINED.format(identity="stabilityai/sd-vae-ft-ema", applied="z * 0.18215")
    expected = [("VAE701", "draw", 16)] if found else []
    assert codes(tmp_path, train=train, draw=SAMPLER.format(applied=applied)) == expected


SHOWN = """
def show(z):
    vae = AutoencoderKL.from_pretrained("{identity}")
    x = vae.decode(z / 0.18215).sample
    {shown}
"""


@pytest.mark.parametrize(
    ("shown", "found"),
    [
        ('save_image(x, "x.png")', True),
        ('save_image(x, "x.png", normalize=True, value_range=(-1, 1))', False),
        ('save_image(x / 2 + 0.5, "x.png")', False),
        ('save_image((x + 1) / 2, "x.png", nrow=4)', False),
        ("return make_grid(x.clamp(0, 1))", True),
        ("return make_grid((x * 0.5 + 0.5).clamp(0, 1))", False),
        ("return ((x * 0.5 + 0.5) * 0.5 + 0.5).clamp(0, 1)", True),
        ("return (x * 255).clamp(0, 255).byte()", True),
        ("return torch.clamp(127.5 * x + 128.0, 0, 255).permute(0, 2, 3, 1)", False),
        ("return x.clamp(-1, 1)", False),
        ("return torch.clamp(x, 0.0, 255.0)", True),
        ("return x.to(torch.uint8)", True),
    ],
)
def test_a_decoded_picture_is_held_against_what_takes_it(shown: str, found: bool, tmp_path: Path) -> None:
    text = SHOWN.format(identity="stabilityai/sd-vae-ft-mse", shown=shown)
    assert [(code, line) for code, _, line in codes(tmp_path, show=text)] == ([("VAE704", 10)] if found else [])


@pytest.mark.parametrize(
    ("shown", "clean"),
    [
        ("return (x / 2 + 0.5).clamp(0, 1)", True),
        ("return ((x + 1) * 127.5).clamp(0, 255)", True),
        ("return ((x + 1) * 128).to(torch.uint8)", True),
        ("return (x / 2 + 0.5).clamp(0, 255)", False),
        ("return (x * 0.2 + 0.5).clamp(0, 1)", False),
        ("return (x / 2 + 0.2).clamp(0, 1)", False),
        ("return (x + 1).clamp(0, 1)", False),
        ("return x.clamp(0, 255)", False),
    ],
)
def test_a_picture_that_is_on_no_known_scale_is_not_clean(shown: str, clean: bool, tmp_path: Path) -> None:
    text = SHOWN.format(identity="stabilityai/sd-vae-ft-mse", shown=shown)
    (tmp_path / "show.py").write_text(HEAD + text, encoding="utf-8")
    assert any("VAE704" in each.clean for each in all_examined(lint([tmp_path]))) is clean


def test_the_pictures_of_a_vae_that_is_not_known_are_left_open(tmp_path: Path) -> None:
    text = SHOWN.format(identity="?", shown='save_image(x, "x.png")').replace(
        'AutoencoderKL.from_pretrained("?")', "load()"
    )
    assert codes(tmp_path, show=text) == []


RECONSTRUCTED = """
def show(x, model, scheduler, mixed):
    vae = AutoencoderKL.from_pretrained("stabilityai/sd-vae-ft-mse")
    z = vae.encode({x}).latent_dist.mode() * 0.18215
    {between}
    save_image(vae.decode(z / 0.18215).sample, "x.png")
"""


@pytest.mark.parametrize(
    ("x", "between", "found"),
    [
        # A picture comes back as it was given.
        ("x", "pass", False),
        ("x", "z = mixed.components(z, 3)", False),
        ("x * 2 - 1", "pass", True),
        ("x / 127.5 - 1", "z = mixed.components(z, 3)", True),
        ("x.clamp(-1, 1)", "pass", True),
        ("x", "z = scheduler.step(model(z, 3), 3, z).prev_sample", True),
    ],
)
def test_a_picture_that_is_encoded_comes_back_in_its_own_range(
    x: str, between: str, found: bool, tmp_path: Path
) -> None:
    text = RECONSTRUCTED.format(x=x, between=between)
    assert [(code, line) for code, _, line in codes(tmp_path, show=text)] == ([("VAE704", 11)] if found else [])


CLIPPED = """
def draw(model, vae):
    schedule = {schedule}
    z = torch.randn(5, 4, 32, 16)
    for t in schedule.timesteps:
        z = schedule.step(model(z, t), t, z).prev_sample
    return vae.decode(z / vae.config.scaling_factor).sample
"""


@pytest.mark.parametrize(
    ("schedule", "found"),
    [
        ("DDPMScheduler(num_train_timesteps=1000)", True),
        ("DDIMScheduler(clip_sample=True)", True),
        ("DDPMScheduler(clip_sample=False)", False),
        ("DDPMScheduler(clip_sample=vae.clips)", False),
        ('DDPMScheduler.from_pretrained("a-model", subfolder="scheduler")', False),
        ("DDPMScheduler(**vae.options)", False),
        ("DPMSolverMultistepScheduler(num_train_timesteps=1000)", False),
    ],
)
def test_a_schedule_that_clips_its_samples_is_named(schedule: str, found: bool, tmp_path: Path) -> None:
    assert codes(tmp_path, draw=CLIPPED.format(schedule=schedule)) == ([("VAE707", "draw", 8)] if found else [])


LOOP = """
class Diffusion:
    def p_sample_loop(self, model, shape, noise=None, clip_denoised{default}, progress=False):
        for step in self.steps(model, shape, noise, clip_denoised):
            final = step
        return final


def draw(model, vae, diffusion):
    z = torch.randn(6, 4, 32, 16)
    z = diffusion.p_sample_loop(model.forward, z.shape, z{option}, progress=True)
    z, _ = z.chunk(2, dim=0)
    return vae.decode({decoded} / vae.config.scaling_factor).sample
"""


@pytest.mark.parametrize(
    ("default", "option", "decoded", "found"),
    [
        ("=True", "", "z", True),
        (": bool = True", ", clip_denoised=True", "z", True),
        ("=True", ", clip_denoised=False", "z", False),
        ("=False", "", "z", False),
        ("=True", ", clip_denoised=vae.clips", "z", False),
        ("=True", "", "torch.randn(3, 4, 8, 16)", False),
    ],
)
def test_a_loop_that_clips_its_steps_is_named(
    default: str, option: str, decoded: str, found: bool, tmp_path: Path
) -> None:
    text = LOOP.format(default=default, option=option, decoded=decoded)
    expected = [("VAE707", "draw", 16)] if found else []
    assert codes(tmp_path, draw=text) == expected
    # Decoded by a function of the same file that is handed the sample.
    helper = "\n\ndef decoded(latent, vae):\n    return vae.decode(latent / vae.config.scaling_factor).sample\n"
    before = f"vae.decode({decoded} / vae.config.scaling_factor).sample"
    assert codes(tmp_path, draw=text.replace(before, f"decoded({decoded}, vae)") + helper) == expected


@pytest.mark.parametrize(("kind", "found"), [("AutoencoderKL", True), ("AutoencoderTiny", False)])
def test_latents_of_a_vae_that_is_built_here_are_drawn(kind: str, found: bool, tmp_path: Path) -> None:
    text = CLIPPED.format(schedule="DDPMScheduler()").replace(" / vae.config.scaling_factor", "")
    text += f"\n\ndef run(model):\n    return draw(model, {kind}(latent_channels=4))\n"
    given = f"from diffusers import AutoencoderTiny\n{text}"
    assert codes(tmp_path, draw=given) == ([("VAE707", "draw", 9)] if found else [])


def test_a_schedule_that_makes_pixels_may_clip_them(tmp_path: Path) -> None:
    text = CLIPPED.format(schedule="DDPMScheduler()").replace("vae.decode(z / vae.config.scaling_factor).sample", "z")
    assert codes(tmp_path, draw=text) == []


def test_pictures_that_were_encoded_in_0_to_1_come_back_so(tmp_path: Path) -> None:
    shown = SHOWN.format(identity="stabilityai/sd-vae-ft-mse", shown='save_image(x, "x.png")')
    encoded = """

def latents(paths):
    from torchvision import transforms

    vae = AutoencoderKL.from_pretrained("stabilityai/sd-vae-ft-mse")
    x = torch.stack([transforms.ToTensor()(Image.open(path)) for path in paths])
    torch.save(vae.encode(x).latent_dist.mode(), "latents.pt")
"""
    assert [code for code, _, _ in codes(tmp_path, show=shown + encoded)] == ["VAE704"]


@pytest.mark.parametrize(
    ("applied", "found"),
    [
        (f"z * {SCALE}", False),
        (f"(z * {SCALE}) * {SCALE}", True),
        (f"z / {SCALE}", True),
        ("z * 0.18215 * 0.18215", True),
        ("z / 0.18215", True),
        ("z * 0.18215", False),
        ("z * 0.7421", False),
        (f"z * {SCALE} * 0.5", False),
        ("z * scale", False),
        ("z / scale", False),
        ("z", False),
    ],
)
def test_a_factor_twice_or_the_wrong_way_is_seen_at_one_end(applied: str, found: bool, tmp_path: Path) -> None:
    text = TRAINED.format(identity="stabilityai/sd-vae-ft-mse", applied=applied)
    assert codes(tmp_path, train=text) == ([("VAE701", "train", 10)] if found else [])


def test_the_factor_of_an_unknown_vae_may_be_the_standard_deviation(tmp_path: Path) -> None:
    assert codes(tmp_path, train=TRAINED.format(identity="somebody/a-vae", applied=f"z / {SCALE}")) == []


TRAINED_BY_SETTING = """
def main(args, model, scheduler, loader):
    vae = AutoencoderKL.from_pretrained({given}, subfolder="vae").requires_grad_(False)
    for x in loader:
        z = vae.encode(x * 2 - 1).latent_dist.sample() * vae.config.scaling_factor
        noise, t = torch.randn_like(z), torch.randint(0, 1000, (7,))
        ((model(scheduler.add_noise(z, noise, t), t) - noise) ** 2).mean().backward()
"""
DRAWN_BY_NAME = """
def draw(args, model, scheduler):
    vae = AutoencoderKL.from_pretrained({given}, subfolder="vae")
    z = torch.randn(5, 16, 64, 72)
    for t in scheduler.timesteps:
        z = scheduler.step(model(z, t), t, z).prev_sample
    return vae.decode(z / vae.config.scaling_factor + vae.config.shift_factor).sample
"""
NAMED = '"somebody/a-model-with-a-vae"'


@pytest.mark.parametrize(
    ("trained", "drawn", "found"),
    [
        ("args.model", NAMED, False),
        ("args.model", '"black-forest-labs/FLUX.1-schnell"', False),
        (NAMED, NAMED, True),
        (NAMED, "args.model", False),
    ],
)
def test_scripts_that_may_load_two_vaes_are_apart(trained: str, drawn: str, found: bool, tmp_path: Path) -> None:
    texts = {"train": TRAINED_BY_SETTING.format(given=trained), "draw": DRAWN_BY_NAME.format(given=drawn)}
    assert codes(tmp_path, **texts) == ([("VAE702", "draw", 12)] if found else [])


TWICE = """
def main(model, scheduler, loader, rows):
    vae = AutoencoderKL.from_pretrained("somebody/a-vae").requires_grad_(False)
    for x, y in zip(loader, rows):
        z = vae.encode(x).latent_dist.sample() * vae.config.scaling_factor
        noise, t = torch.randn_like(z), torch.randint(0, 1000, (7,))
        seen = model(scheduler.add_noise(z, noise, t), t).sample
        shown = vae.decode({first}).sample
        others = model(scheduler.add_noise(z, noise, t), t, y).sample
        shown_too = vae.decode({second}).sample
        ((seen - noise) ** 2 + (others - noise) ** 2 + 0.1 * (shown - shown_too).mean()).mean().backward()
"""


@pytest.mark.parametrize(
    ("first", "second", "lines"),
    [
        ("seen", "others", [13, 15]),
        ("seen / vae.config.scaling_factor", "others / vae.config.scaling_factor", []),
    ],
)
def test_each_decode_of_one_mistake_is_named(first: str, second: str, lines: list[int], tmp_path: Path) -> None:
    found = [("VAE701", "main", line) for line in lines]
    assert codes(tmp_path, main=TWICE.format(first=first, second=second)) == found
