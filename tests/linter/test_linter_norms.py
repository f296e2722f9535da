"""Norms of differences: a squared one is a squared error, and a root, a distance of other kinds is what it is."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import FORWARD, HEAD, MODEL, joined, linted

from vae_checked.facts import Likelihood, Reduction

SCENE = (
    HEAD
    + MODEL.replace(", nn.Sigmoid()", "")
    + FORWARD
    + """

net = Net()
optimizer = torch.optim.Adam(net.parameters())
for x, _ in DataLoader(Dataset()):
    y, m, s = net(x)
    loss = {error} - 0.5 * torch.sum(1 + s - m.pow(2) - s.exp(), dim=1).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""
)
NAMED = "from torch import linalg as LA\nfrom torch.linalg import norm as length\n"
MEAN, SUM = Reduction.MEAN, Reduction.SUM
SQUARED = {
    "norm": ("(torch.norm(y - x, p=2, dim=1) ** 2).mean()", MEAN, SUM),
    "method": ("(y - x).norm(dim=1).pow(2).mean()", MEAN, SUM),
    "linalg": ("torch.linalg.norm(y - x, dim=-1).square().mean()", MEAN, SUM),
    "another name of linalg": ("LA.norm(y - x, 2, -1).square().mean()", MEAN, SUM),
    "over everything": ("(y - x).norm() ** 2", SUM, SUM),
    "times itself": ("((y - x) * (y - x)).sum(1).mean()", MEAN, SUM),
    "flattened": ("(y - x).flatten(1).norm(2, 1).pow(2).sum() / len(x)", MEAN, SUM),
    "pairs": ("F.pairwise_distance(y, x).pow(2).mean()", MEAN, SUM),
    "a power of a distance": ("torch.dist(y, x).square()", SUM, SUM),
}


@pytest.mark.parametrize(("error", "batch", "event"), SQUARED.values(), ids=SQUARED)
def test_the_square_of_a_norm_is_a_squared_error(
    error: str, batch: Reduction, event: Reduction, tmp_path: Path
) -> None:
    (facts,) = joined(linted(tmp_path, {"net.py": NAMED + SCENE.format(error=error)}))
    assert facts.recon.kind is not None
    assert facts.recon.kind.value is Likelihood.MSE
    assert facts.recon.reduced is not None
    assert (facts.recon.reduced.value.batch, facts.recon.reduced.value.event) == (batch, event)


def test_a_norm_of_1_is_an_absolute_error(tmp_path: Path) -> None:
    (facts,) = joined(linted(tmp_path, {"net.py": SCENE.format(error="(y - x).norm(p=1, dim=1).mean()")}))
    assert facts.recon.kind is not None
    assert facts.recon.kind.value is Likelihood.L1


@pytest.mark.parametrize("error", ["(y - x).norm(dim=1).mean()", "torch.dist(y, x)"])
def test_a_norm_that_is_not_squared_is_no_sum(error: str, tmp_path: Path) -> None:
    (facts,) = joined(linted(tmp_path, {"net.py": SCENE.format(error=error)}))
    assert facts.recon.kind is not None
    assert facts.recon.reduced is None


@pytest.mark.parametrize(
    "error",
    [
        "torch.linalg.norm(y - x, 2)",
        "LA.norm(y - x, 2)",
        "length(y - x, ord=2)",
        "(y - x).norm(p=3, dim=1).mean()",
        "F.pairwise_distance(y, x, 3).mean()",
    ],
)
def test_another_norm_is_not_read(error: str, tmp_path: Path) -> None:
    scene = NAMED + SCENE.format(error=error)
    assert joined(linted(tmp_path, {"net.py": scene})) == []


def test_a_mean_on_a_sphere_is_not_called_free(tmp_path: Path) -> None:
    kept = "m = self.to_m(h)\n        return m / m.norm(dim=1, keepdim=True), self.to_s(h)"
    scene = SCENE.replace("return self.to_m(h), self.to_s(h)", kept)
    report = linted(tmp_path, {"net.py": scene.format(error='F.mse_loss(y, x, reduction="sum")')})
    assert not any("VAE204" in each.clean for each in report.judgements)
