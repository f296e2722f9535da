"""A KL that is trained with an error that is not read: what a function beside it compares is not what is minimised."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, codes, linted

from vae_checked.catalogue.coverage import Examined, examined
from vae_checked.linter import LintReport

NET = (
    HEAD
    + """from nowhere_near import *


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.to_m, self.to_s, self.back = nn.Linear(84, 7), nn.Linear(84, 7), nn.Linear(7, 84)
        self.kl = 0

    def forward(self, x):
        m, s = self.to_m(x), self.to_s(x)
        self.kl = -0.5 * torch.sum(1 + s - m.pow(2) - s.exp())
        return torch.sigmoid(self.back(m + torch.randn_like(m) * torch.exp(0.5 * s)))


def fit(net, loader{handed}):
    optimizer = torch.optim.Adam(net.parameters())
    for x in loader:
        optimizer.zero_grad()
        y = net(x)
        loss = {error} + net.kl
        loss.backward()
        optimizer.step()
"""
)
CHECK = """

def check(net, loader):
    for x in loader:
        y = net(x)
        print((((x - y) ** 2).sum() + net.kl).item())
"""
RUN = """

if __name__ == "__main__":
    net = Net()
    fit(net, batches(){given})
    {checked}
"""
UNREAD = {"namespace": "g.binary_cross_entropy(y, x)", "function": "fidelity(y, x)", "scaled": "3 * fidelity(y, x)"}
OF_THE_ERROR = {"VAE401", "VAE402", "VAE502", "VAE504"}


def _vae(report: LintReport) -> Examined:
    (vae,) = (each for each in examined(report.facts, report.judgements) if each.is_vae)
    return vae


def _text(error: str, check: str = CHECK, checked: str = "check(net, batches())", given: str = "") -> dict[str, str]:
    net = NET.format(error=error, handed=", error" if given else "")
    return {"net.py": net + check + RUN.format(checked=checked if check else "pass", given=given)}


@pytest.mark.parametrize("checked", ["check(net, batches())", "pass"])
@pytest.mark.parametrize("name", UNREAD)
def test_what_a_check_compares_says_nothing_of_what_is_minimised(name: str, checked: str, tmp_path: Path) -> None:
    report = linted(tmp_path, _text(UNREAD[name], checked=checked))

    assert codes(report) == []
    assert set(_vae(report).undecided) >= OF_THE_ERROR


def test_it_is_open_as_without_the_check(tmp_path: Path) -> None:
    report = linted(tmp_path, _text(UNREAD["namespace"], check=""))

    assert set(_vae(report).undecided) >= OF_THE_ERROR


@pytest.mark.parametrize("name", ["plain", "handed over"])
def test_an_error_that_is_read_is_checked_beside_another(name: str, tmp_path: Path) -> None:
    read = 'F.binary_cross_entropy(y, x, reduction="sum")'
    texts = {"plain": _text(read), "handed over": _text("error(y, x)", given=', nn.BCELoss(reduction="sum")')}
    report = linted(tmp_path, texts[name])

    assert codes(report) == []
    assert {"VAE401", "VAE402", "VAE502"} <= set(_vae(report).clean)


def test_a_mean_of_an_error_that_is_read_is_named_beside_a_check(tmp_path: Path) -> None:
    assert {"VAE502", "VAE504"} & set(codes(linted(tmp_path, _text("F.binary_cross_entropy(y, x)"))))
