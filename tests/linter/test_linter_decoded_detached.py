"""A term of the loss on a picture that is decoded of a detached latent: it trains nothing where the VAE is kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from vae_checked.linter import lint

FITTED = """\
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL, UNet2DConditionModel


def freeze(model):
    for weight in model.parameters():
        weight.requires_grad = False


def fit(path, batches, scheduler):
    vae = AutoencoderKL.from_pretrained("stabilityai/sd-vae-ft-mse")
    {kept}
    net = UNet2DConditionModel.from_pretrained(path, subfolder="unet")
    optimizer = torch.optim.AdamW({trained}, lr=1e-4)
    for batch in batches:
        with torch.no_grad():
            z = vae.encode(batch["pictures"]).latent_dist.sample() * vae.config.scaling_factor
        noise, t = torch.randn_like(z), torch.randint(0, 1000, (len(z),))
        eps = net(scheduler.add_noise(z, noise, t), t).sample
        clean = scheduler.add_noise(z, noise, t) - eps
        decoded = vae.decode({latent} / vae.config.scaling_factor).sample
        masked = ((decoded - batch["pictures"]) * batch["mask"]).abs().mean()
        loss = F.mse_loss(eps, noise) + 10 * masked
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
KEPT = "vae.requires_grad_(False)"
NET = "net.parameters()"
BOTH = "[*net.parameters(), *vae.decoder.parameters()]"


def codes(folder: Path, kept: str = KEPT, trained: str = NET, latent: str = "clean.detach()") -> list[str]:
    (folder / "fit.py").write_text(FITTED.format(kept=kept, trained=trained, latent=latent), encoding="utf-8")
    return [finding.code for finding in lint([folder]).findings if finding.severity != "info"]


@pytest.mark.parametrize(
    "kept",
    [
        KEPT,
        "freeze(vae)",
        "for weight in vae.parameters(): weight.requires_grad = False",
        "vae.eval().requires_grad_(False)",
    ],
)
def test_a_detached_latent_cuts_its_term_off(kept: str, tmp_path: Path) -> None:
    assert codes(tmp_path, kept) == ["VAE705"]
    assert codes(tmp_path, kept, latent="clean") == []


def test_a_part_with_gradient_is_enough(tmp_path: Path) -> None:
    assert codes(tmp_path, latent="(clean.detach() + 0.1 * clean)") == []
    # A step that goes straight through.
    assert codes(tmp_path, latent="(clean + (clean.round() - clean).detach())") == []


def test_a_vae_that_may_be_trained_learns_from_it(tmp_path: Path) -> None:
    assert codes(tmp_path, kept="vae.train()", trained=BOTH) == []
    assert codes(tmp_path, kept="pass", trained=BOTH) == []


MAPPED = FITTED.replace(
    'masked = ((decoded - batch["pictures"])',
    "with {block}:\n            shown = {shown}\n        masked = ((shown - {wanted})",
)


@pytest.mark.parametrize(
    ("shown", "block", "fix"),
    [
        ("(decoded / 2 + 0.5).clamp(0, 1)", "torch.no_grad()", "compute {} with gradient, as the decode before it"),
        ("decoded / 2 + 0.5", "torch.inference_mode()", "compute {} with gradient, as the decode before it"),
        ("(decoded / 2 + 0.5).clamp(0, 1)", "torch.enable_grad()", None),
    ],
)
def test_what_is_computed_on_without_gradient_is_pointed_at(
    shown: str, block: str, fix: str | None, tmp_path: Path
) -> None:
    wanted = '(batch["pictures"] / 2 + 0.5)'
    text = MAPPED.format(kept=KEPT, trained=NET, latent="clean", shown=shown, block=block, wanted=wanted)
    (tmp_path / "fit.py").write_text(text, encoding="utf-8")
    found = [each for each in lint([tmp_path]).findings if each.severity != "info"]
    assert [(each.code, each.fix) for each in found] == ([("VAE705", fix.format(shown))] if fix else [])
    assert [each.place.line for each in found if each.place] == [24] * len(found)
    assert all("decoded under" not in each.message for each in found)
