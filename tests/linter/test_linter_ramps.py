"""Weights of the KL that grow with the turns until they stay at a number: at 1 they balance nothing, by any they make
up for no batch."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import FORWARD, HEAD, MODEL, codes, linted

TRAINED = (
    HEAD.replace("import numpy as np", "import math\n\nimport numpy as np")
    + MODEL
    + FORWARD
    + """

def fit(loader, settings):
    net = Net()
    optimizer = torch.optim.Adam(net.parameters())
    for epoch in range({turns}):
        share = {share}
        for x in loader:
            y, m, s = net(x)
            error = F.mse_loss(y, x{how})
            kl = torch.{reduced}(0.5 * torch.sum(m.pow(2) + s.exp() - s - 1, dim=1))
            loss = error + share * kl
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
"""
)
SUMMED = ', reduction="none").sum(1).mean('
UP_TO_ONE = {
    "the least of two": "min(1.0, epoch / 20)",
    "the other way round": "min(epoch * 0.05, 1)",
    "by NumPy": "np.minimum(1.0, (epoch + 1) / 20)",
    "clipped": "np.clip((epoch - 5) / 20, 0.0, 1.0)",
    "held back first": "max(0.0, min(1.0, (epoch - 5) / 20))",
    "over as many turns as a setting says": "float(min(1.0, epoch / settings.rising))",
    "a curve": "1 / (1 + math.exp(-0.3 * (epoch - 20)))",
    "another curve": "math.tanh(epoch / 9)",
}
UP_TO_ANOTHER = {
    "a hundredth": "min(0.01, epoch / 2000)",
    "scaled": "0.003 * min(1.0, epoch / 20)",
    "a lower curve": "0.2 / (1 + math.exp(-0.3 * (epoch - 20)))",
}
OPEN = {
    "up to a setting": "min(settings.most, epoch / 20)",
    "scaled by a setting": "settings.most * min(1.0, epoch / 20)",
    "by what may be anything": "min(1.0, epoch * settings.pace)",
    "of nothing that is counted": "min(1.0, settings.pace / 20)",
    "again and again": "min(1.0, (epoch % 20) / 10)",
    "falling": "max(1.0, 20 - epoch)",
}
ALL = UP_TO_ONE | UP_TO_ANOTHER


def trained(share: str, *, how: str = "", reduced: str = "mean", turns: str = "90") -> str:
    return TRAINED.format(share=share, how=how, reduced=reduced, turns=turns)


def named(folder: Path, share: str, *, how: str = "", reduced: str = "mean", turns: str = "90") -> list[str]:
    return codes(linted(folder, {"net.py": trained(share, how=how, reduced=reduced, turns=turns)}))


@pytest.mark.parametrize("share", UP_TO_ONE.values(), ids=UP_TO_ONE)
def test_a_weight_that_grows_to_one_balances_no_mean(share: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": trained(share)})
    assert codes(report) == ["VAE502"]
    assert "84 * share" in (report.findings[0].evidence or "")
    assert named(tmp_path, share, how=SUMMED) == []


@pytest.mark.parametrize("share", UP_TO_ANOTHER.values(), ids=UP_TO_ANOTHER)
def test_a_weight_that_grows_to_another_number_balances_a_mean(share: str, tmp_path: Path) -> None:
    assert named(tmp_path, share) == []


@pytest.mark.parametrize("share", ALL.values(), ids=ALL)
def test_a_weight_that_grows_makes_up_for_no_batch(share: str, tmp_path: Path) -> None:
    assert named(tmp_path, share, how=SUMMED, reduced="sum") == ["VAE504"]
    assert named(tmp_path, share, how=SUMMED) == []


@pytest.mark.parametrize("share", OPEN.values(), ids=OPEN)
def test_a_weight_that_grows_to_no_known_number_settles_both(share: str, tmp_path: Path) -> None:
    assert named(tmp_path, share) == []
    assert named(tmp_path, share, how=SUMMED, reduced="sum") == []


@pytest.mark.parametrize(("turns", "expected"), [("9", []), ("3, 90", ["VAE502"]), ("settings.turns", ["VAE502"])])
def test_a_weight_grows_as_far_as_its_loop_may_go(turns: str, expected: list[str], tmp_path: Path) -> None:
    assert named(tmp_path, "min(1.0, epoch / 60)", turns=turns) == expected


def test_half_of_the_kl_is_missed_where_its_weight_grows_to_one(tmp_path: Path) -> None:
    text = trained("min(1.0, epoch / 20)", how=SUMMED).replace("F.mse_loss", "F.binary_cross_entropy")
    assert codes(linted(tmp_path, {"net.py": text})) == []
    assert codes(linted(tmp_path, {"net.py": text.replace("0.5 * torch.sum", "torch.sum")})) == ["VAE303"]


HANDED = (
    HEAD
    + MODEL
    + FORWARD
    + """

def cost(y, x, m, s, share=1.0):
    kl = torch.{reduced}(0.5 * torch.sum(m.pow(2) + s.exp() - s - 1, dim=1))
    return F.mse_loss(y, x{how}) + share * kl


def fit(loader, beta=1.0):
    net = Net()
    optimizer = torch.optim.Adam(net.parameters())
    for epoch in range(90):
        for x in loader:
            y, m, s = net(x)
            loss = cost(y, x, m, s, {share})
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
"""
)


@pytest.mark.parametrize("share", ["min(1.0, epoch / 20)", "beta * min(1.0, epoch / 20)"])
def test_a_weight_that_a_loss_is_given_is_a_setting_of_it(share: str, tmp_path: Path) -> None:
    """As a number is: what the loss has a name for may be chosen."""
    text = HANDED.format(share=share, reduced="mean", how="")
    assert codes(linted(tmp_path, {"net.py": text})) == []
    text = HANDED.format(share=share, reduced="sum", how=SUMMED)
    assert codes(linted(tmp_path, {"net.py": text})) == ["VAE504"]


def test_a_setting_times_a_weight_that_grows_to_one_is_a_setting(tmp_path: Path) -> None:
    given = trained("beta * min(1.0, epoch / 20)").replace("fit(loader, settings)", "fit(loader, settings, beta=1.0)")
    assert codes(linted(tmp_path, {"net.py": given})) == []
    assert codes(linted(tmp_path, {"net.py": trained("1.0 * min(1.0, epoch / 20)")})) == ["VAE502"]


COUNTED = {
    "to one": ("np.linspace(0, 1, 90)", ["VAE502"]),
    "by torch": ("torch.linspace(0.0, 1.0, settings.turns)", ["VAE502"]),
    "to a tenth": ("np.linspace(0, 0.1, 90)", []),
    "scaled": ("0.02 * np.linspace(0, 1, 90)", []),
}


@pytest.mark.parametrize(("counted", "expected"), COUNTED.values(), ids=COUNTED)
def test_weights_that_are_counted_off_end_at_the_last(counted: str, expected: list[str], tmp_path: Path) -> None:
    assert named(tmp_path, f"{counted}[epoch]") == expected
    assert named(tmp_path, f"{counted}[epoch]", how=SUMMED, reduced="sum") == ["VAE504"]
    assert named(tmp_path, f"{counted}[epoch]", how=SUMMED) == []


@pytest.mark.parametrize("counted", ["np.linspace(0, settings.most, 90)", "np.linspace(1, 0, 90)", "settings.shares"])
def test_weights_that_are_counted_off_to_no_such_number_settle_both(counted: str, tmp_path: Path) -> None:
    assert named(tmp_path, f"{counted}[epoch]") == []
    assert named(tmp_path, f"{counted}[epoch]", how=SUMMED, reduced="sum") == []
