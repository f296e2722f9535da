"""Views whose first size is a setting: the batch size by its name keeps the first axis, another number may not."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, LAYERS, LAYERS_FORWARD, codes, linted

from vae_checked.facts import Reduction

TRAIN = """
BATCH_SIZE = 31
PARTS = 31


class Settings:
    batch_size = 31


def fit(data):
    net = Net()
    optimizer = torch.optim.Adam(net.parameters())
    for x in DataLoader(data, batch_size=31, drop_last=True):
        out, m, s = net(x)
        recon = {viewed}.{sum}.mean()
        kl = -0.5 * torch.sum(1 + s - m.pow(2) - s.exp()) / len(x)
        loss = recon + kl
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
ERROR = "F.mse_loss(out, x, reduction='none')"
VIEWS = (
    f"{ERROR}.view(BATCH_SIZE, -1)",
    f"{ERROR}.reshape((BATCH_SIZE, -1))",
    f"{ERROR}.view([Settings.batch_size, -1])",
    f"torch.reshape({ERROR}, (BATCH_SIZE, -1))",
)


def trained(viewed: str, total: str = "sum(dim=1)") -> str:
    return HEAD + LAYERS + LAYERS_FORWARD + TRAIN.format(viewed=viewed, sum=total)


@pytest.mark.parametrize("viewed", VIEWS)
def test_a_view_by_the_batch_size_keeps_the_samples_apart(viewed: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"train.py": trained(viewed)})
    assert not codes(report)
    assert [facts.recon.reduced.value.event for facts in report.facts if facts.recon.reduced] == [Reduction.SUM]


@pytest.mark.parametrize("viewed", VIEWS)
def test_what_is_summed_over_its_batch_is_named(viewed: str, tmp_path: Path) -> None:
    assert "VAE501" in codes(linted(tmp_path, {"train.py": trained(viewed, "sum(dim=0)")}))


@pytest.mark.parametrize("size", ["PARTS", "31", "BATCH_SIZE * 4"])
def test_another_number_may_part_what_it_likes(size: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"train.py": trained(f"{ERROR}.view({size}, -1)", "sum(dim=0)")})
    assert "VAE501" not in codes(report)
    assert not [facts.recon.reduced for facts in report.facts if facts.recon.reduced]
