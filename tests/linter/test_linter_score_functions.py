"""Encoders that learn by REINFORCE: the gradient passes the density of what was drawn, weighed by what is decoded."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, LAYERS, codes, linted

FIT = """
from torch.distributions import Normal, kl_divergence


def fit(loader):
    net = Net()
    optimizer = torch.optim.Adam(net.parameters())
    for x in loader:
        q = Normal(net.to_m(x), torch.exp(0.5 * net.to_s(x)))
        z = q.sample()
        y = net.back(z)
        error = F.mse_loss(y, x, reduction="none").sum(1)
        kl = kl_divergence(q, Normal(0.0, 1.0)).sum(1)
        density = q.log_prob(z).sum(1)
        {loss}
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
WEIGHED = {
    "by the error": "loss = (error + kl + error.detach() * density).mean()",
    "by a reward": "with torch.no_grad():\n            reward = -error\n"
    "        loss = (error + kl - reward * density).mean()",
    "by what is above a baseline": "gain = (error - error.mean()).detach()\n"
    "        loss = (error + kl + gain * density).mean()",
    "apart": "learned = density * error.detach()\n        loss = error.mean() + kl.mean() + learned.mean()",
}
ALONE = {
    "nothing": "loss = (error + kl).mean()",
    "the density added": "loss = (error + kl + 0.1 * density).mean()",
    "the density without a gradient": "loss = (error + kl + error.detach() * density.detach()).mean()",
}


@pytest.mark.parametrize("loss", WEIGHED.values(), ids=WEIGHED)
def test_a_weighed_density_trains_the_encoder(loss: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": HEAD + LAYERS + FIT.format(loss=loss)})
    assert codes(report) == []
    assert not any("VAE206" in each.clean for each in report.judgements)


@pytest.mark.parametrize("loss", ALONE.values(), ids=ALONE)
def test_a_draw_without_a_gradient_is_named_where_nothing_makes_up_for_it(loss: str, tmp_path: Path) -> None:
    assert "VAE206" in codes(linted(tmp_path, {"net.py": HEAD + LAYERS + FIT.format(loss=loss)}))
