"""A shift that code asks for: the way without one is of VAEs that have none; a helper without any is not clean."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from vae_checked.linter import LintReport, lint

_HELPER = """\
import argparse

import torch
from diffusers import AutoencoderKL{imported}


class Restorer:
    def __init__(self, name):
        self.vae = AutoencoderKL.from_pretrained(name, subfolder="vae")
        {loaded}

    @torch.no_grad()
    def into(self, pictures):
        z = self.vae.encode(pictures).latent_dist.sample()
{encoded}

    @torch.no_grad()
    def back(self, z):
{decoded}
"""
_DRAWN = """

def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--name", default="black-forest-labs/FLUX.1-dev")
    args = parser.parse_args()
    restorer = Restorer(args.name)
    z = restorer.into(torch.rand(3, 3, 96, 64) * 2 - 1)
    net, noise = load_net(args.name), torch.randn_like(z)
    for t in range(9):
        noise = noise - net(noise, z, t) * 0.1
    restorer.back(noise).save("out")


if __name__ == "__main__":
    main()
"""
_C = "self.vae.config"
_TO, _BACK = f"z * {_C}.scaling_factor", f"z / {_C}.scaling_factor"
_TO_SHIFTED = f"(z - {_C}.shift_factor) * {_C}.scaling_factor"
_BACK_SHIFTED = f"{_BACK} + {_C}.shift_factor"
_ASSIGNED = """\
        if {asked}:
            z = {shifted}
        else:
            z = {plain}
        return {made}"""
_RETURNED = """\
        if {asked}:
            return {shifted}
        return {plain}"""


def _asking(asked: str) -> tuple[str, str]:
    encoded = _ASSIGNED.format(asked=asked, shifted=_TO_SHIFTED, plain=_TO, made="z")
    return encoded, _ASSIGNED.format(asked=asked, shifted=_BACK_SHIFTED, plain=_BACK, made="self.vae.decode(z).sample")


def _asking_early(asked: str) -> tuple[str, str]:
    encoded = _RETURNED.format(asked=asked, shifted=_TO_SHIFTED, plain=_TO)
    back, plain = (f"self.vae.decode({each}).sample" for each in (_BACK_SHIFTED, _BACK))
    return encoded, _RETURNED.format(asked=asked, shifted=back, plain=plain)


_ONE_END_SHIFTED = f"        return {_TO_SHIFTED}", f"        return self.vae.decode({_BACK}).sample"
_UNSHIFTED = f"        return {_TO}", f"        return self.vae.decode({_BACK}).sample"
_SHIFTED = f"        return {_TO_SHIFTED}", f"        return self.vae.decode({_BACK_SHIFTED}).sample"
_BARE = "        return z", "        return self.vae.decode(z).sample"


def _report(tmp_path: Path, ends: tuple[str, str], model: str = "", drawn: str = "") -> LintReport:
    encoded, decoded = ends
    loaded = f'self.model = {model}.from_pretrained(name, subfolder="transformer")' if model else "self.model = None"
    text = _HELPER.format(imported=f", {model}" if model else "", loaded=loaded, encoded=encoded, decoded=decoded)
    (tmp_path / "restorer.py").write_text(text + drawn, encoding="utf-8")
    return lint([tmp_path])


@pytest.mark.parametrize("model", ["", "FluxTransformer2DModel"])
@pytest.mark.parametrize("ends", [_asking, _asking_early])
@pytest.mark.parametrize(
    "asked",
    [
        f'hasattr({_C}, "shift_factor") and {_C}.shift_factor is not None',
        f'hasattr({_C}, "shift_factor")',
        f"{_C}.shift_factor",
        f'getattr({_C}, "shift_factor", None)',
        f"{_C}.shift_factor is not None",
        f'"shift_factor" in {_C}',
    ],
)
def test_a_way_for_vaes_without_a_shift_is_no_mistake(
    ends: Callable[[str], tuple[str, str]], asked: str, model: str, tmp_path: Path
) -> None:
    assert _report(tmp_path, ends(asked), model, _DRAWN).findings == ()


@pytest.mark.parametrize("model", ["", "FluxTransformer2DModel"])
def test_a_shift_at_one_end_alone_is_still_named(model: str, tmp_path: Path) -> None:
    report = _report(tmp_path, _ONE_END_SHIFTED, model, _DRAWN)
    assert {finding.code for finding in report.findings} == {"VAE702"}


def test_a_shift_that_the_trained_model_misses_is_still_named(tmp_path: Path) -> None:
    report = _report(tmp_path, _UNSHIFTED, "FluxTransformer2DModel", _DRAWN)
    assert {finding.code for finding in report.findings} == {"VAE702"}


@pytest.mark.parametrize(
    ("ends", "model", "clean"),
    [
        (_UNSHIFTED, "FluxTransformer2DModel", {"VAE701"}),
        (_UNSHIFTED, "SD3Transformer2DModel", {"VAE701"}),
        (_SHIFTED, "FluxTransformer2DModel", {"VAE701", "VAE702"}),
        (_UNSHIFTED, "UNet2DConditionModel", {"VAE701", "VAE702"}),
        (_UNSHIFTED, "CLIPVisionModel", {"VAE701", "VAE702"}),
        (_UNSHIFTED, "", {"VAE701", "VAE702"}),
        (_BARE, "UNet2DConditionModel", {"VAE702"}),
        (_BARE, "FluxTransformer2DModel", set()),
        (_BARE, "", {"VAE701", "VAE702"}),
    ],
)
def test_ends_that_agree_are_not_clean_beside_a_model_of_others(
    ends: tuple[str, str], model: str, clean: set[str], tmp_path: Path
) -> None:
    report = _report(tmp_path, ends, model)
    assert report.findings == ()
    assert {code for each in report.judgements for code in each.clean} & {"VAE701", "VAE702"} == clean
