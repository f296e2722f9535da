"""Losses that take samples before and after a flow, with the logarithm of its determinant, by names that say so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from bound_losses import codes
from torch import Tensor, nn

from vae_checked.auditor import audit

FEATURES, LATENTS = 42, 6
ORDERS: dict[str, Callable[[dict[str, Tensor]], tuple[Tensor, ...]]] = {
    "determinant first": lambda t: (t["x_hat"], t["mu"], t["var"], t["ldj"], t["z_0"], t["z_k"]),
    "as the loss has them": lambda t: (t["x_hat"], t["mu"], t["var"], t["z_0"], t["z_k"], t["ldj"]),
}


class Flow(nn.Module):
    """A VAE whose outputs leave room for a flow; there is one where `length` is more than 0."""

    def __init__(self, order: str, length: int = 0) -> None:
        super().__init__()
        self.order = order
        self.encoder = nn.Sequential(nn.Linear(FEATURES, 32), nn.ReLU())
        self.to_mean = nn.Linear(32, LATENTS)
        self.to_var = nn.Sequential(nn.Linear(32, LATENTS), nn.Softplus())
        self.scales = nn.ParameterList(nn.Parameter(0.1 * torch.randn(LATENTS)) for _ in range(length))
        self.decoder = nn.Sequential(nn.Linear(LATENTS, FEATURES), nn.Sigmoid())

    def forward(self, x: Tensor) -> Any:
        h = self.encoder(x)
        mu, var = self.to_mean(h), self.to_var(h)
        z = z_0 = torch.randn_like(mu).mul(var.sqrt()).add(mu)
        ldj = torch.zeros(1)
        for scale in self.scales:
            z = z * scale.exp()
            ldj = ldj + scale.sum()
        found = {"x_hat": self.decoder(z), "mu": mu, "var": var, "z_0": z_0, "z_k": z, "ldj": ldj}
        return ORDERS[self.order](found)


def loss_with(sign: float) -> Callable[..., Tensor]:
    def loss(recon_x: Tensor, x: Tensor, z_mu: Tensor, z_var: Tensor, z_0: Tensor, z_k: Tensor, ldj: Tensor) -> Tensor:
        log_q = -0.5 * (z_var.log() + (z_0 - z_mu).pow(2) / z_var).sum(1)
        log_p = -0.5 * z_k.pow(2).sum(1)
        kl = (log_q - log_p).sum() - ldj.sum()
        return (nn.functional.binary_cross_entropy(recon_x, x, reduction="sum") + sign * kl) / len(x)

    return loss


@pytest.mark.parametrize("order", ORDERS)
def test_samples_and_determinant_go_where_their_names_say(order: str) -> None:
    report = audit(Flow(order), f"B {FEATURES}", loss_with(1.0), data_range=(0, 1))
    assert codes(report) == []
    assert {"VAE301", "VAE302", "VAE304"} <= set(report.judgements[0].clean)
    assert codes(audit(Flow(order), f"B {FEATURES}", loss_with(-1.0), data_range=(0, 1))) == ["VAE302"]


def test_a_flow_between_the_samples_leaves_their_order() -> None:
    report = audit(Flow("determinant first", length=2), f"B {FEATURES}", loss_with(1.0), data_range=(0, 1))
    assert codes(report) == []
    assert any("z_0 = output[4], z_k = output[5], ldj = output[3]" in line for line in report.recognised)
