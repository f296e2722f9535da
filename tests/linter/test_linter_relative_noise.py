"""Noise in proportion to a code, by which an autoencoder is disturbed: no posterior, and no heads that are one."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, codes, linted

NET = (
    HEAD
    + """

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.code, self.back = nn.Linear(84, 7), nn.Linear(7, 84)

    def forward(self, x):
        z = self.code(x)
        {drawn}
        return self.back(drawn), z


def fit(loader):
    net = Net()
    optimizer = torch.optim.Adam(net.parameters())
    for x in loader:
        y, z = net(x)
        loss = F.mse_loss(y, x, reduction="none").sum(1).mean() + {term}
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
)
DISTURBED = {
    "a share": "drawn = z + 0.1 * z * torch.randn_like(z)",
    "a share of its size": "drawn = z + 0.1 * z.abs() * torch.randn_like(z)",
    "a share without a gradient": "drawn = z + 0.1 * z.detach() * torch.randn_like(z)",
    "its average": "drawn = z + z.abs().mean() * torch.randn_like(z)",
    "its spread": "drawn = z + 0.1 * z.std(0, keepdim=True) * torch.randn_like(z)",
    "its variance": "drawn = z + z.var(0).sqrt() * torch.randn_like(z)",
    "its length": "drawn = z + 0.1 * z.norm(dim=1, keepdim=True) * torch.randn_like(z)",
    "a factor about 1": "drawn = z * (1 + 0.1 * torch.randn_like(z))",
    "a normal tensor": "drawn = torch.normal(z, 0.1 * z.abs())",
    "its largest entry": "drawn = z + 0.1 * z.abs().amax(1, keepdim=True) * torch.randn_like(z)",
    "a distribution": "drawn = torch.distributions.Normal(z, 0.1 * z.abs()).rsample()",
}
KL = "(-0.5 * (1 + z - z.pow(2) - z.exp())).sum(1).mean()"


@pytest.mark.parametrize("drawn", DISTURBED.values(), ids=DISTURBED)
@pytest.mark.parametrize("term", ["z.pow(2).mean()", "z.abs().mean()"])
def test_noise_in_proportion_to_a_code_is_no_posterior(drawn: str, term: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": NET.format(drawn=drawn, term=term)})
    assert codes(report) == []
    assert report.vaes == []


@pytest.mark.parametrize("term", ["0.1 * z.abs().mean()", KL], ids=["a penalty", "a KL"])
@pytest.mark.parametrize("std", ["torch.exp(0.5 * z)", "torch.exp(z)", "F.softplus(z)"])
def test_one_output_for_a_mean_and_what_a_std_is_made_of_is_named(std: str, term: str, tmp_path: Path) -> None:
    drawn = f"drawn = z + {std} * torch.randn_like(z)"
    assert codes(linted(tmp_path, {"net.py": NET.format(drawn=drawn, term=term)})) == ["VAE205"]
