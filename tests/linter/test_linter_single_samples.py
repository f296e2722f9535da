"""Training on one sample that is picked of a batch: the draw that it is given has one row as the sample has."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import ENCODER, HEAD, codes, linted

PICKED = (
    HEAD
    + ENCODER
    + """

class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.out = nn.Sequential(nn.Linear(7, 33), nn.ReLU(), nn.Linear(33, 84))

    def forward(self, z):
        return self.out(z)


class Trainer:
    def __init__(self, LOADER):
        self.loader = LOADER
        self.latents = 7
        self.encoder, self.decoder = Encoder(), Decoder()
        self.optimizer = torch.optim.Adam([*self.encoder.parameters(), *self.decoder.parameters()])

    def train(self, k):
        for x, _ in self.loader:
            one = {"x": ROWS}
            m, s = self.encoder(one["x"])
            std = torch.exp(0.5 * s)
            z = m + std * NOISE
            error = F.mse_loss(self.decoder(z), one["x"], reduction="sum")
            self.optimizer.zero_grad()
            (error - 0.5 * torch.sum(1 + s - m.pow(2) - s.exp())).backward()
            self.optimizer.step()
"""
)
ONE = [
    "x[0].unsqueeze(dim=0)",
    "torch.unsqueeze(x[1], 0)",
    "x[k].unsqueeze(0)",
    "x[0][None]",
    "x[None, 0]",
    "x[0].view(1, -1)",
    "x[:1]",
    "x[2:3]",
    "x[k:k + 1]",
    "x[[0]]",
    "x.narrow(0, 0, 1)",
    "x.select(0, 3).unsqueeze(0)",
    "torch.stack([x[0]])",
    "x[:1, :42].repeat_interleave(2, 1)",
]
MORE = [
    "x",
    "x.float()",
    "x[:2]",
    "x[k:k + 2]",
    "x[[0, 1]]",
    "x[0].unsqueeze(0).repeat(8, 1)",
    "x[:1].expand(8, 84)",
    "torch.cat([x[0].unsqueeze(0), x[1].unsqueeze(0)])",
    "torch.cat([x[:1], x])",
    "x.narrow(0, 0, 2)",
    "torch.stack([x[0], x[1]])",
    "torch.stack([row for row in x])",
    "x[0].unsqueeze(0).repeat_interleave(8, 0)",
]
NOISE = "torch.randn(1, self.latents)"
LOADER = "DataLoader(records, {})"


def trained(tmp_path: Path, rows: str, noise: str = NOISE, loader: str = "loader") -> list[str]:
    text = PICKED.replace("ROWS", rows).replace("NOISE", noise)
    given = text.replace("LOADER)", "records)" if "records" in loader else "loader)")
    return codes(linted(tmp_path, {"net.py": given.replace("LOADER", loader)}))


@pytest.mark.parametrize("loader", ["loader", LOADER.format(32)])
@pytest.mark.parametrize("rows", ONE)
def test_a_draw_of_one_row_is_that_of_the_one_sample(rows: str, loader: str, tmp_path: Path) -> None:
    assert trained(tmp_path, rows, loader=loader) == []


@pytest.mark.parametrize("noise", ["torch.randn(self.latents)", "torch.randn_like(std[:1])", "torch.randn_like(std)"])
def test_other_draws_for_one_sample_are_its_own_too(noise: str, tmp_path: Path) -> None:
    assert trained(tmp_path, "x[0].unsqueeze(0)", noise) == []


@pytest.mark.parametrize("loader", ["loader", LOADER.format(32)])
@pytest.mark.parametrize("rows", MORE)
def test_a_draw_of_one_row_is_shared_by_several_samples(rows: str, loader: str, tmp_path: Path) -> None:
    assert trained(tmp_path, rows, loader=loader) == ["VAE203"]


@pytest.mark.parametrize(
    ("rows", "size", "expected"),
    [
        ("x", 1, []),
        ("x", 2, ["VAE203"]),
        ("x.unsqueeze(0)", 32, ["VAE203"]),
        ("torch.stack([x])", 32, ["VAE203"]),
        ("torch.max(x.unsqueeze(2), 2)[0].unsqueeze(0)", 32, ["VAE203"]),
    ],
)
def test_batches_of_one_sample_have_one_row(rows: str, size: int, expected: list[str], tmp_path: Path) -> None:
    assert trained(tmp_path, rows, loader=LOADER.format(size)) == expected
