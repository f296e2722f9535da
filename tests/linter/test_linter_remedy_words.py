"""Remedies keep what the author's line has around the term, and reasons name the term that they are of."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, KL, LAYERS_FORWARD, LOOP, SQUASHED, linted

from vae_checked.catalogue.support.balance import right_axes
from vae_checked.catalogue.verdict import Undecided
from vae_checked.facts import Fact, Origin, Reduced, Reduction
from vae_checked.finding import Finding, Place
from vae_checked.linter import lint

TEXT = HEAD + SQUASHED + LAYERS_FORWARD + LOOP.format(loss="{loss}", differentiated="loss.backward()")
SUM_KL, MEAN_KL = KL.replace(", dim=1", ""), f"{KL}.mean()"


def _found(folder: Path, *lines: str) -> dict[str, Finding]:
    text = TEXT.replace("{loss}", "\n        ".join(lines))
    return {finding.code: finding for finding in linted(folder, {"net.py": text}).findings}


@pytest.mark.parametrize(
    ("line", "fix"),
    [
        ("error = F.mse_loss(y, x)", 'F.mse_loss(y, x, reduction="sum")'),
        ("error = 0.5 * F.mse_loss(y, x)", '0.5 * F.mse_loss(y, x, reduction="sum")'),
        (
            "error = -torch.distributions.Normal(y, 1.0).log_prob(x).mean()",
            "-torch.distributions.Normal(y, 1.0).log_prob(x).sum()",
        ),
        (
            "error = -torch.mean(torch.distributions.Normal(y, 1.0).log_prob(x))",
            "-torch.distributions.Normal(y, 1.0).log_prob(x).sum()",
        ),
    ],
)
def test_signs_and_factors_of_a_line_are_kept(line: str, fix: str, tmp_path: Path) -> None:
    found = _found(tmp_path, line, f"kl = {SUM_KL}", "loss = error + kl")
    assert found["VAE502"].fix == f"{fix}, or a weight of the KL that has a name"
    assert found["VAE504"].fix == fix


def test_a_kl_without_a_name_is_divided_as_it_is_written(tmp_path: Path) -> None:
    found = _found(tmp_path, f"loss = F.mse_loss(y, x) * 84 {SUM_KL.replace('-0.5', '- 0.5', 1)}")
    assert found["VAE504"].fix.endswith(": 0.5 * torch.sum(1 + s - m.pow(2) - s.exp()) / len(x)")


@pytest.mark.parametrize(
    ("error", "kl", "line"),
    [
        ("F.mse_loss(y, x, reduction='sum')", MEAN_KL, 1),
        ("F.mse_loss(y, x, reduction='sum') / len(x)", SUM_KL, 2),
        ("F.mse_loss(y, x, reduction='sum') / len(x)", f"{MEAN_KL} / len(x)", 2),
        ("F.mse_loss(y, x, reduction='sum') / len(x) / len(x)", MEAN_KL, 1),
    ],
)
def test_the_term_that_is_to_change_is_pointed_at(error: str, kl: str, line: int, tmp_path: Path) -> None:
    found = _found(tmp_path, f"error = {error}", f"kl = {kl}", "loss = error + kl")["VAE504"]
    assert found.place is not None
    assert found.place.text.strip().startswith(("error", "kl")[line - 1])


@pytest.mark.parametrize(
    ("made", "fix"),
    [
        ("torch.distributions.Bernoulli(x).log_prob(y)", "torch.distributions.Bernoulli(y).log_prob(x)"),
        ("torch.distributions.Bernoulli(probs=x).log_prob(y)", "torch.distributions.Bernoulli(probs=y).log_prob(x)"),
    ],
)
def test_a_density_of_the_data_is_spoken_of_as_a_density(made: str, fix: str, tmp_path: Path) -> None:
    found = _found(tmp_path, f"error = -{made}.sum(1)", f"loss = (error + {KL}).mean()")["VAE404"]
    assert found.message.startswith("the distribution whose log_prob is taken gets the data as its prediction")
    assert found.evidence.startswith(f"d loss / d y is that of {made}")
    assert found.fix == fix
    assert _found(tmp_path, f"error = -{fix}.sum(1)", f"loss = (error + {KL}).mean()") == {}


def test_a_term_whose_axes_are_open_is_named() -> None:
    place = Place("net.py", 31, 8, 31, 40)
    open_term = Fact(Reduced(batch=Reduction.MEAN), Origin("kl_of(m, s).mean(0)", place))
    assert right_axes(open_term, "the KL") == Undecided(
        reason="how the KL (kl_of(m, s).mean(0) at net.py:31) is reduced over a sample's axes is not known"
    )


GRID = """
import torch
from diffusers import AutoencoderKL


def draw(model, scheduler, size):
    vae = AutoencoderKL.from_pretrained("stabilityai/sd-vae-ft-mse")
    z = torch.randn(5, {channels}, size // {by}, size // {by})
    for t in scheduler.timesteps:
        z = scheduler.step(model(z, t), t, z).prev_sample
    return vae.decode(z / vae.config.scaling_factor).sample
"""


@pytest.mark.parametrize(
    ("channels", "by", "said", "fix"),
    [
        (
            16,
            8,
            "noise of 16 channels, and the latents",
            "take the channels from the VAE: vae.config.latent_channels (4)",
        ),
        (4, 2, "noise at 1 / 2 of the picture's height and width", "divide height and width by 8: "),
    ],
)
def test_the_remedy_of_a_grid_is_that_of_what_is_wrong(
    channels: int, by: int, said: str, fix: str, tmp_path: Path
) -> None:
    (tmp_path / "draw.py").write_text(GRID.format(channels=channels, by=by), encoding="utf-8")
    (finding,) = lint([tmp_path], select=["VAE710"]).findings
    assert said in finding.message
    assert finding.fix.startswith(fix)
