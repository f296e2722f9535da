"""Errors of which a loop adds up one step of each sample: over the batch each was reduced by itself."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, LAYERS, codes, linted

from vae_checked.facts import Reduction

SEQUENCE = (
    HEAD
    + LAYERS.replace("nn.Linear(7, 84)", "nn.Linear(7, 6 * 13)")
    + """
    def forward(self, x):
        m, s = self.to_m(x), self.to_s(x)
        return self.back(m + torch.randn_like(m) * torch.exp(0.5 * s)).view(-1, 6, 13), m, s


def error_of(scores, y):
    total = 0.0
    for {turn} in range({count}):
        total = total + F.{error}
    return total


def fit(loader):
    net = Net()
    optimizer = torch.optim.Adam(net.parameters())
    for x, y in loader:
        scores, m, s = net(x)
        kl = -0.5 * torch.sum(1 + s - m.pow(2) - s.exp()){share}
        loss = error_of(scores, y) + kl
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
)
CLASSES, VALUES = "cross_entropy(scores[:, t, :], y[:, t])", "mse_loss(scores[:, t], y[:, t])"
COUNTS = ("6", "y.size(1)", "scores.shape[1]")


def steps(error: str, count: str = "6", share: str = "", turn: str = "t") -> str:
    return SEQUENCE.format(error=error, count=count, share=share, turn=turn)


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("error", [CLASSES, VALUES])
def test_a_mean_of_each_step_beside_a_sum_over_the_batch_is_named(error: str, count: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"train.py": steps(error, count)})
    assert "VAE504" in codes(report)
    assert not {"VAE501", "VAE502", "VAE503"} & set(codes(report))


@pytest.mark.parametrize("error", [CLASSES, VALUES])
def test_a_mean_of_each_step_beside_a_mean_over_the_batch_is_right(error: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"train.py": steps(error, share=" / len(x)")})
    assert not codes(report)
    (reduced,) = [facts.recon.reduced.value for facts in report.facts if facts.recon.reduced]
    assert (reduced.batch, reduced.event) == (Reduction.MEAN, None)


def test_a_sum_of_each_step_beside_a_mean_over_the_batch_is_named(tmp_path: Path) -> None:
    error = CLASSES.replace("[:, t])", "[:, t], reduction='sum')")
    assert "VAE504" in codes(linted(tmp_path, {"train.py": steps(error, share=" / len(x)")}))


OF_SAMPLES = {
    "the first axis": ("cross_entropy(scores[t], y[t])", "len(y)", "t"),
    "a count of the batch": (CLASSES, "batch_size", "t"),
    "the samples of a batch behind its steps": (CLASSES.replace("t,", "b,").replace("t]", "b]"), "6", "b"),
}


@pytest.mark.parametrize("way", OF_SAMPLES)
def test_a_loop_through_samples_leaves_the_batch_open(way: str, tmp_path: Path) -> None:
    error, count, turn = OF_SAMPLES[way]
    source = steps(error, count, turn=turn).replace("error_of(scores, y", "error_of(scores, y, batch_size=31")
    report = linted(tmp_path, {"train.py": source.replace("y, batch_size=31) + kl", "y) + kl")})
    assert "VAE504" not in codes(report)
    assert not [facts.recon.reduced for facts in report.facts if facts.recon.reduced]
