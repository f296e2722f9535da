"""Heads that are joined to be drawn with and taken apart there, while the loss reads them as they were."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, codes, linted

NET = (
    HEAD
    + """
class Net(nn.Module):
    def __init__(self, latent=7):
        super().__init__()
        self.latent = latent
        self.to_m, self.to_s, self.both = nn.Linear(84, latent), nn.Linear(84, latent), nn.Linear(84, 2 * latent)
        self.back = nn.Linear(latent, 84)

    def encode(self, x):
        {encoded}

    def drawn(self, both):
        {taken}
        return m + {std} * torch.randn_like(m)

    def forward(self, x):
        m, s = self.encode(x)
        return self.back(self.drawn(torch.cat((m, s), dim=1))), m, s


net = Net()
optimizer = torch.optim.Adam(net.parameters())
for x in torch.load("rows.pt").split(31):
    y, m, s = net(x)
    loss = F.mse_loss(y, x, reduction="sum") - 0.5 * torch.sum(1 + s - m.pow(2) - s.exp())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""
)
APART, TOGETHER = "return self.to_m(x), self.to_s(x)", "h = self.both(x); return h[:, :self.latent], h[:, self.latent:]"
STD = "torch.exp(0.5 * s)"
TAKEN = {
    "by the width": "m, s = both[:, :self.latent], both[:, self.latent:]",
    "by a number": "m, s = both[:, :7], both[:, 7:]",
    "by half of the size": "n = both.size(1) // 2; m, s = both[:, :n], both[:, n:]",
    "by half of the shape": "n = both.shape[-1] // 2; m, s = both[:, :n], both[:, n:]",
    "in two": "m, s = both.chunk(2, dim=1)",
}


@pytest.mark.parametrize("taken", TAKEN.values(), ids=TAKEN)
@pytest.mark.parametrize("encoded", [APART, TOGETHER], ids=["two layers", "one layer"])
def test_what_is_taken_of_joined_heads_are_these(encoded: str, taken: str, tmp_path: Path) -> None:
    report = linted(tmp_path / "right", {"net.py": NET.format(encoded=encoded, taken=taken, std=STD)})
    assert not report.findings
    assert [vae.core_checked for vae in report.vaes] == [True]
    wrong = NET.format(encoded=encoded, taken=taken, std="torch.exp(s)")
    assert codes(linted(tmp_path / "wrong", {"net.py": wrong})) == ["VAE201"]


@pytest.mark.parametrize("encoded", [APART, TOGETHER], ids=["two layers", "one layer"])
def test_heads_that_change_places_where_they_are_taken_are_named(encoded: str, tmp_path: Path) -> None:
    taken = "s, m = both[:, :self.latent], both[:, self.latent:]"
    report = linted(tmp_path, {"net.py": NET.format(encoded=encoded, taken=taken, std=STD)})
    assert codes(report) == ["VAE205"]


def test_a_slice_that_ends_elsewhere_is_no_head(tmp_path: Path) -> None:
    taken = "m, s = both[:, :5], both[:, 5:]"
    report = linted(tmp_path, {"net.py": NET.format(encoded=APART, taken=taken, std=STD)})
    assert not any(vae.core_checked for vae in report.vaes)
