"""A loss that is tried on numbers that are drawn: no decoder made them, and an activation in them is of none."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import codes, linted

NET = """
import torch
import torch.nn.functional as F
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.first, self.second = nn.Linear(84, 33), nn.Linear(33, 7), nn.Linear(33, 7)
        self.back, self.classes = nn.Linear(7, 84), nn.Linear(7, 5)

    def forward(self, x):
        h = torch.relu(self.body(x))
        mu, logvar = self.first(h), self.second(h)
        z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
        return self.back(z), self.classes(z).softmax(-1), mu, logvar


def class_loss(target, output):
    return F.cross_entropy(output, target)


if __name__ == "__main__":
    net = Net()
    wanted = torch.randint(5, (31,))
    print(class_loss(wanted, {output}))
"""


@pytest.mark.parametrize(
    ("output", "found"),
    [("(torch.rand(31, 5, requires_grad=True) * 5).softmax(-1)", []), ("net(torch.rand(31, 84))[1]", ["VAE405"])],
)
def test_what_is_drawn_for_a_loss_is_no_output(output: str, found: list[str], tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"net.py": NET.format(output=output)})) == found
