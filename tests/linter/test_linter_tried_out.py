"""A network that is tried out on made-up input, beside the training of it: its KL there is no other posterior's."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import ENCODING_FORWARD, HEAD, LAYERS, codes, linted

TRIED = (
    HEAD
    + LAYERS
    + ENCODING_FORWARD.replace("{std}", "torch.exp(0.5 * s)")
    + """

net = Net()
optimizer = torch.optim.Adam(net.parameters())
tried = {tried}
a, b = net.encode(tried)
print({formula})
for x in loader:
    out, m, s = net(x)
    kl = -0.5 * torch.sum(1 + s - m.pow(2) - s.exp())
    loss = torch.sum((out - x) ** 2){kl}
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""
)
RIGHT = "-0.5 * torch.sum(1 + b - a.pow(2) - b.exp(), dim=1)"
MADE_UP = ("torch.randn(31, 84)", "torch.zeros(31, 84) + torch.rand(31, 1)")


@pytest.mark.parametrize("tried", MADE_UP)
def test_the_kl_of_made_up_input_takes_nothing_from_what_is_trained(tried: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"train.py": TRIED.format(tried=tried, formula=RIGHT, kl=" + kl")})
    assert not codes(report)
    (facts,) = report.facts
    assert facts.kl.reduced is not None
    assert facts.recon.reduced is not None


@pytest.mark.parametrize("tried", MADE_UP)
def test_a_wrong_formula_in_the_loss_is_named(tried: str, tmp_path: Path) -> None:
    text = TRIED.format(tried=tried, formula=RIGHT, kl=" + kl").replace("- s.exp())", "- s)")
    assert "VAE301" in codes(linted(tmp_path, {"train.py": text}))


def test_where_no_kl_is_trained_that_of_made_up_input_is_no_excuse(tmp_path: Path) -> None:
    report = linted(tmp_path, {"train.py": TRIED.format(tried=MADE_UP[0], formula=RIGHT, kl="")})
    assert "VAE305" in codes(report)
