"""Latents in use: what the linter reads of code that encodes and decodes with a VAE that it loads."""

from __future__ import annotations

from pathlib import Path

import pytest

from vae_checked.linter import LintReport, lint

HEAD = """\
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL


def load():
    return AutoencoderKL.from_pretrained("stabilityai/stable-diffusion-3-medium-diffusers", subfolder="vae")

"""
TRAIN = """
def train(model, scheduler, vae, pictures, t):
    z = encode(vae, pictures)
    noise = torch.randn_like(z)
    return F.mse_loss(model(scheduler.add_noise(z, noise, t), t), noise)


def draw(model, scheduler, vae, z):
    for t in scheduler.timesteps:
        z = scheduler.step(model(z, t), t, z).prev_sample
    return decode(vae, z)
"""


def ends(encode: str, decode: str) -> str:
    """A module whose latents go through `encode` and come back through `decode`, both of z."""
    return f"""{HEAD}
def encode(vae, pictures):
    z = vae.encode(pictures).latent_dist.sample()
    return {encode}


def decode(vae, z):
    return vae.decode({decode}).sample

{TRAIN}"""


def read(folder: Path, text: str) -> LintReport:
    path = folder / "train.py"
    path.write_text(text, encoding="utf-8")
    return lint([path])


def named(folder: Path, text: str) -> list[tuple[str, int]]:
    report = read(folder, text)
    return [(finding.code, finding.place.line) for finding in report.findings if finding.place is not None]


S, T = "vae.config.scaling_factor", "vae.config.shift_factor"


@pytest.mark.parametrize(
    ("encode", "decode"),
    [
        (f"z * {S}", f"z / {S}"),
        (f"z * {S}", f"1 / {S} * z"),
        (f"z.mul_({S})", f"torch.div(z, {S})"),
        (f"(z - {T}) * {S}", f"z / {S} + {T}"),
        (f"(z - {T}) * {S}", f"(z + {T} * {S}) / {S}"),
        (
            "(z - vae.config.latents_mean) / vae.config.latents_std",
            "z * vae.config.latents_std + vae.config.latents_mean",
        ),
        ("z / vae.config.std", "z * vae.config.std"),
        ("z * 0.18215", "z / 0.18215"),
        ("z * 0.18215", "z * 5.489980784"),
        (f"z * {S}", "z / 0.18215"),
        (f"z * {S}", "z / vae.config.another_factor"),
        ("z * vae.config.std", "z * vae.config.scale"),
        ("z", "z"),
    ],
)
def test_ends_that_undo_each_other_or_may_are_silent(encode: str, decode: str, tmp_path: Path) -> None:
    found = [code for code, _ in named(tmp_path, ends(encode, decode))]
    assert found == []


@pytest.mark.parametrize(
    ("encode", "decode", "code"),
    [
        (f"z * {S}", "z", "VAE701"),
        (f"z * {S}", f"z * {S}", "VAE701"),
        ("z", f"z / {S}", "VAE701"),
        ("z * 0.18215", "z / 0.13025", "VAE701"),
        ("(z - vae.config.latents_mean) / vae.config.latents_std", "z", "VAE701"),
        (f"(z - {T}) * {S}", f"z / {S}", "VAE702"),
        (f"z * {S}", f"z / {S} + {T}", "VAE702"),
        (f"z * {S} - {T}", f"z / {S} + {T}", "VAE702"),
        (f"(z - {T}) * {S}", f"z / {S} - {T}", "VAE702"),
        (f"(z - {T}) * {S}", f"(z + {T}) / {S}", "VAE702"),
        ("(z - vae.config.latents_mean) / vae.config.latents_std", "z * vae.config.latents_std", "VAE702"),
    ],
)
def test_ends_that_do_not_undo_each_other_are_named(encode: str, decode: str, code: str, tmp_path: Path) -> None:
    text = ends(encode, decode)
    line = next(number for number, each in enumerate(text.splitlines(), 1) if "vae.decode(" in each)
    assert (code, line) in named(tmp_path, text)


@pytest.mark.parametrize(
    ("given", "wrong", "right"),
    [
        # A VAE that gives a latent itself, which scales it inside for all that is known where nothing else does.
        ("vae.encode(pictures)", (f"z * {S}", "z"), ("z", f"z / {S}")),
        ("vae.encode(pictures)", (f"z * {S}", f"z * {S}"), (f"z * {S}", f"z / {S}")),
        ("vae.encode_stage_2_inputs(pictures)", ("z", f"z / {S}"), (f"z * {S}", f"z / {S}")),
    ],
)
def test_a_latent_that_encode_gives_itself_is_followed(
    given: str, wrong: tuple[str, str], right: tuple[str, str], tmp_path: Path
) -> None:
    for pair, codes in ((wrong, ["VAE701"]), (right, [])):
        text = ends(*pair).replace("vae.encode(pictures).latent_dist.sample()", given)
        assert [code for code, _ in named(tmp_path, text)] == codes


def test_a_condition_that_is_not_scaled_is_no_end(tmp_path: Path) -> None:
    text = ends(f"z * {S}", f"z / {S}") + (
        "\n\ndef condition(vae, picture):\n    return vae.encode(picture).latent_dist.mode()\n"
    )
    assert named(tmp_path, text) == []


def test_one_end_alone_says_nothing(tmp_path: Path) -> None:
    text = f"{HEAD}\ndef decode(vae, z):\n    return vae.decode(z / {S}).sample\n"
    report = read(tmp_path, text)
    assert report.findings == ()
    assert report.files_concerned == 0


def test_a_latent_that_is_decoded_where_it_was_encoded_is_followed(tmp_path: Path) -> None:
    trip = f"{HEAD}\ndef trip(vae, x):\n    z = vae.encode(x).latent_dist.mode(){{}}\n    return vae.decode(z).sample\n"
    assert named(tmp_path, trip.format("")) == []
    assert [code for code, _ in named(tmp_path, trip.format(f" * {S}"))] == ["VAE701"]


def test_a_factor_on_the_picture_is_named(tmp_path: Path) -> None:
    text = ends(f"z * {S}", f"z / {S}").replace(").sample\n\n", f").sample * {S}\n\n", 1)
    assert "VAE701" in [code for code, _ in named(tmp_path, text)]


STORED = """\
import torch


def train(vae, {holder}, model, epochs):
    for _ in range(epochs):
        for item in {holder}:
            z = item["latents"]{copy}
            z *= vae.config.scaling_factor
            model(z).mean().backward()
"""


@pytest.mark.parametrize(
    ("holder", "copy", "codes"),
    [
        ("cache", "", ["VAE701"]),
        ("cache", ".clone()", []),
        ("cache", ".to('cuda')", []),
        ("loader", "", []),
        ("train_dataloader", "", []),
    ],
)
def test_a_stored_latent_that_is_scaled_in_place_is_named(
    holder: str, copy: str, codes: list[str], tmp_path: Path
) -> None:
    assert [code for code, _ in named(tmp_path, STORED.format(holder=holder, copy=copy))] == codes


@pytest.mark.parametrize(
    ("identity", "factor", "codes"),
    [
        ("stabilityai/sdxl-vae", "0.18215", ["VAE703"]),
        ("stabilityai/sdxl-vae", "0.13025", []),
        ("stabilityai/sd-vae-ft-ema", "0.18215", []),
        ("stabilityai/sd-vae-ft-ema", "0.18125", ["VAE703"]),
        ("a-vae-of-my-own", "0.18125", ["VAE703"]),
        ("a-vae-of-my-own", "0.18215", []),
        ("a-vae-of-my-own", "0.7421", []),
        ("stabilityai/sdxl-vae", "0.21", []),
    ],
)
def test_a_factor_is_held_against_the_vae_that_is_loaded(
    identity: str, factor: str, codes: list[str], tmp_path: Path
) -> None:
    text = f"""\
import torch
from diffusers import AutoencoderKL


def latents(x):
    vae = AutoencoderKL.from_pretrained("{identity}")
    return vae.encode(x).latent_dist.sample() * {factor}
"""
    assert [code for code, _ in named(tmp_path, text)] == codes


@pytest.mark.parametrize(
    ("normalise", "mapped", "codes"),
    [
        ("", "x", ["VAE704"]),
        ("", "x * 2 - 1", []),
        (", transforms.Normalize([0.5], [0.5])", "x", []),
        (", transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])", "x", ["VAE704"]),
        ("", "x * 255", ["VAE704"]),
    ],
)
def test_pictures_are_held_against_the_range_of_the_vae(
    normalise: str, mapped: str, codes: list[str], tmp_path: Path
) -> None:
    text = f"""\
import torch
from diffusers import AutoencoderKL
from torchvision import datasets, transforms


def latents(folder):
    vae = AutoencoderKL.from_pretrained("stabilityai/sd-vae-ft-ema")
    steps = transforms.Compose([transforms.Resize(64), transforms.ToTensor(){normalise}])
    for x, _ in torch.utils.data.DataLoader(datasets.ImageFolder(folder, steps), batch_size=4):
        torch.save(vae.encode({mapped}).latent_dist.sample(), "latents.pt")
"""
    assert [code for code, _ in named(tmp_path, text)] == codes


@pytest.mark.parametrize(("clamp", "codes"), [("z.clamp(-1, 1)", ["VAE707"]), ("z.clamp(-4, 4)", []), ("z", [])])
def test_latents_that_are_clamped_like_pixels_are_named(clamp: str, codes: list[str], tmp_path: Path) -> None:
    text = ends(f"z * {S}", f"{clamp} / {S}")
    assert [code for code, _ in named(tmp_path, text)] == codes


@pytest.mark.parametrize("clamp", ["z.clamp(-1, 1) if scheduler.config.clip_sample else z", "clipped(z, scheduler)"])
def test_a_clamp_that_a_setting_asks_for_is_left_open(clamp: str, tmp_path: Path) -> None:
    clipped = """

def clipped(z, scheduler):
    z = z * 1
    if scheduler.config.clip_sample:
        z = torch.clamp(z, -1, 1)
    return z
"""
    text = ends(f"z * {S}", f"({clamp}) / {S}") + clipped
    assert named(tmp_path, text) == []
    (path,) = tmp_path.glob("*.py")
    assert not any(name == "latents.clamped" for facts in lint([path]).facts for name, _ in facts.known())


TERMS = """\
import torch
import torch.nn.functional as F


def step(model, vae, noisy, pictures, t, optimizer):
    z = model(noisy, t)
    {block}
    loss = F.mse_loss(z, noisy) + 0.1 * F.l1_loss(decoded, pictures)
    loss.backward()
    optimizer.step()
"""


@pytest.mark.parametrize(
    ("block", "codes"),
    [
        ("decoded = vae.decode(z).sample", []),
        ("with torch.no_grad():\n        decoded = vae.decode(z).sample", ["VAE705"]),
        ("with torch.inference_mode():\n        decoded = vae.decode(z).sample", ["VAE705"]),
        ("decoded = vae.decode(z).sample.detach()", ["VAE705"]),
        ("decoded = vae.decode(noisy).sample.detach()", []),
        # What is made of a picture may be moved itself from there on.
        ("decoded = vae.decode(z).sample.detach()\n    decoded.requires_grad_(True)", []),
        ("decoded = vae.decode(z).sample.detach().requires_grad_()", []),
        ("decoded = vae.decode(z).sample.detach().requires_grad_(False)", ["VAE705"]),
    ],
)
def test_a_term_that_reads_a_decode_without_gradient_is_named(block: str, codes: list[str], tmp_path: Path) -> None:
    assert [code for code, _ in named(tmp_path, TERMS.format(block=block))] == codes
    # A loss that is an object, by its class.
    text = TERMS.format(block=f'near = lpips.LPIPS(net="vgg")\n    {block}').replace("F.l1_loss(", "near(")
    assert [code for code, _ in named(tmp_path, f"import lpips\n{text}")] == codes


PENALTY = """\
import losses
import torch
from critics import Critic


def step(model, vae, noisy, pictures, optimizer, critic):
    {made}
    with torch.no_grad():
        decoded = vae.decode(model(noisy)).sample
    loss = (judge(decoded) - judge(pictures)).mean() + losses.penalty({handed}, pictures, decoded)
    loss.backward()
    optimizer.step()
"""


@pytest.mark.parametrize(
    ("made", "handed", "codes"),
    [
        # Whoever judges the pictures is trained by what is measured on them.
        ("judge = Critic().cuda()", "judge", []),
        ("judge = critic", "judge", []),
        ("judge = critic", "critic", []),
        ("judge = critic", "0.1", ["VAE705"]),
    ],
)
def test_an_unread_penalty_may_train_the_model_that_it_is_handed(
    made: str, handed: str, codes: list[str], tmp_path: Path
) -> None:
    assert [code for code, _ in named(tmp_path, PENALTY.format(made=made, handed=handed))] == codes


HALVES = """\
import torch


def normalised(vae, x, mean, std):
    mu, logvar = vae.encode(x).latent_dist.parameters.chunk(2, dim=1)
    mu = (mu - mean) / std
    logvar = {second}
    return mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
"""


@pytest.mark.parametrize(
    ("second", "codes"),
    [("(logvar - mean) / std", ["VAE708"]), ("logvar - 2 * torch.log(std)", []), ("logvar", [])],
)
def test_the_map_of_the_mean_on_the_log_variance_is_named(second: str, codes: list[str], tmp_path: Path) -> None:
    assert [code for code, _ in named(tmp_path, HALVES.format(second=second))] == codes


def test_a_tokenizer_is_no_vae(tmp_path: Path) -> None:
    text = """\
import torch


def words(tokenizer, vae, text):
    ids = tokenizer.encode(text) * vae.config.scaling_factor
    return tokenizer.decode(ids)
"""
    report = read(tmp_path, text)
    assert report.findings == ()
    assert report.facts == ()


def test_a_factor_whose_default_is_one_is_a_factor(tmp_path: Path) -> None:
    text = """\
import torch


class Inferer:
    def __init__(self, scheduler, scale_factor: float = 1.0):
        self.scheduler = scheduler
        self.scale_factor = scale_factor

    def training(self, pictures, vae, model, noise, t):
        z = vae.encode(pictures).sample() * self.scale_factor
        return model(self.scheduler.add_noise(z, noise, t), t)

    def sample(self, z, vae, model):
        for t in self.scheduler.timesteps:
            z, _ = self.scheduler.step(model(z, t), t, z)
        return vae.decode(z) * self.scale_factor
"""
    assert ("VAE701", 16) in named(tmp_path, text)
    assert named(tmp_path, text.replace("decode(z) * self.scale_factor", "decode(z / self.scale_factor)")) == []


def test_halves_that_one_function_maps_are_followed(tmp_path: Path) -> None:
    text = """\
import torch
from diffusers.models.autoencoders.vae import DiagonalGaussianDistribution


def normalise(x, mean, std):
    return (x - mean) / std


def posterior(parameters, mean, std):
    mu, logvar = torch.chunk(parameters, 2, dim=1)
    mu = normalise(mu, mean, std)
    logvar = {second}
    return DiagonalGaussianDistribution(torch.cat([mu, logvar], dim=1))
"""
    wrong = named(tmp_path, text.format(second="normalise(logvar, mean, std)"))
    assert wrong == [("VAE708", 13)]
    assert named(tmp_path, text.format(second="logvar - 2 * torch.log(std)")) == []


def test_a_factor_of_a_stored_latent_is_held_against_its_vae(tmp_path: Path) -> None:
    text = """\
import torch
from diffusers.models.autoencoders.vae import DiagonalGaussianDistribution


def latents(moments, model):
    factor = torch.tensor([{factor}, {factor}]).view(1, 2, 1, 1)
    z = DiagonalGaussianDistribution(moments).sample() * factor
    return model(z)
"""
    assert [code for code, _ in named(tmp_path, text.format(factor=0.18125))] == ["VAE703"]
    assert named(tmp_path, text.format(factor=0.18215)) == []


def test_a_loss_that_is_logged_as_a_number_is_no_term(tmp_path: Path) -> None:
    text = TERMS.format(block="decoded = vae.decode(z).sample").replace(
        "    loss.backward()\n",
        "    logged_loss = loss.item() + 1.0 * F.l1_loss(z, noisy).item()\n    loss.backward()\n",
    )
    assert named(tmp_path, text) == []


def test_pictures_of_a_vae_with_an_adapter_of_its_own_are_left_open(tmp_path: Path) -> None:
    text = """\
import torch
from diffusers import AutoencoderKL
from torchvision import datasets, transforms


def latents(folder, config):
    vae = AutoencoderKL.from_pretrained("stabilityai/sd-vae-ft-ema")
    {adapter}
    for x, _ in torch.utils.data.DataLoader(datasets.ImageFolder(folder, transforms.ToTensor()), batch_size=4):
        torch.save(vae.encode(x).latent_dist.sample(), "latents.pt")
"""
    assert named(tmp_path, text.format(adapter="vae.add_adapter(config)")) == []
    assert [code for code, _ in named(tmp_path, text.format(adapter="vae.eval()"))] == ["VAE704"]


FINE_TUNED = """\
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL


def train(loader):
    vae = AutoencoderKL.from_pretrained("stabilityai/sd-vae-ft-ema")
    optimizer = torch.optim.AdamW({parameters}, lr=1e-5)
    for x in loader:
        posterior = vae.encode(x * 2 - 1).latent_dist
        z = posterior.{taken}()
        loss = F.mse_loss(vae.decode(z).sample, x * 2 - 1) + {kl}
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""


@pytest.mark.parametrize(
    ("parameters", "taken", "kl", "codes"),
    [
        ("vae.parameters()", "sample", "1e-6 * posterior.kl().mean()", []),
        ("vae.parameters()", "mode", "1e-6 * posterior.kl().mean()", [("VAE207", 11)]),
        ("vae.decoder.parameters()", "sample", "1e-6 * posterior.kl().mean()", [("VAE602", 8)]),
        ("[*vae.decoder.parameters(), *vae.encoder.parameters()]", "sample", "1e-6 * posterior.kl().mean()", []),
        ("vae.decoder.parameters()", "mode", "0.0", []),
    ],
)
def test_a_vae_that_is_trained_further_is_examined(
    parameters: str, taken: str, kl: str, codes: list[tuple[str, int]], tmp_path: Path
) -> None:
    assert named(tmp_path, FINE_TUNED.format(parameters=parameters, taken=taken, kl=kl)) == codes


def test_the_summary_says_how_many_latents_were_followed(tmp_path: Path) -> None:
    assert "latents followed in 2 places" in read(tmp_path, ends(f"z * {S}", f"z / {S}")).summary
    assert "latents followed" not in read(tmp_path, "import torch\nx = torch.randn(3).exp()\n").summary


def test_the_range_of_a_vae_that_is_built_here_is_not_known(tmp_path: Path) -> None:
    text = """\
import torch
from generative.networks.nets import AutoencoderKL
from torchvision import datasets, transforms


def latents(folder):
    vae = AutoencoderKL(spatial_dims=2, in_channels=1, out_channels=1)
    for x, _ in torch.utils.data.DataLoader(datasets.ImageFolder(folder, transforms.ToTensor()), batch_size=4):
        torch.save(vae.encode(x)[0], "latents.pt")
"""
    assert named(tmp_path, text) == []
