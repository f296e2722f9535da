"""diffusers' AutoencoderKL where code trains it, with the KL of the posterior that it hands out."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, codes, linted

SCRIPT = (
    HEAD
    + """
from diffusers import AutoencoderKL
from torchvision import datasets, transforms

transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize(0.5, 0.5)])
batches = DataLoader(datasets.MNIST("digits", transform=transform), batch_size=37)
vae = {vae}
optimizer = torch.optim.AdamW(vae.parameters(), lr=1e-4)
for x, _ in batches:
    {passed}
    loss = {error} + {kl}
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""
)
USUAL = {
    "vae": "AutoencoderKL(in_channels=1, out_channels=1, latent_channels=5)",
    "passed": """posterior = vae.encode(x).latent_dist
    y = vae.decode(posterior.sample()).sample""",
    "error": 'F.mse_loss(y, x, reduction="none").sum(dim=(1, 2, 3)).mean()',
    "kl": "1e-6 * posterior.kl().mean()",
}
OWN_KL = "-0.5 * (1 + posterior.logvar - posterior.mean.pow(2) - posterior.logvar.exp()).sum(dim=(1, 2, 3)).mean()"


def script(**parts: str) -> dict[str, str]:
    return {"train.py": SCRIPT.format(**{**USUAL, **parts})}


@pytest.mark.parametrize(
    "parts",
    [
        {},
        {"vae": 'AutoencoderKL.from_pretrained("stabilityai/sd-vae-ft-mse")'},
        {"kl": OWN_KL},
        {
            "passed": """y = vae(x, sample_posterior=True).sample
    posterior = vae.encode(x).latent_dist"""
        },
        {
            "passed": """posterior = vae.encode(x, return_dict=False)[0]
    y = vae.decode(posterior.sample(), return_dict=False)[0]  # of the latent_dist"""
        },
    ],
    ids=["built", "loaded", "own KL", "forward", "tuples"],
)
def test_a_model_of_a_library_that_trains_is_whole(parts: dict[str, str], tmp_path: Path) -> None:
    report = linted(tmp_path, script(**parts))
    assert not report.findings
    assert [vae.core_checked for vae in report.vaes] == [True]


@pytest.mark.parametrize(
    ("parts", "code"),
    [
        ({"kl": OWN_KL.replace("- posterior.mean", "+ posterior.mean")}, "VAE301"),
        ({"kl": "-1e-6 * posterior.kl().mean()"}, "VAE302"),
        ({"error": "F.binary_cross_entropy(y, x)"}, "VAE402"),
        ({"error": 'F.mse_loss(y, x, reduction="mean")', "kl": OWN_KL.replace(".mean()", ".sum()")}, "VAE504"),
    ],
    ids=["formula", "sign", "range", "batch"],
)
def test_a_mistake_around_a_model_of_a_library_is_named(parts: dict[str, str], code: str, tmp_path: Path) -> None:
    assert code in codes(linted(tmp_path, script(**parts)))


def test_a_model_of_a_library_that_is_only_used_is_no_vae_that_trains(tmp_path: Path) -> None:
    used = script(kl="0.0 * posterior.logvar.mean()", error="unet(posterior.sample() * vae.config.scaling_factor)")
    report = linted(tmp_path, used)
    assert not any(vae.core_checked for vae in report.vaes)


def test_the_factor_of_latents_is_asked_beside_a_training_of_the_model(tmp_path: Path) -> None:
    using = """
from diffusers import AutoencoderKL, UNet2DModel

vae = AutoencoderKL.from_pretrained("stabilityai/sd-vae-ft-mse")
latents = vae.encode(x).latent_dist.sample() * 0.18215
picture = vae.decode(latents).sample
"""
    assert "VAE701" in codes(linted(tmp_path, {**script(), "use.py": HEAD + using}))
