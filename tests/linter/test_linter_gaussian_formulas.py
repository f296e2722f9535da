"""The density of data with a log variance that is decoded too, by its formula: as F.gaussian_nll_loss is read."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, LAYERS, OWN_LOSS, codes, linted

TEXT = (
    HEAD
    + """

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(33, 7), nn.Linear(33, 7)
        self.back, self.wide, self.own = nn.Linear(7, 33), nn.Linear(7, 33), nn.Parameter(torch.zeros(1))

    def loss(self, x):
        m, s = self.a(x), self.b(x)
        kl = (-0.5 * torch.sum(1 + s - m.pow(2) - s.exp(), dim=1)).mean()
        z = m + torch.exp(0.5 * s) * torch.randn_like(m)
        y, v = self.back(z), self.wide(z)
        each = EACH
        error = REDUCED
        return error + kl
"""
    + OWN_LOSS
)
HALVED = {
    "halves of both": "0.5 * v + 0.5 * (x - y) ** 2 / v.exp()",
    "a half of the sum": "0.5 * (v + (x - y).pow(2) / torch.exp(v))",
    "a constant": "0.5 * (1.8379 + v + (x - y) ** 2 / v.exp())",
    "times the precision": "0.5 * v + (y - x) ** 2 * torch.exp(-v) / 2",
    "a clamped head": "0.5 * (v.clamp(-5, 5) + (x - y) ** 2 / v.clamp(-5, 5).exp())",
    "a constant outside": "0.5 * (v + (x - y).pow(2) / torch.exp(v)) + 0.9189",
    "a log std": "v + 0.5 * (x - y) ** 2 / torch.exp(2 * v)",
    "a log density": "-(-0.5 * v - 0.5 * (x - y) ** 2 / v.exp())",
}
# A weight of each element, or another one that no density has, or more that is learned.
OTHERS = {
    "a weight alone": "0.5 * (x - y) ** 2 / v.exp()",
    "half a logarithm": "v / 3 + 0.5 * (x - y) ** 2 / v.exp() + v.exp()",
    "a head of its own": "0.5 * (self.own + (x - y) ** 2 / v.exp())",
    "a mean of squares": "0.5 * (v + ((x - y) ** 2).mean() / v.exp())",
    "the other way": "0.5 * ((x - y) ** 2 / v.exp() - v)",
}
# Means and log variances decoded one by one, and put together in a loss that is given the lists.
APART = (
    HEAD
    + LAYERS.replace("nn.Linear(7, 84)", "nn.Linear(7, 168)")
    + """
    def forward(self, x):
        m, s = self.to_m(x), self.to_s(x)
        z = m + torch.exp(0.5 * s) * torch.randn_like(m)
        ys, vs = [], []
        for _ in range(20):
            y, v = self.back(z).chunk(2, dim=1)
            ys.append(y)
            vs.append(v)
        return ys, vs, m, s

    def loss(self, x, ys, vs, m, s):
        kl = -0.5 * torch.sum(1 + s - m.pow(2) - s.exp())
        y, v = torch.stack(ysAXIS), torch.stack(vsAXIS)
        return (0.5 * (v + (DATA - y) ** 2 / v.exp())).mean(dim=0).sum(dim=1).sum(dim=0) + kl
"""
)
REDUCED = {
    "each.mean()": ["VAE502"],
    "each.sum()": ["VAE504"],
    "each.sum(0).mean()": ["VAE501"],
    "each.sum(1).mean()": [],
    "each.sum() / x.size(0)": [],
}


def _read(folder: Path, each: str, reduced: str) -> tuple[list[str], set[str]]:
    report = linted(folder, {"net.py": TEXT.replace("EACH", each).replace("REDUCED", reduced)})
    return codes(report), set[str]().union(*(judgement.clean for judgement in report.judgements))


@pytest.mark.parametrize("reduced", REDUCED)
@pytest.mark.parametrize("each", HALVED)
def test_a_density_by_its_formula_is_judged_by_its_axes(each: str, reduced: str, tmp_path: Path) -> None:
    found, clean = _read(tmp_path, HALVED[each], reduced)
    assert found == REDUCED[reduced]
    assert "VAE404" in clean
    assert bool(REDUCED[reduced]) or {"VAE501", "VAE502", "VAE504", "VAE505"} <= clean


@pytest.mark.parametrize("each", OTHERS)
def test_what_weighs_an_error_without_its_logarithm_is_no_density(each: str, tmp_path: Path) -> None:
    found, clean = _read(tmp_path, OTHERS[each], "each.mean()")
    assert found == []
    assert "VAE502" not in clean


@pytest.mark.parametrize("reduced", ["0.5 * each.mean()", "each.mean() / 2"])
def test_the_half_of_a_density_may_stand_around_its_mean(reduced: str, tmp_path: Path) -> None:
    assert _read(tmp_path, "v + (x - y) ** 2 / v.exp()", reduced)[0] == ["VAE502"]


def test_a_density_without_its_half_is_weighed(tmp_path: Path) -> None:
    assert "VAE502" not in _read(tmp_path, "v + (x - y) ** 2 / v.exp()", "each.sum(1).mean()")[0]


def test_a_mean_that_is_weighed_against_another_loss_is_no_density(tmp_path: Path) -> None:
    assert _read(tmp_path, "v", "F.mse_loss(y, x) / self.own.exp() + self.own")[0] == []
    assert _read(tmp_path, "v", "0.5 * (((x - y) ** 2).mean() / v.mean().exp() + v.mean())")[0] == []


def test_a_log_density_that_is_minimised_is_named(tmp_path: Path) -> None:
    assert _read(tmp_path, "-0.5 * v - 0.5 * (x - y) ** 2 / v.exp()", "each.sum(1).mean()")[0] == ["VAE505"]


def test_a_mean_over_what_was_decoded_one_by_one_is_none_over_the_batch(tmp_path: Path) -> None:
    each = "0.5 * (v + (x - torch.stack([y, self.back(m)], dim=0)) ** 2 / v.exp())"
    assert _read(tmp_path, each, "each.mean(0).sum(1).sum() / 33")[0] == []
    text = TEXT.replace("EACH", each).replace("REDUCED", "each.mean(0).sum(1).sum(0)").replace("dim=1)).mean()", "))")
    assert codes(linted(tmp_path / "summed", {"net.py": text})) == []
    wrong = text.replace("torch.stack([y, self.back(m)], dim=0)", "y").replace(
        "each.mean(0).sum(1).sum(0)", "each.sum(1).mean(0)"
    )
    assert codes(linted(tmp_path / "wrong", {"net.py": wrong})) == ["VAE504"]


@pytest.mark.parametrize(
    ("axis", "data", "found"),
    [("", "x", []), (", dim=0", "x", []), (", dim=1", "x.unsqueeze(1)", ["VAE504"])],
    ids=["in front", "in front by its number", "after the batch"],
)
def test_a_mean_in_a_loss_that_stacks_what_it_is_given(axis: str, data: str, found: list[str], tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"net.py": APART.replace("AXIS", axis).replace("DATA", data)})) == found
