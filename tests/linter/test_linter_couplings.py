"""A flow that takes noise beside the data, as extra dimensions, has no latent: any law of that noise will do."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, codes, linted

FLOW = (
    "import math\n"
    + HEAD
    + """

class Coupling(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(7, 33), nn.ReLU(), nn.Linear(33, 14))

    def forward(self, x):
        one, other = SPLIT
        shift, log_scale = torch.chunk(self.net(one), 2, dim=1)
        TURNED
        return torch.cat([one, z], dim=1), GROWN


class Mixing(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(14, 14, bias=False)

    def forward(self, x):
        return self.linear(x), torch.slogdet(self.linear.weight)[1]


class Flow(nn.Module):
    def __init__(self):
        super().__init__()
        self.steps = nn.ModuleList([Coupling(), Mixing(), Coupling()])

    def log_prob(self, x):
        z, total = torch.cat([x, NOISE], dim=1), 0.0
        for step in self.steps:
            z, grown = step(z)
            total = total + grown
        return (-0.5 * z ** 2 - 0.5 * math.log(2 * math.pi)).sum(1) + total


def fit(loader):
    flow = Flow()
    optimizer = torch.optim.Adam(flow.parameters())
    for x in loader:
        loss = -flow.log_prob(x).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
)
SPLITS = ("torch.chunk(x, 2, dim=1)", "torch.split(x, 7, dim=1)", "(x[:, :7], x[:, 7:])")
EXP = ("z = other * torch.exp(log_scale) + shift", "log_scale.sum(1)")
TURNS = (
    EXP,
    ("scale = F.softplus(log_scale) + 1e-3\n        z = other * scale + shift", "scale.log().sum(1)"),
    ("scale = torch.exp(log_scale)\n        z = shift + scale * other", "torch.log(scale).sum(dim=-1)"),
)
NOISES = ("torch.rand_like(x)", "torch.rand(len(x), 7)", "2 * torch.rand_like(x) - 1", "torch.randn_like(x)")
SCENES = [
    *((split, EXP, NOISES[0]) for split in SPLITS),
    *((SPLITS[0], turn, NOISES[0]) for turn in TURNS[1:]),
    *((SPLITS[0], EXP, noise) for noise in NOISES[1:]),
]


@pytest.mark.parametrize(("split", "turn", "noise"), SCENES)
def test_noise_that_a_flow_takes_beside_the_data_is_no_latent(
    split: str, turn: tuple[str, str], noise: str, tmp_path: Path
) -> None:
    text = FLOW.replace("SPLIT", split).replace("TURNED", turn[0]).replace("GROWN", turn[1]).replace("NOISE", noise)
    report = linted(tmp_path, {"net.py": text})
    assert codes(report) == []
    assert list(report.vaes) == []


CONDITIONAL = (
    HEAD
    + """

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.to_m, self.to_s, self.back = nn.Linear(84 + 9, 7), nn.Linear(84 + 9, 7), nn.Linear(7 + 9, 84)

    def encode(self, x, c):
        h = torch.cat([x, c], dim=1)
        return self.to_m(h), self.to_s(h)

    def forward(self, x, c):
        shift, log_scale = self.encode(x, c)
        z = shift + torch.exp(log_scale) * NOISE
        return self.back(torch.cat([BESIDE, z], dim=1)), log_scale.sum(1)
"""
)


@pytest.mark.parametrize("beside", ["c", "torch.relu(c)"])
def test_uniform_noise_of_a_latent_beside_its_condition_is_named(beside: str, tmp_path: Path) -> None:
    text = CONDITIONAL.replace("BESIDE", beside)
    assert codes(linted(tmp_path, {"net.py": text.replace("NOISE", "torch.rand_like(shift)")})) == ["VAE202"]
    assert codes(linted(tmp_path, {"net.py": text.replace("NOISE", "torch.randn_like(shift)")})) == []


def test_uniform_noise_without_a_determinant_is_named(tmp_path: Path) -> None:
    # A decoder that is given what the encoder was: nothing says that it is a flow.
    text = CONDITIONAL.replace("BESIDE", "x, c").replace("log_scale.sum(1)", "log_scale")
    assert codes(linted(tmp_path, {"net.py": text.replace("NOISE", "torch.rand_like(shift)")})) == ["VAE202"]


DEQUANTISED = """

    def fit(self, loader):
        optimizer = torch.optim.Adam(self.parameters())
        for x, c in loader:
            x = (x * 255 + torch.rand_like(x)) / 256
            y, _ = self(x, c)
            loss = F.mse_loss(y, x, reduction="sum")
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
"""


def test_uniform_noise_that_spreads_whole_numbers_is_no_latent(tmp_path: Path) -> None:
    text = CONDITIONAL.replace("BESIDE", "c") + DEQUANTISED
    assert "VAE202" not in codes(linted(tmp_path, {"net.py": text.replace("NOISE", "torch.randn_like(shift)")}))
    assert "VAE202" in codes(linted(tmp_path, {"net.py": text.replace("NOISE", "torch.rand_like(shift)")}))
