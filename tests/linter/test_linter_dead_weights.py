"""Weights that are given and never read: a mistake where somebody counts on them, and a leftover elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest
from linter_losses import LOOP, looped, loss_codes

STORED = """
class Criterion(nn.Module):
    def __init__(self, pace=0.2):
        super().__init__()
        self.kl_weight = {first}
        self.pace = pace

    def forward(self, out, x, mu, logvar):
        recon = F.mse_loss(out, x, reduction="sum")
        kl = -0.5 * torch.sum(1 + logvar - mu ** 2 - logvar.exp())
        return recon + kl


def anneal(criterion: Criterion, epoch):
    print(criterion.pace, epoch)
    {later}
"""
TERMS = """

WARMUP = 1.0


def terms(out, x, mu, logvar, beta):
    recon = F.mse_loss(out, x, reduction="sum")
    return recon, -0.5 * torch.sum(1 + logvar - mu ** 2 - logvar.exp())
"""
WEIGHED = {
    "by its caller": ("terms(out, x, mu, logvar, beta=beta)", "beta * recon + kl", []),
    "by its caller, the KL": ("terms(out, x, mu, logvar, beta)", "recon + beta * kl", []),
    "by another weight": ("terms(out, x, mu, logvar, beta)", "recon + WARMUP * kl", []),
    "nowhere": ("terms(out, x, mu, logvar, beta)", "recon + kl", ["VAE305"]),
}


LOCAL = {
    "used": ("beta = schedule(1)", "recon + beta * kl", []),
    "forgotten": ("beta = schedule(1)", "recon + kl", ["VAE305"]),
    "another's, forgotten": ("beta1 = schedule(1)", "recon + kl", []),
    "1 for now": ("beta = 1.0", "recon + kl", []),
    "of all functions": ("global beta\nbeta = schedule(1)", "recon + kl", []),
    "shown": ("beta = schedule(1)\nprint(beta)", "recon + kl", []),
    "beside another weight": ("beta = schedule(1)", "recon + 0.4 * WARMUP * kl", []),
}


@pytest.mark.parametrize(("before", "loss", "expected"), LOCAL.values(), ids=LOCAL)
def test_a_weight_that_is_computed_where_it_is_wanted(
    before: str, loss: str, expected: list[str], tmp_path: Path
) -> None:
    body = f"{before}\nrecon, kl = terms(out, x, mu, logvar)\nloss = {loss}"
    text = TERMS.replace(", beta):", "):") + LOOP.format(body=looped(body))
    assert loss_codes(tmp_path, text) == expected


@pytest.mark.parametrize(
    ("first", "later", "expected"),
    [
        ("0.0", "pass", []),
        ("1.0", "pass", []),
        ("0", "criterion.kl_weight = 1.0", []),
        ("0.0", "criterion.kl_weight = min(1.0, epoch / 9)", ["VAE305"]),
        ("0.0", "criterion.kl_weight += 0.01", ["VAE305"]),
        ("4.0", "pass", ["VAE305"]),
    ],
)
def test_a_number_that_nobody_counts_on_is_no_missing_weight(
    first: str, later: str, expected: list[str], tmp_path: Path
) -> None:
    assert loss_codes(tmp_path, STORED.format(first=first, later=later)) == expected


@pytest.mark.parametrize(("call", "total", "expected"), WEIGHED.values(), ids=WEIGHED)
def test_what_a_function_leaves_unread_may_weigh_outside(
    call: str, total: str, expected: list[str], tmp_path: Path
) -> None:
    body = looped(f"beta = BETA * 7\nrecon, kl = {call}\nloss = {total}")
    assert loss_codes(tmp_path, TERMS + LOOP.format(body=body)) == expected
