"""Settings in YAML and JSON beside the code: which VAE is loaded, and by which number its latents are scaled."""

from __future__ import annotations

from pathlib import Path

import pytest

from vae_checked.linter import lint
from vae_checked.linter.files.settings_files import MOST_READ, settings

YAML = """\
# of an experiment
vae:
  path: "stabilityai/sdxl-vae"   # which one
  scale: 0.18215
  statistics: [0.1, 0.2]
  where: ${root}/vae
prompt: |
  scale: 7.5
  a cat # no comment
train:
    rate: 1e-4
    steps:
      - name: one
        scale: -3
    note: 'it: is'
anchored: &base
last: .5
"""


def test_yaml_is_read_as_far_as_lines_tell() -> None:
    assert [(".".join(each.keys), each.value, each.line) for each in settings("a.yaml", YAML)] == [
        ("vae.path", "stabilityai/sdxl-vae", 3),
        ("vae.scale", 0.18215, 4),
        ("train.rate", 1e-4, 11),
        ("train.steps.name", "one", 13),
        ("train.steps.scale", -3.0, 14),
        ("train.note", "it: is", 15),
        ("last", 0.5, 17),
    ]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("a.yaml", "vae:\n\tscale: 1.5\n"),
        ("a.yaml", "scale: 1.5\n" + "#" * MOST_READ),
        ("a.json", '{"scale": 1.5'),
        ("a.toml", "scale: 1.5\n"),
    ],
)
def test_what_is_not_read_sets_nothing(path: str, text: str) -> None:
    assert settings(path, text) == []


def test_json_is_read_to_its_texts_and_numbers() -> None:
    text = '{"vae": {"path": "a/b", "scale": 0.25, "on": true}, "of": [{"n": 3}]}'
    assert [(each.keys, each.value) for each in settings("a.json", text)] == [
        (("vae", "path"), "a/b"),
        (("vae", "scale"), 0.25),
        (("of", "n"), 3.0),
    ]


TRAIN = """\
import torch
from diffusers import AutoencoderKL
{read}

def latents(x):
    vae = AutoencoderKL.from_pretrained({vae})
    return vae.encode(x).latent_dist.sample() * {scale}
"""
OMEGA = 'from omegaconf import OmegaConf\ncfg = OmegaConf.load("configs/base.yaml")'
OPENED = 'import yaml\ncfg = yaml.safe_load(open("configs/base.yaml"))'


@pytest.mark.parametrize(
    ("read", "vae", "scale", "number", "found"),
    [
        (OMEGA, "cfg.vae.path", "cfg.vae.scale", "0.18215", True),
        (OMEGA, "cfg.vae.path", "cfg.vae.scale", "0.13025", False),
        (OMEGA, "cfg.vae.path", "0.18215", "0.13025", True),
        (OMEGA, '"stabilityai/sdxl-vae"', "cfg.vae.scale", "0.18215", True),
        (OPENED, 'cfg["vae"]["path"]', 'cfg["vae"]["scale"]', "0.18215", True),
        # Another file's settings are not those of this one.
        (OMEGA.replace("base", "other"), "cfg.vae.path", "cfg.vae.scale", "0.18215", False),
        # A key of the same name in another mapping.
        (OMEGA, "cfg.unet.path", "0.18215", "0.18215", False),
    ],
)
def test_what_a_file_sets_is_held_against_the_vae(
    read: str, vae: str, scale: str, number: str, found: bool, tmp_path: Path
) -> None:
    (tmp_path / "configs").mkdir()
    text = f"vae:\n  path: stabilityai/sdxl-vae\n  scale: {number}\n"
    (tmp_path / "configs" / "base.yaml").write_text(text, encoding="utf-8")
    path = tmp_path / "train.py"
    path.write_text(TRAIN.format(read=read, vae=vae, scale=scale), encoding="utf-8")
    report = lint([path])
    assert [finding.code for finding in report.findings] == (["VAE703"] if found else [])
    assert all(finding.place is not None and finding.place.path.endswith("train.py") for finding in report.findings)


OPTION = 'import argparse\np = argparse.ArgumentParser()\np.add_argument("--latent-scale", default={default})\n'


@pytest.mark.parametrize(("default", "found"), [("0.18215", True), ("0.13025", False), ("None", False)])
def test_the_default_of_an_option_is_a_factor(default: str, found: bool, tmp_path: Path) -> None:
    read = OPTION.format(default=default) + "args = p.parse_args()"
    path = tmp_path / "train.py"
    text = TRAIN.format(read=read, vae='"stabilityai/sdxl-vae"', scale="args.latent_scale")
    path.write_text(text, encoding="utf-8")
    assert [finding.code for finding in lint([path]).findings] == (["VAE703"] if found else [])


def test_a_change_of_what_a_file_sets_is_seen_by_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    read = OMEGA.replace("configs/", "")
    Path("train.py").write_text(TRAIN.format(read=read, vae="cfg.vae.path", scale="cfg.vae.scale"), encoding="utf-8")
    for number, found in (("0.18215", ["VAE703"]), ("0.13025", []), ("0.18215", ["VAE703"])):
        text = f"vae:\n  path: stabilityai/sdxl-vae\n  scale: {number}\n"
        Path("base.yaml").write_text(text, encoding="utf-8")
        assert [finding.code for finding in lint(["train.py"], cache="kept").findings] == found
