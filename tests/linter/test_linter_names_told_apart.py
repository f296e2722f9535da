"""Remedies speak of two tensors by two names, where a network calls what it makes as it calls what it is given."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, linted

SCENE = (
    HEAD
    + """
from torch.distributions import Normal, kl_divergence


class Part(nn.Module):
    def __init__(self, before, after):
        super().__init__()
        self.layer = nn.Linear(before, after)

    def forward(self, x):
        x = self.layer(x)
        return x


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.to_m, self.to_s, self.back = Part(84, 7), Part(84, 7), Part(7, 84)

    def loss(self, {given}):
        m, s = self.to_m({given}), self.to_s({given})
        q = Normal(m, torch.exp(0.5 * s))
        {decoded} = self.back(q.{draw}())
        each = nn.MSELoss(reduction="none")({compared})
        error = 0.5 * {error}
        kl = kl_divergence(q, Normal(0, 1)).sum(1).mean()
        return error {sign} kl
"""
)


def remedies(
    tmp_path: Path,
    *,
    given: str = "x",
    decoded: str = "x_hat",
    draw: str = "rsample",
    compared: str = "input=x_hat, target=x",
    error: str = "each.sum(1).mean()",
    sign: str = "+",
) -> dict[str, tuple[str, str]]:
    text = SCENE.format(given=given, decoded=decoded, draw=draw, compared=compared, error=error, sign=sign)
    return {each.code: (each.message, each.fix) for each in linted(tmp_path, {"a.py": text}).findings}


@pytest.mark.parametrize(
    ("given", "decoded", "compared", "said"),
    [
        ("x", "x_hat", "input=x_hat, target=x", "F.mse_loss(x_hat, x, "),
        ("x", "y", "x, y", "F.mse_loss(x, y, "),
        ("image", "x", "x, image", "F.mse_loss(x, image, "),
    ],
    ids=["by keyword", "in the other order", "a picture"],
)
def test_an_error_is_of_two_names(given: str, decoded: str, compared: str, said: str, tmp_path: Path) -> None:
    found = remedies(tmp_path, given=given, decoded=decoded, compared=compared, error="each.mean()")
    assert found["VAE502"][1].startswith(said)


def test_a_kl_is_of_two_heads(tmp_path: Path) -> None:
    found = remedies(tmp_path, sign="-")
    assert found.keys() == {"VAE302"}
    assert "1 + s - m.pow(2) - s.exp()" in found["VAE302"][1]


def test_a_gradient_reaches_neither_of_two_heads(tmp_path: Path) -> None:
    found = remedies(tmp_path, draw="sample")
    assert found.keys() == {"VAE206"}
    assert found["VAE206"][0].endswith(": m, s")
