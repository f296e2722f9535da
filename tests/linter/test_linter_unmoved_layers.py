"""Layers that what is differentiated does not move: of an unused loss, of another part, or switched off."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import FORWARD, HEAD, KL, LOOP, MODEL, OBJECTIVE, linted

from vae_checked.linter import LintReport


def clean(report: LintReport) -> set[str]:
    return {code for vae in report.vaes for code in vae.clean}


BESIDE = (
    HEAD
    + MODEL
    + FORWARD
    + OBJECTIVE
    + LOOP.format(
        loss="""loss = objective(y, x, m, s)
        spread = torch.relu(1 - m.var(0)).mean()
        whole = loss + spread""",
        differentiated="{differentiated}.backward()",
    )
)


@pytest.mark.parametrize(
    ("differentiated", "given"),
    [("whole", True), ("loss", True), ("(0.5 * whole)", True), ("spread", False), ("(2 * spread)", False)],
)
def test_layers_that_only_an_unused_loss_moves_are_open(differentiated: str, given: bool, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": BESIDE.format(differentiated=differentiated)})
    assert ("VAE601" in clean(report)) is given


@pytest.mark.parametrize(
    ("frozen", "given"),
    [
        ("pass", True),
        ("net.to_s.requires_grad_(False)", False),
        ("net.to_s.weight.requires_grad = False", False),
        ("[p.requires_grad_(False) for p in net.to_s.parameters()]", False),
        ("freeze(net.to_s)", False),
        ("discriminator.requires_grad_(False)", True),
    ],
)
def test_layers_that_are_switched_off_have_no_gradient(frozen: str, given: bool, tmp_path: Path) -> None:
    text = BESIDE.format(differentiated="whole").replace("    net = Net()\n", f"    net = Net()\n    {frozen}\n")
    assert ("VAE601" in clean(linted(tmp_path, {"net.py": text}))) is given


PARTS = (
    HEAD
    + f"""

class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.to_m, self.to_s = nn.Linear(84, 7), nn.Linear(84, 7)

    def forward(self, x):
        return self.to_m(x), self.to_s(x)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.back = Encoder(), nn.Linear(7, 84)

    def forward(self, x):
        m, s = self.encoder(x)
        return self.back(m + torch.exp(0.5 * s) * torch.randn_like(s)), m, s


def fit(loader):
    net = Net()
    optimizer = torch.optim.Adam(net.parameters())
    for x in loader:
        y, m, s = net(x)
        error, kl = F.mse_loss(y, x, reduction="none").sum(1).mean(), ({KL}).mean()
        loss = error + kl
        optimizer.zero_grad()
        {{differentiated}}
        optimizer.step()
"""
)


@pytest.mark.parametrize(
    ("differentiated", "given"),
    [
        ("loss.backward()", True),
        ("error.backward(retain_graph=True); kl.backward()", True),
        ("kl.backward()", False),
        ("(2 * kl).backward()", False),
    ],
)
def test_an_encoder_is_not_all_of_a_model(differentiated: str, given: bool, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": PARTS.replace("{differentiated}", differentiated)})
    assert ("VAE601" in clean(report)) is given
