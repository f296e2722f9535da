"""Sums that are called a bound and that nothing trains: what is shown is not said to be minimised."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, LAYERS, LAYERS_FORWARD, codes, linted

from vae_checked.reports import all_examined

SHOWN = (
    HEAD
    + LAYERS
    + LAYERS_FORWARD
    + """
    def {name}(self, x):
        y, m, s = self(x)
        error = F.mse_loss(y, x, reduction="none").sum(1)
        kl = -0.5 * torch.sum(1 + s - m.pow(2) - s.exp(), dim=1)
        {total} = error {sign} kl
        return {total}.mean()
"""
)
TRAINED = """

def fit(loader):
    net = Net()
    optimizer = torch.optim.Adam(net.parameters())
    for x in loader:
        optimizer.zero_grad()
        net.elbo(x).backward()
        optimizer.step()
"""
BOUNDS = [
    ("elbo", "total"),
    ("score", "elbo"),
    ("lower_bound", "value"),
    ("evidence", "value"),
    ("log_likelihood", "v"),
]
LOSSES = [("loss", "total"), ("neg_elbo", "total"), ("elbo_loss", "total"), ("score", "loss"), ("minus_elbo", "value")]


def judged(folder: Path, text: str) -> tuple[list[str], set[str]]:
    report = linted(folder, {"net.py": text})
    return codes(report), {code for each in all_examined(report) for code in each.clean}


@pytest.mark.parametrize(("name", "total"), BOUNDS)
def test_a_bound_that_is_only_shown_is_not_minimised(name: str, total: str, tmp_path: Path) -> None:
    found, clean = judged(tmp_path, SHOWN.format(name=name, total=total, sign="-"))
    assert found == []
    assert "VAE302" not in clean


@pytest.mark.parametrize(("name", "total"), LOSSES)
def test_a_loss_with_minus_the_kl_is_named(name: str, total: str, tmp_path: Path) -> None:
    assert judged(tmp_path, SHOWN.format(name=name, total=total, sign="-"))[0] == ["VAE302"]
    assert judged(tmp_path, SHOWN.format(name=name, total=total, sign="+"))[0] == []


def test_a_bound_that_is_differentiated_is_named(tmp_path: Path) -> None:
    assert judged(tmp_path, SHOWN.format(name="elbo", total="elbo", sign="-") + TRAINED)[0] == ["VAE302"]


@pytest.mark.parametrize(("name", "total"), [("bound", "value"), ("vlb", "vlb"), ("free_energy", "f"), ("score", "v")])
def test_opposite_signs_that_nothing_trains_are_said_to_be_that(name: str, total: str, tmp_path: Path) -> None:
    text = SHOWN.format(name=name, total=total, sign="-")
    (finding,) = linted(tmp_path, {"net.py": text}).findings
    assert finding.code == "VAE302"
    assert "minus the error where the sum is maximised" in finding.message
    assert "the loss falls" not in finding.message
    (trained,) = linted(tmp_path, {"net.py": text + TRAINED.replace("net.elbo", f"net.{name}")}).findings
    assert trained.message.startswith("minus the KL is minimised")
