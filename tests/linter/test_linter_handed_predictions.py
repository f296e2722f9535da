"""A KL that is handed what was decoded in the place of the mean: it says nothing of a posterior's range."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, LAYERS, codes, linted

NET = (
    HEAD
    + LAYERS
    + """
    def forward(self, x):
        m, s = {mean}, self.to_s(x)
        return torch.sigmoid(self.back(m)), m, s


def divergence(m, s):
    return -0.5 * torch.mean(torch.sum(1 + s - m.pow(2) - s.exp(), dim=1))


def fit(net, loader, optimizer):
    for x, y in loader:
        out, m, s = net(x)
        loss = F.binary_cross_entropy(out, y) + 0.01 * divergence({handed})
        loss.backward()
        optimizer.step()


net = Net()
fit(net, DataLoader(Dataset()), torch.optim.Adam(net.parameters()))
"""
)
HANDED = {
    "the heads": ("self.to_m(x)", "m, s", []),
    "a mean that is confined": ("torch.sigmoid(self.to_m(x))", "m, s", ["VAE204"]),
    "the prediction": ("self.to_m(x)", "out, s", []),
}


@pytest.mark.parametrize(("mean", "handed", "found"), HANDED.values(), ids=HANDED)
def test_the_mean_of_a_kl_is_none_that_an_error_compares(
    mean: str, handed: str, found: list[str], tmp_path: Path
) -> None:
    report = linted(tmp_path, {"net.py": NET.format(mean=mean, handed=handed)})
    assert [facts for facts in report.facts if facts.kl.form]
    assert [code for code in codes(report) if code == "VAE204"] == found
