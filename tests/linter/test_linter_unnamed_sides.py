"""Losses whose parameters do not say which is the reconstruction, and which the data."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, MODEL, codes, linted

# A model's own loss that nothing calls.
SIDES = (
    HEAD
    + MODEL.replace("nn.Sigmoid()", "{last}")
    + """
    def forward(self, x):
        mu, logvar = self.encode(x)
        return self.back(mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)), mu, logvar

    def loss(self, x, x_, mu, logvar):
        self.gap = (x - x_).abs().max().item()
        bits = x * torch.log(x_ + 1e-9) + (1 - x) * torch.log(1 - x_ + 1e-9)
        kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp(), dim=1)
        return (kl - bits.sum(1)).mean()
"""
)
LASTS = ("nn.Softmax(dim=1)", "nn.Sigmoid()")


@pytest.mark.parametrize("last", LASTS)
def test_a_difference_does_not_tell_its_sides(last: str, tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"net.py": SIDES.format(last=last)})) == []


ORIGINAL = (
    SIDES[: SIDES.index("    def loss")]
    + """
    def error(self, {first}, {second}):
        return F.binary_cross_entropy({prediction}, {target}, reduction="sum")

    def loss(self, x, original_x, mu, logvar):
        return self.error(original_x, x) - 0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
"""
)


@pytest.mark.parametrize(
    ("prediction", "target", "expected"), [("x", "original_x", []), ("original_x", "x", ["VAE404"])]
)
def test_what_is_called_the_original_is_the_data(
    prediction: str, target: str, expected: list[str], tmp_path: Path
) -> None:
    sides = {"first": "original_x", "second": "x", "prediction": prediction, "target": target}
    assert codes(linted(tmp_path, {"net.py": ORIGINAL.format(last="nn.Sigmoid()", **sides)})) == expected


GRAPHS = (
    HEAD
    + """

class Graphs(Dataset):
    def __init__(self, path):
        self.held = torch.load(path)

    def __getitem__(self, index):
        return {{"nodes": self.held[index][0], "links": self.held[index][1]}}


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk, self.to_m, self.to_s = nn.Linear(31, 13), nn.Linear(13, 7), nn.Linear(13, 7)
        self.back = nn.Linear(7, 29)

    def error(self, one, other):
        return F.binary_cross_entropy_with_logits(one, other, reduction="sum")

    def forward(self, nodes, links):
        h = self.trunk(nodes)
        m, s = self.to_m(h), self.to_s(h)
        out, truth = self.back(drawn(m, s)), links.float().flatten(1)
        return self.error({sides}) - 0.5 * torch.sum(1 + s - m.pow(2) - s.exp())


net = Net()
optimizer = torch.optim.Adam(net.parameters())
for batch in DataLoader(Graphs("graphs.pt"), batch_size=17):
    loss = net(batch["nodes"], batch["links"])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""
)


@pytest.mark.parametrize(("sides", "expected"), [("truth, out", ["VAE404"]), ("out, truth", [])])
def test_what_layers_make_is_told_from_a_loaders_items(sides: str, expected: list[str], tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"net.py": GRAPHS.format(sides=sides)})) == expected
