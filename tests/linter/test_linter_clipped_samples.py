"""Schedules and loops that clip samples of latents: by the settings of another schedule, and by an option's default."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vae_checked.linter import LintReport, lint

DRAWN = """\
import torch
from diffusers import AutoencoderKL, DDIMScheduler, DDPMScheduler, DPMSolverMultistepScheduler, UNet2DModel
{also}

def draw(vae, net, schedule):
    z = torch.randn(5, 4, 24, 32)
    for t in schedule.timesteps:
        z = schedule.step(net(z, t).sample, t, z).prev_sample
    return vae.decode({before}).sample


def main():
    vae = {made}
    schedule = {schedule}
    return draw(vae, UNet2DModel(), {used})
"""
LOADED = 'AutoencoderKL.from_pretrained("somebody/a-vae")'
OWN = """\
from torch import nn


class OwnVAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.down, self.up = nn.Conv2d(3, 8, 8, stride=8), nn.ConvTranspose2d(4, 3, 8, stride=8)

    def encode(self, x):
        mu, logvar = self.down(x).chunk(2, dim=1)
        return mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)

    def decode(self, z):
        return self.up(z)

"""


def report(folder: Path, **changed: str) -> LintReport:
    folder.mkdir(exist_ok=True)
    filled = {"also": "", "made": LOADED, "before": "z / vae.config.scaling_factor", "used": "schedule", **changed}
    (folder / "draw.py").write_text(DRAWN.format(**filled), encoding="utf-8")
    return lint([folder])


def codes(made: LintReport) -> list[str]:
    return [each.code for each in made.findings if each.code.startswith("VAE7")]


def is_clean(made: LintReport) -> bool:
    return any("VAE707" in each.clean for each in made.judgements)


@pytest.mark.parametrize(
    ("schedule", "used", "found"),
    [
        ("DDPMScheduler(1000)", "schedule", True),
        ("DDPMScheduler(1000)", "DDIMScheduler.from_config(schedule.config)", True),
        ("DDPMScheduler(1000, clip_sample=False)", "DDIMScheduler.from_config(schedule.config)", False),
        ("DDPMScheduler(1000)", "DPMSolverMultistepScheduler.from_config(schedule.config)", False),
        ("DDPMScheduler(1000)", "DDIMScheduler.from_config(schedule.config, clip_sample=False)", False),
        ('DDPMScheduler.from_pretrained("a-model")', "DDIMScheduler.from_config(schedule.config)", False),
    ],
)
def test_a_schedule_keeps_the_settings_of_another(schedule: str, used: str, found: bool, tmp_path: Path) -> None:
    assert codes(report(tmp_path, schedule=schedule, used=used)) == ["VAE707"] * found


@pytest.mark.parametrize(("before", "found"), [("z / 0.18215", True), ("z / 0.4", False), ("z", False)])
def test_what_a_factor_brings_back_is_no_picture(before: str, found: bool, tmp_path: Path) -> None:
    """The latents of a VAE of one's own may lie in [-1, 1]: then they are clipped for nothing, and nothing is said."""
    made = report(tmp_path, also=OWN, made="OwnVAE()", schedule="DDPMScheduler(1000)", before=before)
    assert codes(made) == ["VAE707"] * found
    assert not is_clean(made)


@pytest.mark.parametrize(
    ("later", "found"),
    [
        ("schedule.register_to_config(clip_sample=False)", False),
        ("schedule.config.clip_sample = False", False),
        ("schedule.register_to_config(**dict(clip_sample=False))", False),
        ("UNet2DModel().register_to_config(in_channels=8)", True),
        ("schedule.set_timesteps(50)", True),
        ("print(schedule.config.clip_sample)", True),
    ],
)
def test_a_schedule_whose_settings_are_changed_later_is_open(later: str, found: bool, tmp_path: Path) -> None:
    made = report(tmp_path, schedule=f"DDPMScheduler(1000)\n    {later}")
    assert codes(made) == ["VAE707"] * found
    assert not is_clean(made)


WRITTEN = {
    "in the call": ('DDIMScheduler.from_config({{"clip_sample": {on}, "num_train_timesteps": 900}})', ""),
    "by a name": ("DDIMScheduler.from_config(KEPT)", 'KEPT = {{"num_train_timesteps": 900, "clip_sample": {on}}}\n'),
    "as options": ("DDPMScheduler(**KEPT)", "KEPT = dict(clip_sample={on}, num_train_timesteps=900)\n"),
    "as options of a call": ('DDPMScheduler(900, **{{"clip_sample": {on}}})', ""),
    "after all": ("DDIMScheduler.from_config(KEPT, clip_sample={on})", "KEPT = dict(num_train_timesteps=900)\n"),
}


@pytest.mark.parametrize(("schedule", "also"), WRITTEN.values(), ids=WRITTEN)
def test_a_schedule_whose_settings_are_written_out(schedule: str, also: str, tmp_path: Path) -> None:
    for on in ("True", "False"):
        made = report(tmp_path / on, schedule=schedule.format(on=on), also=also.format(on=on))
        assert codes(made) == ["VAE707"] * (on == "True")
        assert is_clean(made) is (on == "False")


@pytest.mark.parametrize(
    "also",
    [
        'KEPT = {"clip_sample": True}\nKEPT["clip_sample"] = False\n',
        'KEPT = {"clip_sample": True}\nKEPT.update(read())\n',
        'KEPT = {"clip_sample": True}\nKEPT.pop("clip_sample")\n',
        'KEPT = {"clip_sample": True}\ndel KEPT["clip_sample"]\n',
        'KEPT = {"clip_sample": True}\nKEPT |= {"clip_sample": False}\n',
        'KEPT = {"clip_sample": True}\n\n\ndef later():\n    KEPT["clip_sample"] = False\n',
        'KEPT = dict({"clip_sample": True}, **read())\n',
        'KEPT = {"clip_sample": True}\nKEPT = {"clip_sample": False}\n',
        'KEPT = {**read(), "clip_sample": True}\n',
        "KEPT = read()\n",
    ],
)
def test_settings_that_may_be_others_are_open(also: str, tmp_path: Path) -> None:
    made = report(tmp_path, schedule="DDIMScheduler.from_config(KEPT)", also=also)
    assert codes(made) == []
    assert not is_clean(made)


def test_another_file_or_cell_that_changes_a_schedule_leaves_it_open(tmp_path: Path) -> None:
    changing = "def change(schedule):\n    schedule.register_to_config(clip_sample={value})\n"
    for value, built in (("False", ""), ("True", ", clip_sample=False")):
        folder = tmp_path / value
        folder.mkdir()
        (folder / "changing.py").write_text(changing.format(value=value), encoding="utf-8")
        kept = {
            "also": "from changing import change\n",
            "schedule": f"DDPMScheduler(1000{built})\n    change(schedule)",
        }
        made = report(folder, **kept)
        assert codes(made) == []
        assert not is_clean(made)
    cells = DRAWN.format(also="", made=LOADED, schedule="DDPMScheduler(1000)", used="schedule", before="z")
    cells = [
        *cells.split("\n\n\n")[:2],
        f"vae, schedule = {LOADED}, DDPMScheduler(1000)",
        "draw(vae, UNet2DModel(), schedule)",
    ]
    for later, found in (("print(schedule)", True), ("schedule.register_to_config(clip_sample=False)", False)):
        written = [{"cell_type": "code", "source": text} for text in (*cells[:3], later, cells[3])]
        (tmp_path / "draw.ipynb").write_text(json.dumps({"cells": written}), encoding="utf-8")
        assert codes(lint([tmp_path / "draw.ipynb"])) == ["VAE707"] * found


def test_what_a_schedule_clips_is_not_called_free(tmp_path: Path) -> None:
    kept = {"made": "build_vae()", "also": "from building import build_vae\n", "before": "z"}
    assert not is_clean(report(tmp_path / "clips", schedule="DDPMScheduler(1000)", **kept))
    assert is_clean(report(tmp_path / "free", schedule="DDPMScheduler(1000, clip_sample=False)", **kept))


LOOPED = """\
import argparse

import torch
from diffusers import AutoencoderKL
from diffusion_library import create, with_defaults


def options():
    parser = argparse.ArgumentParser()
    {options}
    return parser.parse_args()


def main(net):
    args = options()
    vae = AutoencoderKL.from_pretrained("somebody/a-vae")
    z = create().p_sample_loop(net, (5, 4, 24, 32), clip_denoised=args.clip_denoised)
    return vae.decode(z / vae.config.scaling_factor).sample
"""


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ('parser.add_argument("--clip_denoised", type=bool, default=True)', True),
        ('parser.add_argument("--clip-denoised", type=bool, default=True)', True),
        ("with_defaults(parser, dict(clip_denoised=True, count=7))", True),
        ('with_defaults(parser, {"clip_denoised": True, "count": 7})', True),
        ("with_defaults(parser, dict(clip_denoised=False, count=7))", False),
        ('parser.add_argument("--clip_denoised", action="store_true")', False),
        ("with_defaults(parser)", False),
    ],
)
def test_an_option_that_is_true_by_default_clips(options: str, found: bool, tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(LOOPED.format(options=options), encoding="utf-8")
    assert codes(lint([tmp_path])) == ["VAE707"] * found


DECODED = """\
import torch
from diffusers import AutoencoderKL, DDIMScheduler, DPMSolverMultistepScheduler
from elsewhere import build, sampler


def to_pictures(vae: AutoencoderKL, z):
    return vae.decode(z / 0.18215).sample


def draw(net, path, handed, vae: AutoencoderKL):
    z = torch.randn(5, 4, 24, 32)
{made}
"""
_STEPS = """\
    schedule = {schedule}
    for t in schedule.timesteps:
        z = schedule.step(net(z, t), t, z).prev_sample
    return to_pictures(vae, z)"""
_WRITTEN_OUT = """\
    for t in range(50):
        noise = net(z, t)
        clean = ((z - 0.3 * noise) / 0.7){clamped}
        z = 0.5 * clean + 0.5 * z + 0.1 * torch.randn_like(z)
    return to_pictures(vae, z)"""
# How what is decoded is made, and whether all of that is read.
MADE = {
    "by nobody that is seen": ("    pass", False),
    "of a file": ("    return to_pictures(vae, torch.load(path))", False),
    "by another library": ("    return to_pictures(vae, sampler.sample(z))", False),
    "by a schedule that is handed over": (_STEPS.format(schedule="handed"), False),
    "by a schedule that is built elsewhere": (_STEPS.format(schedule="build()"), False),
    "by the settings of a model": (_STEPS.format(schedule='DDIMScheduler.from_pretrained("a-model")'), False),
    "by a schedule that is set not to clip": (_STEPS.format(schedule="DDIMScheduler(clip_sample=False)"), True),
    "by a schedule that never clips": (_STEPS.format(schedule="DPMSolverMultistepScheduler(1000)"), True),
    "by steps that clamp": (_WRITTEN_OUT.format(clamped=".clamp(-1, 1)"), False),
    "by steps": (_WRITTEN_OUT.format(clamped=""), True),
    "from the prior": ("    return to_pictures(vae, z)", True),
}


@pytest.mark.parametrize(("made", "is_seen"), MADE.values(), ids=MADE)
def test_what_is_decoded_is_free_only_where_its_maker_is_read(made: str, is_seen: bool, tmp_path: Path) -> None:
    (tmp_path / "draw.py").write_text(DECODED.format(made=made), encoding="utf-8")
    found = lint([tmp_path])
    assert codes(found) == []
    assert is_clean(found) is is_seen


@pytest.mark.parametrize("made", [made for made, _ in MADE.values()], ids=MADE)
def test_a_clamp_before_the_decode_is_named_whoever_calls_it(made: str, tmp_path: Path) -> None:
    text = DECODED.format(made=made).replace("vae.decode(z / 0.18215)", "vae.decode(z.clamp(-1, 1) / 0.18215)")
    (tmp_path / "draw.py").write_text(text, encoding="utf-8")
    assert codes(lint([tmp_path])) == ["VAE707"]
