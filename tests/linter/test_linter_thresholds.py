"""A difference that marks what lies above a threshold is no error: what is minimised instead may be another one."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import FORWARD, HEAD, KL, MODEL, joined, linted

from vae_checked.facts import Likelihood
from vae_checked.reports import all_examined

SHOWN = (
    HEAD
    + MODEL
    + FORWARD
    + f"""

def marked(x, y):
    {{marked}}


def train(loader, settings):
    net = Net()
    optimizer = torch.optim.Adam(net.parameters())
    measure = getattr(settings.library, settings.error)()
    for x in loader:
        y, m, s = net(x)
        kl = {KL}
        loss = {{error}} + kl.mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        settings.canvas.draw(marked(x, y))
"""
)
MARKED = {
    "an operator": "return (torch.abs(y - x) > 0.3).int()",
    "a function of torch": "return torch.gt(torch.abs(y - x), 0.3)",
    "a method": "return (y - x).abs().ge(0.3).float().mean()",
    "a name": "off = (y - x) ** 2\n    return 0.3 < off",
    "the mean of a row": "return ((y - x) ** 2).mean(dim=1) <= 0.3",
}


@pytest.mark.parametrize("marked", MARKED)
def test_what_is_marked_above_a_threshold_is_no_error(marked: str, tmp_path: Path) -> None:
    text = SHOWN.format(marked=MARKED[marked], error="measure(y, x)")
    report = linted(tmp_path, {"train.py": text})
    assert [facts for facts in report.facts if facts.sampler.std and facts.kl.form]
    assert not joined(report)
    (examined,) = [each for each in all_examined(report) if each.is_vae]
    assert not {"VAE401", "VAE402", "VAE405"} & set(examined.clean)


@pytest.mark.parametrize("marked", MARKED)
def test_the_error_beside_what_is_marked_is_read(marked: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"train.py": SHOWN.format(marked=MARKED[marked], error="F.binary_cross_entropy(y, x)")})
    assert {facts.recon.kind and facts.recon.kind.value for facts in joined(report)} == {Likelihood.BCE}


USED = {
    "weighed by a mask": "((y - x).abs() * ((y - x).abs() > 0.3)).mean()",
    "compared before it is added": "keep(((y - x).abs()).mean())",
}


@pytest.mark.parametrize("error", USED)
def test_an_error_that_is_compared_and_minimised_is_read(error: str, tmp_path: Path) -> None:
    keep = "\n\ndef keep(value):\n    if value > 0.3:\n        print(value)\n    return value\n"
    report = linted(tmp_path, {"train.py": SHOWN.format(marked="return x", error=USED[error]) + keep})
    assert {facts.recon.kind and facts.recon.kind.value for facts in joined(report)} == {Likelihood.L1}
