"""A KL that the number of an epoch weighs: it grows, and makes up for no batch."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import FORWARD, HEAD, MODEL, codes, linted

TRAINED = (
    HEAD
    + MODEL
    + FORWARD
    + """

def fit(loader, {more}):
    net = Net()
    optimizer = torch.optim.Adam(net.parameters())
    for epoch in {epochs}:
        for x in loader:
            y, m, s = net(x)
            error = F.binary_cross_entropy(y, x{how})
            kl = 0.5 * torch.sum(m.pow(2) + s.exp() - s - 1){mean}
            loss = error + {weight} * kl
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
"""
)
EPOCHS = {"as many as are known": "range(40)", "as many as are given": "range(epochs)"}
WEIGHTS = ["epoch * 0.0001", "0.003 * epoch", "1e-3 * (0.2 * epoch)"]
SUMMED = ", reduction='sum'"


def trained(weight: str, mean: str = "", how: str = "", epochs: str = "range(40)", more: str = "epochs") -> str:
    return TRAINED.format(weight=weight, mean=mean, how=how, epochs=epochs, more=more)


@pytest.mark.parametrize("epochs", EPOCHS)
@pytest.mark.parametrize("weight", WEIGHTS)
def test_a_sum_over_the_batch_that_an_epoch_weighs(weight: str, epochs: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": trained(weight, epochs=EPOCHS[epochs])})
    assert codes(report) == ["VAE504"]
    assert "epoch" in (report.findings[0].evidence or "")


@pytest.mark.parametrize("epochs", EPOCHS)
@pytest.mark.parametrize("weight", WEIGHTS)
def test_a_mean_over_the_batch_that_an_epoch_weighs(weight: str, epochs: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": trained(weight, " / len(x)", epochs=EPOCHS[epochs])})
    assert codes(report) == []
    assert any("VAE504" in judgement.clean for judgement in report.judgements)
    both = linted(tmp_path, {"net.py": trained(weight, how=SUMMED, epochs=EPOCHS[epochs])})
    assert codes(both) == []
    assert any("VAE504" in judgement.clean for judgement in both.judgements)


@pytest.mark.parametrize("weight", ["epoch * share", "share", "epoch / 32", "warm(epoch)", "min(1.0, epoch * share)"])
def test_a_weight_that_may_be_made_of_the_batch_settles_it(weight: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": trained(weight, more="share, warm")})
    assert codes(report) == []
