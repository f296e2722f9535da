"""The shares of a mixture that are kept alike: they are of no input, and that is no KL of a posterior."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import codes, linted

NET = """
import math
import torch
import torch.nn.functional as F
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.shares, self.body = nn.Parameter(torch.zeros(9)), nn.Linear(84, 9)
        self.back = nn.Linear(9, 84)

    def forward(self, x):
        scores = {scores}
        q = F.softmax(scores, dim=-1)
        alike = math.log(9.0) + (q * F.log_softmax(scores, dim=-1)).sum()
        return F.mse_loss(self.back(F.gumbel_softmax(self.body(x))), x), alike


net = Net()
optimizer = torch.optim.Adam(net.parameters())
for x, _ in loader:
    error, alike = net(x)
    optimizer.zero_grad()
    (error + alike).backward()
    optimizer.step()
"""


@pytest.mark.parametrize(("scores", "is_kl"), [("self.shares", False), ("self.body(x)", True)])
def test_probabilities_of_no_input_are_no_posterior(scores: str, is_kl: bool, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": NET.format(scores=scores)})
    assert any(facts.kl.form for facts in report.facts) is is_kl
    assert bool(codes(report)) is is_kl
