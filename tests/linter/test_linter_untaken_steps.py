"""An optimizer that only clears the gradients and never steps moves nothing; one that may step is left alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from vae_checked.linter import lint

_TRAINED = """\
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader
{before}

class Net(nn.Module):
    def __init__(self, width=40, latents=7):
        super().__init__()
        self.enc = nn.Sequential(nn.Linear(width, 90), nn.ReLU())
        self.mu, self.logvar = nn.Linear(90, latents), nn.Linear(90, latents)
        self.dec = nn.Sequential(nn.Linear(latents, 90), nn.ReLU(), nn.Linear(90, width))

    def forward(self, x):
        h = self.enc(x)
        mu, logvar = self.mu(h), self.logvar(h)
        z = mu + torch.randn_like(mu) * torch.exp(0.5 * logvar)
        return self.dec(z), mu, logvar


def loss_of(y, x, mu, logvar):
    return F.mse_loss(y, x, reduction="sum") - 0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())


def train(data):
    net = Net()
    optimizer = torch.optim.AdamW(net.parameters())
    {made}
    for x in DataLoader(data, batch_size=5):
        {first}
        y, mu, logvar = net(x)
        loss = loss_of(y, x, mu, logvar)
        loss.backward()
        {last}
"""
_SCHEDULE = "scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 3)"


def _named(tmp_path: Path, first: str, last: str, made: str = "", before: str = "") -> list[int]:
    (tmp_path / "train.py").write_text(
        _TRAINED.format(first=first, last=last, made=made, before=before), encoding="utf-8"
    )
    report = lint([tmp_path])
    assert [vae.core_checked for vae in report.vaes] == [True]
    assert all("never takes one" in item.message for item in report.findings)
    return [item.place.line for item in report.findings if item.place is not None]


@pytest.mark.parametrize(
    ("first", "last", "made", "line"),
    [
        ("optimizer.zero_grad()", "optimizer.zero_grad()", "", 34),
        ("", "optimizer.zero_grad(set_to_none=True)", "", 34),
        ("optimizer.zero_grad()", "print(loss.item())", "", 30),
        ("optimizer.zero_grad()", "optimizer.step", "", 30),
        ("optimizer.zero_grad()", "scheduler.step()", _SCHEDULE, 30),
    ],
)
def test_that_no_step_is_taken_is_named(tmp_path: Path, first: str, last: str, made: str, line: int) -> None:
    assert _named(tmp_path, first, last, made) == [line]


@pytest.mark.parametrize(
    ("last", "made", "before"),
    [
        ("optimizer.step()", "", ""),
        ("scaler.step(optimizer)", "scaler = torch.amp.GradScaler()", ""),
        ("step_of(optimizer)", "", "from helpers import step_of\n"),
        ("move(optimizer)", "", "from helpers import move\n"),
        ("take()", "take = optimizer.step", ""),
        ("getattr(optimizer, 'step')()", "", ""),
        ("[p.data.sub_(0.01 * p.grad) for p in net.parameters()]", "", ""),
        ("self_moving(net)", "", "\ndef self_moving(net):\n    for p in net.parameters():\n        p.data -= p.grad\n"),
        (
            "torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0); other.step()",
            "other = make(net)",
            "from h import make",
        ),
        ("fabric.backward(loss)", "net, optimizer = fabric.setup(net, optimizer)", "from h import fabric\n"),
        ("", "held = [optimizer]", ""),
    ],
)
def test_what_may_step_is_left_alone(tmp_path: Path, last: str, made: str, before: str) -> None:
    assert _named(tmp_path, "optimizer.zero_grad()", last, made, before) == []


def test_no_step_is_missed_where_nothing_is_cleared(tmp_path: Path) -> None:
    """Gradients that are neither cleared nor taken may be what the code is for."""
    assert _named(tmp_path, "", "print(loss.item())") == []
