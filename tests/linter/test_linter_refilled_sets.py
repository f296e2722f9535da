"""Pictures that code puts into a data set: what that had before says nothing of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, codes, linted

TEXT = (
    HEAD
    + """from torchvision import datasets


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.m, self.s, self.back = nn.Linear(784, 7), nn.Linear(784, 7), nn.Linear(7, 784)

    def forward(self, x):
        m, s = self.m(x), self.s(x)
        return torch.sigmoid(self.back(m + torch.exp(0.5 * s) * torch.randn_like(m))), m, s


net, pictures = Net(), datasets.MNIST("there", download=True)
{filled}
for start in range(0, 60000, 128):
    x = pictures.data[start : start + 128].float().view(-1, 784)
    y, m, s = net(x)
    loss = F.mse_loss(y, x, reduction="sum") - 0.5 * torch.sum(1 + s - m.pow(2) - s.exp())
    loss.backward()
"""
)


@pytest.mark.parametrize(
    ("filled", "expected"),
    [
        ("pictures.data = pictures.data.float() / 255", []),
        ("pictures.data = read(pictures.data)", []),
        ("pictures.data = pictures.data[:6000]", ["VAE104"]),
        ("pictures.targets = pictures.targets % 2", ["VAE104"]),
    ],
)
def test_a_set_that_is_filled_with_others(filled: str, expected: list[str], tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": TEXT.format(filled=filled)})
    assert codes(report) == expected
    assert not any("VAE104" in each.clean for each in report.judgements)
