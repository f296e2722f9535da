"""A model whose parts are declared as objects that are called for a network which they hold, and draw beside it."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, codes, linted

SCRIPT = (
    HEAD
    + """

class Coder:
    def __init__(self, net: nn.Module) -> None:
        self.net = net

    def __call__(self, x):
        return self.net(x)

    @staticmethod
    def draw(m, s):
        return m + {std} * torch.normal(torch.zeros(m.shape), torch.ones(m.shape)).to(m.device)

    @staticmethod
    def kl(m, s):
        return torch.mean(torch.sum((torch.exp(s) + torch.square(m) - s - m.shape[1]) / 2.0, dim=1))


class Decoder:
    def __init__(self, net: nn.Module) -> None:
        self.net = net

    def __call__(self, z):
        return self.net(z)


class Model(nn.Module):
    def __init__(self, coder: Coder, decoder: Decoder, beta: float = 1.0):
        super().__init__()
        self.coder, self.decoder, self.beta = coder, decoder, beta
        self.register_module("of_coder", coder.net)
        self.register_module("of_decoder", decoder.net)

    def forward(self, x):
        m, s = self.coder(x)
        return self.decoder(self.coder.draw(m, s)), m, s

    def step(self, x, optimizer):
        y, m, s = self.forward(x)
        loss = F.mse_loss(y, x, reduction="sum") / x.shape[0] {by} self.beta * self.coder.kl(m, s)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
"""
)


@pytest.mark.parametrize(
    ("std", "by", "found"),
    [
        ("torch.exp(s / 2.0)", "+", []),
        ("torch.exp(s / 2.0)", "-", ["VAE302"]),
        ("torch.exp(s)", "+", ["VAE201"]),
    ],
)
def test_a_part_that_is_called_for_a_network_is_made_as_declared(
    std: str, by: str, found: list[str], tmp_path: Path
) -> None:
    report = linted(tmp_path, {"model.py": SCRIPT.format(std=std, by=by)})
    assert codes(report) == found
    assert [vae.core_checked for vae in report.vaes] == [True]
