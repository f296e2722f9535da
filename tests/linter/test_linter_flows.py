"""A closed form beside the log-determinant of a flow has its prior at the wrong z: it is not called clean."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import KL, codes, linted

PLANAR = """\
import torch
import torch.nn as nn
import torch.nn.functional as F


class Planar(nn.Module):
    def __init__(self):
        super().__init__()
        self.u, self.w = nn.Parameter(torch.randn(7)), nn.Parameter(torch.randn(7))

    def forward(self, z):
        t = torch.tanh(z @ self.w)
        slope = ((1 - t ** 2).unsqueeze(-1) * self.w) @ self.u
        return z + self.u * t.unsqueeze(-1), torch.log(torch.abs(1 + slope) + 1e-6)


"""
COUPLING = """\
import torch
import torch.nn as nn
import torch.nn.functional as F


class Planar(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Linear(7, 7)

    def forward(self, z):
        log_det = torch.tanh(self.net(z))
        return z * log_det.exp(), log_det.sum(dim=1)


"""
NET = """\
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(91, 33), nn.ReLU())
        self.to_m, self.to_s, self.back = nn.Linear(33, 7), nn.Linear(33, 7), nn.Linear(7, 91)
        self.flow, self.judge = Planar(), nn.Linear(7, 2)

    def forward(self, x):
        h = self.trunk(x)
        m, s = self.to_m(h), self.to_s(h)
        first = m + torch.exp(0.5 * s) * torch.randn_like(s)
        last, grown = self.flow(first)
        return self.back({decoded}), m, s, first, last, grown, self.judge(first)


def train(loader):
    net = Net()
    optimizer = torch.optim.Adam(net.parameters())
    for x in loader:
        y, m, s, first, last, grown, votes = net(x)
        error = F.mse_loss(y, x, reduction="none").sum(dim=1)
        loss = (error + {kl}).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
ESTIMATE = "(-0.5 * (s + (first - m).pow(2) / s.exp()) + 0.5 * last.pow(2)).sum(dim=1) - grown"


def read(tmp_path: Path, flow: str, kl: str, decoded: str = "last", net: str = NET) -> tuple[list[str], bool]:
    """What is found, and whether the formula of the KL is called clean."""
    report = linted(tmp_path, {"a.py": flow + net.format(kl=kl, decoded=decoded)})
    return codes(report), any("VAE301" in each.clean for each in report.vaes)


@pytest.mark.parametrize("kl", [f"{KL} - grown", f"({KL} - grown)", f"0.1 * ({KL} - grown.mean())"])
@pytest.mark.parametrize("flow", [PLANAR, COUPLING], ids=["a logarithm of a size", "by its name"])
def test_a_closed_form_beside_a_determinant_is_not_clean(flow: str, kl: str, tmp_path: Path) -> None:
    found, clean = read(tmp_path, flow, kl)
    assert "VAE301" not in found
    assert not clean


@pytest.mark.parametrize("flow", [PLANAR, COUPLING], ids=["a logarithm of a size", "by its name"])
def test_a_flow_without_its_determinant_is_a_part_of_the_decoder(flow: str, tmp_path: Path) -> None:
    found, clean = read(tmp_path, flow, KL)
    assert "VAE301" not in found
    assert clean


@pytest.mark.parametrize("flow", [PLANAR, COUPLING], ids=["a logarithm of a size", "by its name"])
def test_the_prior_at_the_last_z_is_not_accused(flow: str, tmp_path: Path) -> None:
    assert read(tmp_path, flow, ESTIMATE)[0] == []


@pytest.mark.parametrize(
    "kl", [KL, f"{KL} + 3.0 * (votes[:, 0] - votes[:, 1])", f"{KL} + 0.1 * first.abs().mean()"],
    ids=["nothing beside it", "a judge's votes", "a penalty on the draw"],
)  # fmt: skip
def test_what_is_no_determinant_leaves_the_formula_clean(kl: str, tmp_path: Path) -> None:
    assert read(tmp_path, PLANAR, kl, decoded="first") == ([], True)


ELSEWHERE = """\
import torch
import torch.nn as nn
import torch.nn.functional as F
from flows import Planar


"""


@pytest.mark.parametrize(
    ("kl", "decoded", "expected"),
    [
        (f"{KL} - grown", "last", False),
        (f"0.1 * ({KL} - grown.mean())", "last", False),
        (f"{KL} - net.flow.log_det", "last", False),
        (KL, "last", True),
        (f"{KL} - grown", "first", True),
        (f"{KL} + 0.1 * last.abs().mean()", "last", True),
        (f"{KL} + 0.1 * grown.pow(2).mean()", "last", True),
    ],
)
def test_what_a_flow_that_is_not_read_leaves_is_a_determinant(
    kl: str, decoded: str, expected: bool, tmp_path: Path
) -> None:
    found, clean = read(tmp_path, ELSEWHERE, kl, decoded)
    assert "VAE301" not in found
    assert clean is expected


# The constant of a continuous Bernoulli, which makes of a binary cross entropy a likelihood of numbers in [0, 1].
CONSTANT = """
def constant(y):
    y = torch.clamp(y, 1e-5, 1 - 1e-5)
    return (torch.log(torch.abs(2 * torch.atanh(1 - 2 * y))) - torch.log(torch.abs(1 - 2 * y))).sum(dim=1)


"""
BERNOULLI = (
    "y = torch.sigmoid(y)\n        error = F.binary_cross_entropy(y, x, reduction='none').sum(dim=1) - constant(y)"
)


@pytest.mark.parametrize(
    ("kl", "found", "clean"),
    [
        (KL, [], True),
        (KL.replace("0.5", "0.7").replace("s.exp()", "2 * s.exp()"), ["VAE301"], False),
        (f"{KL} - grown", [], False),
    ],
    ids=["by itself", "beside another formula", "beside a determinant"],
)
def test_a_constant_of_the_likelihood_is_no_determinant(kl: str, found: list[str], clean: bool, tmp_path: Path) -> None:
    net = NET.replace('error = F.mse_loss(y, x, reduction="none").sum(dim=1)', BERNOULLI)
    assert read(tmp_path, PLANAR + CONSTANT.lstrip(), kl, net=net) == (found, clean)
