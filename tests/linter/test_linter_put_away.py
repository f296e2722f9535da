"""A sample that is put into something that is not read, as the arguments of a decoder: it may train the heads there."""

from __future__ import annotations

from pathlib import Path

import pytest

from vae_checked.linter import LintReport, lint

MODULE = """\
import torch
from torch import nn
import torch.nn.functional as F
from torch.distributions import Normal, kl_divergence


class Net(nn.Module):
    def __init__(self, painter):
        super().__init__()
        self.trunk = nn.Linear(33, 21)
        self.to_m = nn.Linear(21, 7)
        self.to_s = nn.Linear(21, 7)
        self.painter = painter

    def forward(self, x, options):
        h = torch.relu(self.trunk(x))
        q = Normal(self.to_m(h), torch.exp(self.to_s(h)))
        z = q.rsample()
        {put}
        painted = self.painter(**options)
        kl = kl_divergence(q, Normal(0.0, 1.0)).sum(1).mean()
        return {{"z": {returned}, "loss": {loss} + kl}}


class Judge(nn.Module):
    def __init__(self):
        super().__init__()
        self.last = nn.Linear(7, 5)

    def forward(self, z, labels):
        return F.binary_cross_entropy_with_logits(self.last(z), labels, reduction="mean")


def fit(loader, painter):
    net, judge = Net(painter), Judge()
    optimizer = torch.optim.Adam([*net.parameters(), *judge.parameters()])
    for batch in loader:
        out = net(batch["x"], batch["options"])
        loss = out["loss"] + judge(out["z"], batch["labels"])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
AWAY = ['options["z"] = z', "options.z = z", 'options["latents"]["z"] = z', "options.update(z=z)"]


def read(folder: Path, put: str, returned: str = "z.detach()", loss: str = 'painted["loss"]') -> LintReport:
    path = folder / "net.py"
    path.write_text(MODULE.format(put=put, returned=returned, loss=loss), encoding="utf-8")
    return lint([path], select=["VAE206", "VAE502", "VAE503", "VAE504"])


@pytest.mark.parametrize("put", AWAY)
def test_a_sample_that_is_put_away_is_not_said_to_train_nothing(put: str, tmp_path: Path) -> None:
    report = read(tmp_path, put)
    assert report.findings == ()
    assert not any("VAE206" in judgement.clean for judgement in report.judgements)


def test_the_error_of_a_judge_is_not_weighed_against_the_kl(tmp_path: Path) -> None:
    report = read(tmp_path, AWAY[0])
    assert not any({"VAE502", "VAE504"} & {*judgement.clean} for judgement in report.judgements)


def test_one_that_only_the_judge_is_given_is(tmp_path: Path) -> None:
    report = read(tmp_path, "options['x'] = x", loss="0.0")
    assert "VAE206" in {finding.code for finding in report.findings}
