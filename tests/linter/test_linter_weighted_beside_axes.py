"""A sum over some axes, a mean over the others: the whole sum over a number, which a weight of the KL makes up for."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, linted

NET = """

class Net(nn.Module):
    def __init__(self, beta=1.0):
        super().__init__()
        self.beta = beta
        self.body = nn.Sequential(nn.Conv2d(3, 11, 4, 2, 1), nn.ReLU(), nn.Flatten())
        self.to_m, self.to_s = nn.Linear(1320, 7), nn.Linear(1320, 7)
        self.up, self.out = nn.Linear(7, 1320), nn.ConvTranspose2d(11, 3, 4, 2, 1)

    def forward(self, x):
        h = self.body(x)
        m, s = self.to_m(h), self.to_s(h)
        z = m + torch.randn_like(m) * torch.exp(0.5 * s)
        return self.out(self.up(z).view(-1, 11, 12, 10)), m, s


def fit(loader, beta):
    net = Net()
    optimizer = torch.optim.Adam(net.parameters())
    for x in loader:
        y, m, s = net(x)
        recon = {error}
        kl = -0.5 * (1 + s - m.pow(2) - s.exp()).sum(1).mean()
        loss = {loss}
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
SOME = {
    "over the channels": "((y - x) ** 2).sum(1).mean()",
    "over the places": "((y - x) ** 2).sum((2, 3)).mean()",
    "over a row": "((y - x) ** 2).sum(-1).mean()",
}
CHOSEN = {
    "a number": "recon + 0.003 * kl",
    "an argument": "recon + beta * kl",
    "an attribute": "recon + net.beta * kl",
}


def verdicts(error: str, loss: str, tmp_path: Path) -> tuple[set[str], list[set[str]]]:
    report = linted(tmp_path, {"net.py": HEAD + NET.format(error=error, loss=loss)})
    return {finding.code for finding in report.findings}, [set(each.weighted) for each in report.judgements]


@pytest.mark.parametrize("loss", CHOSEN.values(), ids=CHOSEN)
@pytest.mark.parametrize("error", SOME.values(), ids=SOME)
def test_a_weight_of_the_kl_settles_a_constant(error: str, loss: str, tmp_path: Path) -> None:
    found, weighted = verdicts(error, loss, tmp_path)
    assert "VAE501" not in found
    assert any("VAE501" in each for each in weighted)


@pytest.mark.parametrize("error", SOME.values(), ids=SOME)
def test_some_axes_are_named_where_nothing_weighs_the_kl(error: str, tmp_path: Path) -> None:
    assert "VAE501" in verdicts(error, "recon + kl", tmp_path)[0]


@pytest.mark.parametrize("loss", CHOSEN.values(), ids=CHOSEN)
def test_no_weight_settles_a_sum_over_the_batch(loss: str, tmp_path: Path) -> None:
    assert "VAE501" in verdicts("((y - x) ** 2).sum(0).mean()", loss, tmp_path)[0]
