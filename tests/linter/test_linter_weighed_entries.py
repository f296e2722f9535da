"""Errors whose entries are weighed by the data or by themselves, and roots of errors: their axes stay known."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import FORWARD, HEAD, KL, MODEL, codes, joined, linted

from vae_checked.facts import Reduction
from vae_checked.linter import LintReport

TRAINING = """

def objective(y, x, m, s, seen, options):
    {error}
    kl = {kl}
    return (error {by} kl).mean()


def train(loader, options):
    net = Net()
    optimizer = torch.optim.Adam(net.parameters())
    for x, seen in loader:
        y, m, s = net(x)
        loss = objective(y, x, m, s, seen, options)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
EACH = 'F.mse_loss(y, x, reduction="none")'
CROSS = 'each = F.binary_cross_entropy(y, x, reduction="none")'
SUM, MEAN = Reduction.SUM, Reduction.MEAN
# How entries are weighed, and what is left of the batch and of a sample.
WEIGHED = {
    "by the target": ("error = ((y - x) ** 2 * (1 + 9 * x)).sum(1)", MEAN, SUM),
    "by where the target is": (f"error = ({EACH} * (x > 0.25).float()).sum(1)", MEAN, SUM),
    "by what is written there": (
        f"w = torch.ones_like(x)\n    w[x > 0.25] = 5.0\n    error = ({EACH} * w).mean(1)",
        MEAN,
        MEAN,
    ),
    "a mean of what is seen": (
        f"seen = (x != -1).float()\n    error = ({EACH} * seen).sum(1) / seen.sum(1)",
        MEAN,
        SUM,
    ),
    "a focal error": (
        f"{CROSS}\n    p = y * x + (1 - y) * (1 - x)\n    error = ((1 - p) ** 2 * each).sum(1)",
        MEAN,
        SUM,
    ),
    "a focal error by itself": (
        f"{CROSS}\n    p = torch.exp(-each)\n    error = (0.25 * (1 - p) ** 2 * each).mean()",
        MEAN,
        MEAN,
    ),
    "by a mask of the batch": (f"error = ({EACH} * seen).sum(1)", MEAN, SUM),
    "by a mask turned round": (f"error = ({EACH} * ~seen).sum(1)", MEAN, SUM),
    "a mean by a mask of the batch": (f"error = ({EACH} * seen).sum() / seen.sum()", SUM, SUM),
    "a root of a mean": ("error = torch.sqrt(F.mse_loss(y, x))", MEAN, MEAN),
    "a logarithm of a mean": ("error = 42 * torch.log(F.mse_loss(y, x))", MEAN, MEAN),
}


def _report(tmp_path: Path, error: str, by: str = "+ options.beta *", kl: str = KL) -> LintReport:
    script = HEAD + MODEL + FORWARD + TRAINING.format(error=error, kl=kl, by=by)
    return linted(tmp_path, {"train.py": script})


@pytest.mark.parametrize(("error", "batch", "event"), WEIGHED.values(), ids=WEIGHED)
def test_a_weight_of_entries_leaves_their_axes(error: str, batch: Reduction, event: Reduction, tmp_path: Path) -> None:
    report = _report(tmp_path, error)
    assert codes(report) == []
    assert [vae.core_checked for vae in report.vaes] == [True]
    reduced = {(facts.recon.reduced.value.batch, facts.recon.reduced.value.event) for facts in joined(report)}
    assert reduced == {(batch, event)}


@pytest.mark.parametrize("error", [each for each, _, _ in WEIGHED.values()], ids=list(WEIGHED))
def test_the_balance_of_weighed_entries_is_not_called_right(error: str, tmp_path: Path) -> None:
    report = _report(tmp_path, error, by="+")
    assert codes(report) == []
    assert not any({"VAE502", "VAE504"} & set(vae.clean) for vae in report.vaes)


def test_a_kl_over_wrong_axes_is_named_beside_weighed_entries(tmp_path: Path) -> None:
    report = _report(tmp_path, f"error = ({EACH} * (x > 0.25).float()).sum(1)", kl=KL.replace("dim=1", "dim=0"))
    assert codes(report) == ["VAE304"]


@pytest.mark.parametrize(
    "error",
    [
        "error = torch.sqrt(((y - x) ** 2).sum(1))",
        "error = torch.sqrt(((y - x) ** 2).sum())",
        "error = torch.sqrt(((y - x).view(-1, 28, 3) ** 2).sum(-1)).mean()",
        "error = (((y - x) ** 2 * (x > 0.25)).view(-1, 28, 3).sum(-1)).mean()",
        f"error = {EACH}.sum(1) * seen",
        f"error = ({EACH} * options.table[seen]).sum(1)",
        f"error = ({EACH} * (net_of(x) - x)).sum(1)",
    ],
    ids=[
        "a length of each sample",
        "a length of all",
        "a length of each point",
        "a sum of each point",
        "of samples",
        "of a table",
        "of what is not read",
    ],
)
def test_what_may_have_other_axes_is_left_open(error: str, tmp_path: Path) -> None:
    report = _report(tmp_path, error)
    assert codes(report) == []
    assert not any("VAE501" in vae.clean for vae in report.vaes)
