"""Which VAE is loaded, where that is said by a setting, and where a factor that is not its own is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from vae_checked.linter import lint

HEAD = "import argparse\nimport torch\nfrom diffusers import AutoencoderKL\n"
BY_OPTION = """
def options():
    parser = argparse.ArgumentParser()
    parser.add_argument("--first-stage", type=str, default="{identity}")
    return parser.parse_args()


def main():
    args = options()
    vae = AutoencoderKL.from_pretrained(args.first_stage)
    for x in torch.load("pictures.pt"):
        z = vae.encode(x).latent_dist.sample() * 0.18215
        torch.save(z, "latents.pt")
"""
BY_ATTRIBUTE = """
class Trainer:
    VAE_PATH = None

    def load(self):
        self.vae = AutoencoderKL.from_pretrained(self.VAE_PATH)

    def latents(self, x):
        return self.vae.encode(x).latent_dist.sample() * 0.18215


class OfAnotherModel(Trainer):
    VAE_PATH = "{identity}"
"""
BY_ENTRY = """
class VideoVAE(torch.nn.Module):
    def __init__(self, from_pretrained=None):
        super().__init__()
        self.module = AutoencoderKL.from_pretrained(from_pretrained)

    def latents(self, x):
        return self.module.encode(x).latent_dist.sample() * 0.18215


def build(registry):
    return registry.build({entry})
"""
ENTRIES = (
    'dict(type="VideoVAE", from_pretrained="{identity}")',
    '{{"_target_": "models.VideoVAE", "from_pretrained": "{identity}"}}',
)


@pytest.mark.parametrize("text", [BY_OPTION, BY_ATTRIBUTE, *(BY_ENTRY.replace("{entry}", each) for each in ENTRIES)])
@pytest.mark.parametrize(
    ("identity", "codes"), [("stabilityai/sdxl-vae", ["VAE703"]), ("stabilityai/sd-vae-ft-mse", [])]
)
def test_a_setting_says_which_vae_is_loaded(text: str, identity: str, codes: list[str], tmp_path: Path) -> None:
    path = tmp_path / "latents.py"
    path.write_text(HEAD + text.format(identity=identity), encoding="utf-8")
    assert [finding.code for finding in lint([path]).findings] == codes


@pytest.mark.parametrize(
    "beside",
    [
        'def load(from_pretrained="stabilityai/sdxl-vae"):\n    return from_pretrained\n',
        'registry.build(dict(type="AnotherVAE", from_pretrained="stabilityai/sdxl-vae"))\n',
        'class Another:\n    from_pretrained = "stabilityai/sdxl-vae"\n',
    ],
)
def test_a_setting_of_something_else_says_nothing(beside: str, tmp_path: Path) -> None:
    path = tmp_path / "latents.py"
    path.write_text(f"{HEAD}{BY_ENTRY.replace('{entry}', 'None')}\n\n{beside}", encoding="utf-8")
    assert [finding.code for finding in lint([path]).findings] == []


APART = """
def latents(x):
    vae = AutoencoderKL.from_pretrained("stabilityai/sdxl-vae")
    scale = torch.tensor([0.18215, 0.18215, 0.18215, 0.18215]).view(1, 4, 1, 1)
    for _ in range(3):
        torch.save(vae.encode(x).latent_dist.sample() * scale, "latents.pt")


def pictures(z):
    vae = AutoencoderKL.from_pretrained("stabilityai/sdxl-vae")
    scale = torch.tensor([0.18215, 0.18215, 0.18215, 0.18215]).view(1, 4, 1, 1)
    z = z.float()
    return vae.decode(z / scale)
"""


def test_a_factor_is_named_where_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "latents.py"
    path.write_text(HEAD + APART, encoding="utf-8")
    places = [finding.place for finding in lint([path]).findings]
    assert [place.line for place in places if place is not None] == [7, 14]


@pytest.mark.parametrize(
    ("changed", "found"),
    [
        ("self.AUTOENCODER_SCALING_FACTOR *= 2", True),
        ("self.vae.config.scaling_factor /= 2.0", True),
        ("self.AUTOENCODER_SCALING_FACTOR *= self.patches", False),
        ("self.rope_scaling_factor *= 2", False),
        ("self.AUTOENCODER_SCALING_FACTOR = self.vae.config.scaling_factor", False),
    ],
)
def test_a_factor_that_is_changed_where_it_stands_is_named(changed: str, found: bool, tmp_path: Path) -> None:
    path = tmp_path / "model.py"
    text = f"""
class OfPatches:
    def __init__(self, path):
        self.vae = AutoencoderKL.from_pretrained(path)

    def after_loading(self):
        {changed}

    def latents(self, x):
        return self.vae.encode(x).latent_dist.sample() * self.vae.config.scaling_factor
"""
    path.write_text(HEAD + text, encoding="utf-8")
    assert [finding.code for finding in lint([path]).findings] == (["VAE703"] if found else [])


OWN = """
import torch.nn.functional as F


def train_vae(pictures, folder):
    vae = AutoencoderKL(in_channels=1, out_channels=1, latent_channels=6)
    {given}
    {saved}


def train(model, scheduler, pictures, folder):
    vae = {vae}
    for x in pictures:
        z = vae.encode(x).latent_dist.sample() * {factor}
        noise = torch.randn_like(z)
        F.mse_loss(model(scheduler.add_noise(z, noise, 5), 5), noise).backward()
"""
BUILT = "AutoencoderKL(in_channels=1, out_channels=1, latent_channels=6)"
CONFIGURED = "vae.config.scaling_factor"


@pytest.mark.parametrize(
    ("vae", "saved", "factor", "given", "found"),
    [
        (BUILT, "pass", CONFIGURED, "pass", True),
        ('AutoencoderKL.from_pretrained("out/vae")', 'vae.save_pretrained("out/vae")', CONFIGURED, "pass", True),
        ("AutoencoderKL.from_pretrained(folder)", "unwrap(vae).save_pretrained(folder)", CONFIGURED, "pass", True),
        ('AutoencoderKL.from_pretrained("out/vae")', 'vae.save_pretrained("out/other")', CONFIGURED, "pass", False),
        ('AutoencoderKL.from_pretrained("out/vae")', 'pictures.save_pretrained("out/vae")', CONFIGURED, "pass", False),
        (BUILT, "pass", "0.41", "pass", False),
        (BUILT, "pass", "pictures.scaling_factor", "pass", False),
        (BUILT, "pass", CONFIGURED, "vae.register_to_config(scaling_factor=0.41)", False),
        (BUILT[:-1] + ", scaling_factor=0.41)", "pass", CONFIGURED, "pass", False),
        (BUILT[:-1] + ", **folder.options)", "pass", CONFIGURED, "pass", False),
    ],
)
def test_the_factor_that_an_own_vae_has_by_default_is_named(
    vae: str, saved: str, factor: str, given: str, found: bool, tmp_path: Path
) -> None:
    text = OWN.format(vae=vae, saved=saved, factor=factor, given=given)
    path = tmp_path / "train.py"
    path.write_text(HEAD + text, encoding="utf-8")
    named = [(each.code, each.place.line) for each in lint([path]).findings if each.severity == "error" and each.place]
    assert named == ([("VAE703", 17)] if found else [])
