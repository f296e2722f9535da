"""A script whose settings of today train something else than the VAE that another choice of them trains."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import FORWARD, HEAD, KL, MODEL, codes, linted

SETTINGS = 'data = "digits"\n# data = "pictures"\n'
LOSSES = (
    HEAD
    + """

def bound(y, x, m, s):
    return F.binary_cross_entropy(y, x, reduction="sum") {by} ({kl}).sum()


def other_bound(y, x, m, s):
    return F.mse_loss(y, x, reduction="sum") + ({kl}).sum()
"""
)
SCRIPT = (
    HEAD
    + """
import settings
from losses import bound
from net import Net


def main(digits, pictures):
    data = settings.data
    if data == "digits":
        net = nn.Linear(84, 10)
    {other}:
        net = Net()
    optimizer = torch.optim.Adam(net.parameters())
    for epoch in range(20):
        if data == "digits":
            for x, label in digits:
                loss = F.cross_entropy(net(x), label)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
        {other_again}:
            for x in pictures:
                y, m, s = net(x)
                loss = bound(y, x, m, s)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()


if __name__ == "__main__":
    main(DataLoader(Dataset()), DataLoader(Dataset()))
"""
)


@pytest.mark.parametrize("other", ['elif data == "pictures"', "else"])
@pytest.mark.parametrize(
    ("by", "std", "found"),
    [
        ("+", "torch.exp(0.5 * s)", []),
        ("-", "torch.exp(0.5 * s)", ["VAE302"]),
        ("+", "torch.exp(s)", ["VAE201"]),
        ("+", "0.5 * torch.exp(s)", ["VAE201"]),
    ],
)
def test_what_another_setting_trains_is_examined(
    by: str, std: str, found: list[str], other: str, tmp_path: Path
) -> None:
    files = {
        "settings.py": SETTINGS,
        "losses.py": LOSSES.format(by=by, kl=KL),
        "net.py": HEAD
        + (MODEL + FORWARD).replace("Net(", "Wide(")
        + MODEL
        + FORWARD.replace("torch.exp(0.5 * s)", std),
        "train.py": SCRIPT.format(other=other, other_again=other),
    }
    report = linted(tmp_path, files)
    assert codes(report) == found
    assert any(vae.core_checked for vae in report.vaes)
