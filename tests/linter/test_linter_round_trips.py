"""Latents that are decoded where they were encoded, by the factor of a VAE on one side of the way alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from vae_checked.linter import lint

TEXT = """\
import torch
import torch.nn.functional as F

FACTOR = {factor}


def encoded(x, vae):
    return vae.encode(x * 2 - 1).{drawn} {scaled}


def decoded(z, vae):
    return vae.decode(z {unscaled}) / 2 + 0.5


def distance(vae, loader):
    with torch.no_grad():
        return sum(F.mse_loss(decoded(encoded(x, vae), vae), x) for x in loader)
"""


@pytest.mark.parametrize(
    ("factor", "drawn", "scaled", "unscaled", "found"),
    [
        ("0.18215", "sample()", "", "/ FACTOR", True),
        ("0.13025", "mode()", "* FACTOR", "", True),
        ("0.3611", "latent_dist.sample()", "* FACTOR", "* FACTOR", True),
        ("1 / 0.18215", "sample()", "", "* FACTOR", True),
        ("0.18215", "sample()", "* FACTOR", "/ FACTOR", False),
        # A number that is no factor may be tried for its own sake, and a tensor that encode gives may be scaled there.
        ("0.9", "sample()", "", "* FACTOR", False),
        ("2.0", "sample()", "* FACTOR", "", False),
        ("0.18215", "float()", "", "/ FACTOR", False),
    ],
)
def test_a_factor_that_one_side_of_a_round_trip_has_is_named(
    factor: str, drawn: str, scaled: str, unscaled: str, found: bool, tmp_path: Path
) -> None:
    text = TEXT.format(factor=factor, drawn=drawn, scaled=scaled, unscaled=unscaled)
    (tmp_path / "trips.py").write_text(text, encoding="utf-8")
    findings = lint([tmp_path], select=["VAE7"]).findings
    assert [(each.code, each.place.line if each.place else 0) for each in findings] == [("VAE701", 12)] * found


@pytest.mark.parametrize(
    ("scaled", "unscaled", "said"),
    [
        ("* vae.config.scaling_factor", "", "before decode: z / scaling_factor"),
        ("* 0.25 * FACTOR", "/ FACTOR * 4 * FACTOR", "before decode: z * 5.48998"),
        ("", "/ vae.config.scaling_factor", "behind encode: z * scaling_factor"),
    ],
)
def test_the_remedy_stands_where_something_is_left_out(scaled: str, unscaled: str, said: str, tmp_path: Path) -> None:
    text = TEXT.format(factor="0.18215", drawn="latent_dist.sample()", scaled=scaled, unscaled=unscaled)
    (tmp_path / "trips.py").write_text(text, encoding="utf-8")
    (finding,) = lint([tmp_path], select=["VAE7"]).findings
    assert said in finding.fix


def test_what_is_said_of_a_round_trip_is_what_was_read_of_it(tmp_path: Path) -> None:
    text = TEXT.format(factor="0.18215", drawn="latent_dist.sample()", scaled="* FACTOR", unscaled="")
    (tmp_path / "trips.py").write_text(text, encoding="utf-8")
    (finding,) = lint([tmp_path], select=["VAE7"]).findings
    assert finding.evidence == "what is applied: z -> z * 0.18215 on the way from encode to decode"
    assert "latents are decoded on another scale than encode gives them at " in finding.message


@pytest.mark.parametrize("factor", ["1e-320", "5e-324", "1e308"])
def test_a_number_without_an_inverse_is_the_factor_of_no_vae(factor: str, tmp_path: Path) -> None:
    text = TEXT.format(factor=factor, drawn="latent_dist.sample()", scaled=f"* {factor}", unscaled="")
    (tmp_path / "trips.py").write_text(text, encoding="utf-8")
    assert [finding.code for finding in lint([tmp_path], select=["VAE7"]).findings] == []
