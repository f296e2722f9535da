"""What a product or a call makes of the means is no mean whose square was forgotten; an Einstein sum is read."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, codes, linted

VAE = (
    HEAD
    + """from elsewhere import squares
from torch import nn


class Net(nn.Module):
    def __init__(self, k=7):
        super().__init__()
        self.k = k
        self.to_m, self.to_s, self.back = nn.Linear(33, k), nn.Linear(33, k), nn.Linear(k, 33)

    def forward(self, x):
        m, v = self.to_m(x), torch.exp(self.to_s(x))
        y = self.back(m + {std} * torch.randn_like(m))
        square = {square}
        kl = 0.5 * (torch.sum(v, dim=1) - {count} + square - torch.sum(torch.log(v), dim=1))
        return (F.mse_loss(y, x, reduction="none").sum(1) + kl).mean()


Net(7)
"""
)
READ = [
    "torch.einsum('...i,...i -> ...', [m, m])",
    "torch.einsum('bi,bi->b', m, m)",
    "torch.einsum('bi,bi->bi', m, m).sum(1)",
]
UNREAD = ["(m.unsqueeze(1) @ m.unsqueeze(2)).squeeze()", "torch.einsum('bi,ic->b', m, m.T)", "squares(m)"]


def found(folder: Path, square: str, std: str, count: str = "self.k") -> list[str]:
    return codes(linted(folder, {"net.py": VAE.format(square=square, std=std, count=count)}))


@pytest.mark.parametrize("count", ["self.k", "7", "m.shape[1]"])
@pytest.mark.parametrize("square", READ)
def test_an_einstein_sum_of_squares_is_read(square: str, count: str, tmp_path: Path) -> None:
    assert found(tmp_path / "right", square, "v.sqrt()", count) == []
    assert found(tmp_path / "wrong", square, "v", count) == ["VAE201"]


@pytest.mark.parametrize("square", UNREAD)
def test_a_square_that_is_not_read_is_not_accused(square: str, tmp_path: Path) -> None:
    assert found(tmp_path, square, "v.sqrt()") == []


@pytest.mark.parametrize("square", ["m.sum(1)", "torch.einsum('bi->b', m)"])
def test_a_forgotten_square_is_accused(square: str, tmp_path: Path) -> None:
    assert found(tmp_path, square, "v.sqrt()") == ["VAE301"]
