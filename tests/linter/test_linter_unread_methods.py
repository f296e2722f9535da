"""What a method of another library returns may be made of all that it is given, by place and by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from vae_checked.linter import lint

TEXT = """\
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch_geometric.nn.conv import MessagePassing


class Pool(MessagePassing):
    def forward(self, h, matrix):
        return CALL


class Net(nn.Module):
    def __init__(self, matrix, width=20):
        super().__init__()
        self.matrix = matrix
        self.pool = Pool()
        self.to_m = nn.Linear(84, width)
        self.to_s = nn.Linear(84, width)
        self.back = nn.Linear(width, 84)

    def forward(self, batch):
        h = self.pool(batch.x, self.matrix)
        m, s = self.to_m(h), self.to_s(h)
        z = m + torch.exp(0.5 * s) * torch.randn_like(m)
        return self.pool(self.back(z), self.matrix), m, s


def train(loader, matrix, optimizer):
    net = Net(matrix)
    for batch in loader:
        y, m, s = net(batch)
        loss = F.mse_loss(y, batch.y, reduction="sum") - 0.5 * torch.sum(1 + s - m.pow(2) - s.exp())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""


@pytest.mark.parametrize(
    "call",
    [
        "self.propagate(matrix, x=h)",
        "self.propagate(edge_index=matrix, x=h, size=None)",
        "self.propagate(matrix, h)",
        "super().forward(matrix, x=h)",
    ],
)
def test_what_is_decoded_by_a_method_of_another_library(call: str, tmp_path: Path) -> None:
    path = tmp_path / "model.py"
    path.write_text(TEXT.replace("CALL", call), encoding="utf-8")
    report = lint([path])
    assert [finding.code for finding in report.findings] == []
    assert any(facts.sampler.std and facts.kl.factor and facts.recon.reduced for facts in report.facts)
