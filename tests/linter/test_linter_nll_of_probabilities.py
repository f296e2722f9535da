"""A loss that takes logarithms of probabilities and is handed the probabilities, or scores."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import codes, linted

from vae_checked.reports import all_examined

TEXT = """\
import torch
import torch.nn as nn
import torch.nn.functional as F
from elsewhere import Head


class Net(nn.Module):
    def __init__(self, wide=48, codes=7, words=91):
        super().__init__()
        self.words, self.head = words, Head(words)
        self.back = nn.Sequential(nn.Embedding(words, 11), nn.Flatten(), nn.Linear(11 * 13, wide), nn.ReLU())
        self.mu = nn.Linear(wide, codes)
        self.logvar = nn.Linear(wide, codes)
        self.out = nn.Sequential(nn.Linear(codes, wide), nn.ReLU(), nn.Linear(wide, 13 * words))

    def forward(self, x):
        h = self.back(x)
        m, s = self.mu(h), self.logvar(h)
        z = m + torch.exp(0.5 * s) * torch.randn_like(s)
        y = self.out(z).view(-1, 13, self.words)
        return {returned}, m, s


def train(loader):
    net = Net()
    optimizer = torch.optim.Adam(net.parameters())
    criterion = nn.NLLLoss(reduction="sum")
    for x in loader:
        y, m, s = net(x)
        error = {error} / len(x)
        loss = error - 0.5 * (1 + s - m ** 2 - s.exp()).sum(1).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
FUNCTION = 'F.nll_loss(y.reshape(-1, 91), x.reshape(-1), reduction="sum")'
MODULE = "criterion(y.reshape(-1, 91), x.reshape(-1))"
ERRORS = {"by the function": FUNCTION, "by the module": MODULE, "classes moved": "criterion(y.permute(0, 2, 1), x)"}
WRONG = {
    "softmax": ("F.softmax(y, dim=-1)", "in the place of the softmax"),
    "a layer's softmax": ("nn.Softmax(dim=-1)(y)", "in the place of the softmax"),
    "sigmoid": ("torch.sigmoid(y)", "in the place of the sigmoid"),
    "scores": ("y", "log_softmax before the loss"),
    "minus a logarithm": ("-F.log_softmax(y, dim=-1)", "log_softmax before the loss"),
}
RIGHT = {
    "log_softmax": "F.log_softmax(y, dim=-1)",
    "a layer's": "nn.LogSoftmax(dim=-1)(y)",
    "the logarithm": "torch.softmax(y, -1).log()",
    "beside a small number": "torch.log(torch.softmax(y, -1) + 1e-8)",
    "of a sigmoid": "F.logsigmoid(y)",
}
OPEN = {
    "by hand": "y - torch.logsumexp(y, dim=-1, keepdim=True)",
    "an unread layer's": "self.head(y)",
    "a mixture's": "torch.logsumexp(y[..., None] + self.head(y), -1)",
}


def _judged(folder: Path, returned: str, error: str) -> tuple[list[str], set[str], str]:
    report = linted(folder, {"net.py": TEXT.format(returned=returned, error=error)})
    fix = report.findings[0].fix if report.findings else ""
    return codes(report), {code for each in all_examined(report) for code in each.clean}, fix


@pytest.mark.parametrize("error", ERRORS.values(), ids=ERRORS)
@pytest.mark.parametrize(("returned", "remedy"), WRONG.values(), ids=WRONG)
def test_what_is_no_logarithm_is_named(returned: str, remedy: str, error: str, tmp_path: Path) -> None:
    found, clean, fix = _judged(tmp_path, returned, error)
    assert found == ["VAE402"]
    assert remedy in fix
    assert "VAE402" not in clean


@pytest.mark.parametrize("error", ERRORS.values(), ids=ERRORS)
@pytest.mark.parametrize("returned", RIGHT.values(), ids=RIGHT)
def test_a_logarithm_is_clean(returned: str, error: str, tmp_path: Path) -> None:
    found, clean, _ = _judged(tmp_path, returned, error)
    assert found == []
    assert "VAE402" in clean


@pytest.mark.parametrize("error", ERRORS.values(), ids=ERRORS)
@pytest.mark.parametrize("returned", OPEN.values(), ids=OPEN)
def test_what_may_be_a_logarithm_is_left_open(returned: str, error: str, tmp_path: Path) -> None:
    found, clean, _ = _judged(tmp_path, returned, error)
    assert found == []
    assert "VAE402" not in clean


@pytest.mark.parametrize("returned", ["F.log_softmax(y.softmax(-1), dim=-1)", "torch.log(y.softmax(-1).softmax(-1))"])
@pytest.mark.parametrize("error", [FUNCTION, MODULE])
def test_a_softmax_below_the_logarithms_is_another_mistake(returned: str, error: str, tmp_path: Path) -> None:
    assert _judged(tmp_path, returned, error)[0] == ["VAE405"]


@pytest.mark.parametrize("returned", ["y", "F.log_softmax(y, dim=-1)"])
def test_a_cross_entropy_takes_scores(returned: str, tmp_path: Path) -> None:
    error = 'F.cross_entropy(y.reshape(-1, 91), x.reshape(-1), reduction="sum")'
    found, clean, _ = _judged(tmp_path, returned, error)
    assert found == []
    assert "VAE402" in clean
