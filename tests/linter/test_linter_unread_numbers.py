"""What a call that is not read makes of constants is a number that nobody knows: no formula is refused for it."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, codes, linted

KL = (
    HEAD
    + """from elsewhere import placed
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.to_m, self.to_v, self.back = nn.Linear(33, 7), nn.Linear(33, 7), nn.Linear(7, 33)

    def forward(self, x):
        m, v = self.to_m(x), F.softplus(self.to_v(x))
        y = self.back(m + v.sqrt() * torch.randn_like(m))
        return (F.mse_loss(y, x, reduction="none").sum(1) + {kl}).mean()


def between(m1, v1, m2=placed(torch.tensor([0.0])), v2=placed(torch.tensor([1.0]))):
    one = placed(torch.tensor([1.0]))
    return 0.5 * (torch.log(v2) - torch.log(v1) + (v1 + (m1 - m2).pow(2)) / v2 - one).sum(1)
"""
)


@pytest.mark.parametrize(
    "kl", ["between(m, v)", "0.5 * (v + m.pow(2) - placed(torch.tensor(1.0)) * v.log() - 1).sum(1)"]
)
def test_a_formula_with_an_unread_number_is_not_refused(kl: str, tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"net.py": KL.format(kl=kl)})) == []


def test_one_without_is(tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"net.py": KL.format(kl="0.5 * (v + m - v.log() - 1).sum(1)")})) == ["VAE301"]
