"""Data that an option chooses: where the ranges of its choices differ, none of them is that of the data."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, codes, linted

MODEL = """

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.to_m, self.to_s = nn.Linear(33, 7), nn.Linear(33, 7)
        self.back = nn.Sequential(nn.Linear(7, 33), nn.Tanh())

    def forward(self, x):
        m, s = self.to_m(x), self.to_s(x)
        return self.back(m + torch.exp(0.5 * s) * torch.randn_like(s)), m, s

"""
CHOSEN = """
def loaders(options):
    if options.kind == "birds":
        steps = transforms.Compose([transforms.ToTensor(), {one}])
        held = DataLoader(datasets.ImageFolder(options.root, transform=steps), batch_size=32)
    else:
        steps = transforms.Compose([transforms.ToTensor(), {other}])
        held = DataLoader(datasets.ImageFolder(options.root, transform=steps), batch_size=32)
    return held


def fit(options, optimizer):
    net = Net()
    for x, _ in loaders(options):
        y, m, s = net(x)
        loss = F.mse_loss(y, x, reduction="sum") + 0.5 * torch.sum(m ** 2 + s.exp() - s - 1)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
TOGETHER = """
def loaders(options):
    if options.kind == "birds":
        steps = transforms.Compose([transforms.ToTensor(), {one}])
    else:
        steps = transforms.Compose([transforms.RandomCrop(9), transforms.ToTensor(), {other}])
    return DataLoader(datasets.ImageFolder(options.root, transform=steps), batch_size=32)
"""
WIDE = "transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])"
EVEN = "transforms.Normalize([0.5, 0.5, 0.5], [0.5, 0.5, 0.5])"


@pytest.mark.parametrize(("one", "other", "expected"), [(WIDE, EVEN, []), (EVEN, WIDE, []), (WIDE, WIDE, ["VAE403"])])
def test_data_sets_that_an_option_chooses_lie_nowhere_where_they_differ(
    one: str, other: str, expected: list[str], tmp_path: Path
) -> None:
    head = HEAD + "from torchvision import datasets, transforms\n" + MODEL
    apart = CHOSEN.format(one=one, other=other)
    assert codes(linted(tmp_path / "a", {"net.py": head + apart})) == expected
    fit = apart[apart.index("\n\ndef fit") :]
    together = head + TOGETHER.format(one=one, other=other) + fit
    assert codes(linted(tmp_path / "b", {"net.py": together})) == expected
