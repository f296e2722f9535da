"""What a loss takes beside its two sides, a variance or a weight, is part of it: what makes it is trained."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, codes, linted

NET = (
    HEAD
    + """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.m, self.s = nn.Linear(84, 7), nn.Linear(84, 7)
        self.back, self.wide = nn.Linear(7, 84), nn.Linear(7, 84)
        self.criterion = nn.GaussianNLLLoss(reduction="none")

    def forward(self, x):
        m, s = self.m(x), self.s(x)
        z = m + torch.exp(0.5 * s) * torch.randn_like(m)
        return self.back(z), F.softplus(self.wide(z)), m, s


def fit(loader):
    net = Net()
    for x, _ in loader:
        y, v, m, s = net(x)
        error = {error}
        loss = (error.sum(-1) - 0.5 * (1 + s - m.pow(2) - s.exp()).sum(-1)).mean()
        loss.backward()
"""
)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        ('F.gaussian_nll_loss(y, x, v, reduction="none")', []),
        ('F.gaussian_nll_loss(y, x, var=v, full=True, reduction="none")', []),
        ('F.gaussian_nll_loss(input=y, target=x, var=v, reduction="none")', []),
        ("net.criterion(y, x, v)", []),
        ("net.criterion(y, x, var=v)", []),
        ('F.mse_loss(y, x, reduction="none", weight=v)', []),
        ('F.gaussian_nll_loss(y, x, v, True, 1e-6, "none")', []),
        ('F.gaussian_nll_loss(y, x, torch.ones_like(y), reduction="none")', ["VAE601"]),
        ("net.criterion(y, x, torch.ones_like(y))", ["VAE601"]),
        ('F.mse_loss(y, x, reduction="none")', ["VAE601"]),
    ],
)
def test_a_variance_that_a_loss_is_handed_is_trained(error: str, expected: list[str], tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": NET.format(error=error)})
    assert codes(report) == expected
    assert any("VAE601" in each.clean for each in report.judgements) is not bool(expected)


CLASSES = (
    HEAD
    + """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.m, self.s, self.scores = nn.Linear(84, 7), nn.Linear(84, 7), nn.Linear(7, 60)

    def forward(self, x):
        m, s = self.m(x), self.s(x)
        kl = -0.5 * (1 + s - m.pow(2) - s.exp()).sum(-1)
        return self.scores(m + torch.exp(0.5 * s) * torch.randn_like(m)), kl


def fit(loader):
    net = Net()
    for x, labels in loader:
        scores, kl = net(x)
        loss = {error} + kl.mean()
        loss.backward()
"""
)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        ("F.cross_entropy(scores, labels)", []),
        ('F.cross_entropy(scores, labels, reduction="none").mean()', []),
        ("F.nll_loss(F.log_softmax(scores, dim=1), labels)", []),
        ("nn.CrossEntropyLoss()(F.dropout(scores, 0.1, net.training), labels)", []),
        ("F.cross_entropy(scores.view(-1, 5), labels.view(-1))", ["VAE502"]),
        ("F.cross_entropy(scores.view(-1, 12, 5).transpose(1, 2), labels)", ["VAE502"]),
    ],
)
def test_a_sample_with_one_label_has_no_elements(error: str, expected: list[str], tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"net.py": CLASSES.format(error=error)})) == expected
