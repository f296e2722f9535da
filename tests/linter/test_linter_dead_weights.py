"""Weights that are given and never read: a mistake where somebody counts on them, and a leftover elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest
from linter_losses import LOOP, looped, loss_codes
from small_vaes.fragments import FORWARD, HEAD, KL, MODEL, codes, linted

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


TRAIN = (
    HEAD
    + MODEL
    + FORWARD
    + """

def train(loader, epochs, kl_weight=0.3):
    net = Net()
    optimizer = torch.optim.Adam(net.parameters())
    {before}
    for epoch in range(epochs):
        {inside}
        for x in loader:
            y, m, s = net(x)
            error = F.mse_loss(y, x, reduction="none").sum(dim=1)
            loss = (error + kl_weight * KL).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
""".replace("KL", KL)
)
GIVEN = {
    "as it is": ("pass", "pass", True),
    "where none is given": ("if kl_weight is None:\n        kl_weight = 1.0", "pass", True),
    "grown": ("pass", "kl_weight = min(1.0, kl_weight + 0.1)", True),
    "read before": ("most = kl_weight", "kl_weight = most * min(1.0, epoch / 9)", True),
    "in a branch": ("if epochs > 9:\n        kl_weight = 0.1", "pass", True),
    "replaced": ("kl_weight = 0.1 * epochs", "pass", False),
    "replaced in the loop": ("pass", "kl_weight = min(0.08 + epoch / 13 * 0.92, 1.0)", False),
    "replaced in a block": ("pass", "with torch.enable_grad():\n            kl_weight = epoch / 9", False),
}


@pytest.mark.parametrize(("before", "inside", "clean"), GIVEN.values(), ids=GIVEN)
def test_a_weight_that_is_replaced_before_it_is_read_is_not_clean(
    before: str, inside: str, clean: bool, tmp_path: Path
) -> None:
    report = linted(tmp_path, {"a.py": TRAIN.format(before=before, inside=inside)})
    assert codes(report) == []
    assert any("VAE305" in each.clean for each in report.vaes) is clean
