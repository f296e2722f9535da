"""A head that training reads in one way, and another method of the same model in another."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, linted

NET = (
    HEAD
    + """
from torch.distributions import Normal, kl_divergence


class Net(nn.Module):
    def __init__(self, {taken}judge):
        super().__init__()
        self.encoder = {encoder}
        self.decoder = nn.Linear(7, 84)
        self.judge = judge

    def forward(self, x):
        mu, logvar = self.encoder(x).chunk(2, dim=-1)
        std = torch.exp(0.5 * logvar)
        z = Normal(mu, std).rsample()
        return dict(z=z, y=self.decoder(z), mu=mu, std=std)

    def draw(self, x):
        mu, second = self.encoder(x{more}).chunk(2, dim=-1)
        std = {std}
        return Normal(mu, std).rsample()

    def loss(self, out, x):
        recon = F.binary_cross_entropy_with_logits(out["y"], x, reduction="sum")
        kl = kl_divergence(Normal(out["mu"], out["std"]), Normal(0.0, 1.0)).sum()
        return (recon + kl) / x.shape[0]


def fit(loader, {taken}judge):
    net = Net({taken}judge)
    first = torch.optim.Adam(net.parameters())
    second = torch.optim.Adam(judge.parameters())
    for x, w in loader:
        loss = net.loss(net(x), x)
        first.zero_grad()
        loss.backward()
        first.step()
        other = -judge(net.draw(w).detach()).log_softmax(-1)[:, 0].mean()
        second.zero_grad()
        other.backward()
        second.step()
"""
)
BUILT, HANDED = ("", "nn.Linear(84, 14)"), ("encoder, ", "encoder")


@pytest.mark.parametrize(("taken", "encoder"), [BUILT, HANDED], ids=["built", "handed over"])
@pytest.mark.parametrize(
    ("std", "found"),
    [
        ("F.softplus(second)", ["VAE201"]),
        ("F.softplus(second) + 1e-4", ["VAE201"]),
        ("torch.exp(second)", ["VAE201"]),
        ("torch.exp(0.5 * second)", []),
        ("torch.exp(0.5 * second.clamp(-30, 20))", []),
    ],
)
def test_a_second_head_is_read_as_it_is_trained(
    std: str, found: list[str], taken: str, encoder: str, tmp_path: Path
) -> None:
    text = NET.format(taken=taken, encoder=encoder, std=std, more="")
    assert [finding.code for finding in linted(tmp_path, {"net.py": text}).findings] == found


def test_an_encoder_that_is_asked_for_something_else_has_other_heads(tmp_path: Path) -> None:
    text = NET.format(taken=HANDED[0], encoder=HANDED[1], std="torch.exp(second)", more=', "style"')
    assert not linted(tmp_path, {"net.py": text}).findings
