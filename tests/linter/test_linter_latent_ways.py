"""Ways to one decode, by a test of the VAE's configuration: clean is only what is undone on each of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from vae_checked.linter import lint
from vae_checked.reports import render

# Of the pipelines of VAEs that may have a mean and a deviation for each channel: both ends ask for them, or one.
_PIPE = """\
import torch
from diffusers import AutoencoderKL


class Pipe:
    def __init__(self, vae: AutoencoderKL, net, scheduler):
        self.vae, self.net, self.scheduler = vae, net, scheduler

    def prepare(self, pictures):
        z = self.vae.encode(pictures).latent_dist.sample()
{encoded}
        return z

    def __call__(self, pictures):
        z = self.prepare(pictures)
        for t in self.scheduler.timesteps:
            z = self.scheduler.step(self.net(z, t), t, z).prev_sample
{decoded}
        return self.vae.decode(z).sample
"""
_SCALE = "self.vae.config.scaling_factor"
_STATISTICS = """\
        if hasattr(self.vae.config, "latents_mean") and self.vae.config.latents_mean is not None:
            mean = torch.tensor(self.vae.config.latents_mean).view(1, 4, 1, 1)
            std = torch.tensor(self.vae.config.latents_std).view(1, 4, 1, 1)
            z = {by_channel}
        else:
            z = {plain}"""
_SHIFT = """\
        if self.vae.config.shift_factor is not None:
            z = {shifted}
        else:
            z = {plain}"""
_TO, _BACK = f"z * {_SCALE}", f"z / {_SCALE}"
_TO_BY_CHANNEL = _STATISTICS.format(by_channel=f"(z - mean) * {_SCALE} / std", plain=_TO)
_BACK_BY_CHANNEL = _STATISTICS.format(by_channel=f"z * std / {_SCALE} + mean", plain=_BACK)
_TO_SHIFTED = _SHIFT.format(shifted=f"(z - self.vae.config.shift_factor) * {_SCALE}", plain=_TO)
_BACK_SHIFTED = _SHIFT.format(shifted=f"z / {_SCALE} + self.vae.config.shift_factor", plain=_BACK)
_PLAIN, _BACK_PLAIN = f"        z = {_TO}", f"        z = {_BACK}"


@pytest.mark.parametrize(
    ("encoded", "decoded", "found", "clean"),
    [
        (_PLAIN, _BACK_PLAIN, [], {"VAE701", "VAE702"}),
        (_TO_BY_CHANNEL, _BACK_BY_CHANNEL, [], {"VAE701", "VAE702"}),
        (_TO_SHIFTED, _BACK_SHIFTED, [], {"VAE701", "VAE702"}),
        (_PLAIN, _BACK_BY_CHANNEL, [], set()),
        (_PLAIN, _BACK_SHIFTED, ["VAE702"], {"VAE701"}),
    ],
    ids=["plain", "by channel", "shifted", "by channel at one end", "shifted at one end"],
)
def test_a_way_that_nothing_behind_encode_matches_is_not_clean(
    encoded: str, decoded: str, found: list[str], clean: set[str], tmp_path: Path
) -> None:
    (tmp_path / "pipe.py").write_text(_PIPE.format(encoded=encoded, decoded=decoded), encoding="utf-8")
    report = lint([tmp_path])
    assert [finding.code for finding in report.findings] == found
    said = {code for judgement in report.judgements for code in judgement.clean}
    assert said & {"VAE701", "VAE702"} == clean


def test_what_keeps_a_way_open_is_said_where_all_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "pipe.py").write_text(_PIPE.format(encoded=_PLAIN, decoded=_BACK_BY_CHANNEL), encoding="utf-8")
    report = lint([tmp_path])
    why = "in another branch z -> z * latents_std / scaling_factor + latents_mean is applied before decode"
    assert f"pipe.py:Pipe: VAE701 702: {why}, and z -> z * scaling_factor behind encode" in render(
        report, "text", verbose=True
    )
    assert why not in render(report, "text")
