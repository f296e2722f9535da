"""Parameters that an optimizer is given later, in a group of their own, are not in none."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import FORWARD, HEAD, KL, MODEL, codes, linted

TEXT = (
    HEAD
    + MODEL
    + FORWARD
    + f"""

net = Net()
weigh = nn.Parameter(torch.zeros(2))
optimizer = torch.optim.Adam(net.parameters())
{{added}}
for x in DataLoader(rows):
    y, m, s = net(x)
    terms = torch.stack([F.mse_loss(y, x, reduction="none").sum(1).mean(), ({KL}).mean()])
    loss = (terms * torch.exp(-weigh) + weigh).sum()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""
)


@pytest.mark.parametrize(
    ("added", "expected"),
    [
        ('optimizer.add_param_group({"params": [weigh]})', []),
        ("optimizer.add_param_group(dict(params=weigh, lr=0.1))", []),
        ('optimizer.add_param_group(param_group={"params": [weigh]})', []),
        ("", ["VAE602"]),
        ('optimizer.add_param_group({"params": [nn.Parameter(torch.zeros(3))]})', ["VAE602"]),
    ],
)
def test_a_group_that_is_added_holds_its_parameters(added: str, expected: list[str], tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"train.py": TEXT.format(added=added)})) == expected
