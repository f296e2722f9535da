"""Errors of several samples of z that are averaged: their number is no weight, and what they weigh is told."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, OWN_LOSS, codes, linted

TEXT = (
    HEAD
    + """

class Net(nn.Module):
    def __init__(self, draws{draws}):
        super().__init__()
        self.a, self.b, self.draws = nn.Linear(33, 7), nn.Linear(33, 7), draws
        self.back = nn.Linear(7, 33)

    def draw(self, m, s):
        return m + torch.exp(0.5 * s) * torch.randn_like(m)

    def error(self, y, x):
        return {error}

    def loss(self, x):
        m, s = self.a(x), self.b(x)
        kl = (-0.5 * torch.sum(1 + s - m.pow(2) - s.exp(), dim=1)).mean()
        z, count, error = self.draw(m, s), 0, 0
        {averaged}
"""
    + OWN_LOSS.replace("Net()", "Net(DRAWS)")
)
MEAN, SUM = "F.mse_loss(y, x)", "((y - x) ** 2).sum(1).mean()"
END = "\n        return error / self.draws + kl"
LOOP, ONE = "for _ in range(self.draws):\n            ", "self.error(self.back(self.draw(m, s)), x)"
AVERAGED = {
    "a running sum": f"{LOOP}error += {ONE}{END}",
    "a running sum in full": f"{LOOP}error = error + {ONE}{END}",
    "a running sum that is divided": f"{LOOP}error += {ONE}\n        error /= self.draws\n        return error + kl",
    "a part of each turn": f"{LOOP}error += {ONE} / self.draws\n        return error + kl",
    "all of each turn": f"{LOOP}error += {ONE} + kl\n        return error / self.draws",
    "a list": f"errors = [{ONE} for _ in range(self.draws)]\n        return sum(errors) / self.draws + kl",
}
ONE_Z = {
    "a list of one z": "ys = [self.back(z) for _ in range(self.draws)]\n"
    "        return sum([self.error(y, x) for y in ys]) / self.draws + kl",
    "a running sum of one z": f"{LOOP}error += self.error(self.back(z), x){END}",
}
# Another error in each turn, or another number.
OPEN = {
    "a part of the sample": "for k in range(self.draws):\n            "
    f"error += self.error(self.back(z)[:, k], x[:, k]){END}",
    "another number": f"{LOOP}error += {ONE}\n        return error / 33 + kl",
    "another loop": f"for _ in range(4 * self.draws):\n            error += {ONE}{END}",
    "the first turns alone": f"for k in range(self.draws):\n            if k < 3:\n                error += {ONE}{END}",
    "divided in each turn": f"{LOOP}error += {ONE}\n            error = error / self.draws\n        return error + kl",
    "a sum that goes on from nothing": f"{LOOP}other = error + {ONE}\n        return other / self.draws + kl",
    "no running sum": f"{LOOP}error = {ONE}{END}",
}


def _read(folder: Path, averaged: str, error: str, draws: str) -> tuple[list[str], set[str]]:
    text = TEXT.format(draws="=20", error=error, averaged=averaged).replace("DRAWS", draws)
    report = linted(folder, {"net.py": text})
    return codes(report), set[str]().union(*(each.clean for each in report.judgements))


@pytest.mark.parametrize("draws", ["", "5"])
@pytest.mark.parametrize("averaged", AVERAGED)
def test_a_mean_error_of_several_samples_beside_a_sum_is_named(averaged: str, draws: str, tmp_path: Path) -> None:
    assert _read(tmp_path, AVERAGED[averaged], MEAN, draws)[0] == ["VAE502"]


@pytest.mark.parametrize("draws", ["", "5"])
@pytest.mark.parametrize("averaged", ONE_Z)
def test_an_error_that_is_averaged_with_itself_is_named_as_one(averaged: str, draws: str, tmp_path: Path) -> None:
    assert _read(tmp_path, ONE_Z[averaged], MEAN, draws)[0] == ["VAE502"]


@pytest.mark.parametrize("averaged", AVERAGED | ONE_Z)
def test_sums_over_a_sample_that_are_averaged_are_clean(averaged: str, tmp_path: Path) -> None:
    found, clean = _read(tmp_path, (AVERAGED | ONE_Z)[averaged], SUM, "")
    assert found == []
    assert {"VAE502", "VAE504"} <= clean


@pytest.mark.parametrize("divided", OPEN)
def test_what_is_divided_by_anything_else_is_weighed(divided: str, tmp_path: Path) -> None:
    found, clean = _read(tmp_path, OPEN[divided], MEAN, "")
    assert found == []
    assert "VAE502" not in clean
