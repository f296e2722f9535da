"""A validation that computes the loss of the training once more, in steps that no_grad hands on: one VAE, not two."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import FORWARD, HEAD, MODEL, codes, joined, linted

SCRIPT = (
    HEAD
    + MODEL
    + FORWARD
    + """

def bound(out, x, m, s, beta=1):
    each = m.pow(2).add_(s.exp()).mul_(-1).add_(1).add_(s)
    kl = torch.sum(each).mul_({half})
    return F.binary_cross_entropy(out, x, reduction="sum") + beta * kl


def epoch(net, loader, others, optimizer):
    for x, _ in loader:
        out, m, s = net(x)
        loss = bound(out, x, m, s)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        for x, _ in others:
            out, m, s = net(x)
            print(bound(out, x, m, s).item())


net = Net()
epoch(net, DataLoader(Dataset()), DataLoader(Dataset()), torch.optim.Adam(net.parameters()))
"""
)


@pytest.mark.parametrize(("half", "found"), [("-0.5", []), ("0.5", ["VAE302"])], ids=["right", "wrong"])
def test_a_loss_in_steps_that_validates_as_well_is_one(half: str, found: list[str], tmp_path: Path) -> None:
    report = linted(tmp_path, {"train.py": SCRIPT.format(half=half)})
    assert {facts.kl.sign.value for facts in joined(report) if facts.kl.sign} == {-1 if found else 1}
    assert all(facts.kl.sign for facts in joined(report))
    assert codes(report) == found
