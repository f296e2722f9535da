"""Tensors that a draw is written over, by a method or by torch.nn.init: their law, and the sizes that they have."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import FORWARD, HEAD, KL, MODEL, codes, linted

TRAINED = (
    HEAD
    + "from torch.distributions import Normal\n"
    + MODEL
    + FORWARD.replace("        return self.back(", "        {drawn}\n        return self.back(").replace(
        "torch.randn_like(s)", "eps"
    )
    + f"""

def fit(loader):
    net = Net()
    for x, _ in loader:
        y, m, s = net(x)
        loss = F.binary_cross_entropy(y, x, reduction="none").sum(1) + {KL}
        loss.mean().backward()
"""
)
EMPTY = "eps = torch.empty_like(m)"
OWN = [
    "eps = nn.init.normal_(torch.empty_like(m))",
    "eps = nn.init.normal_(torch.zeros_like(m), 0, 1)",
    "eps = nn.init.normal_(torch.empty(m.shape), mean=0.0, std=1.0)",
    "eps = nn.init.normal_(tensor=torch.zeros(m.shape[0], 7))",
    "eps = nn.init.trunc_normal_(torch.empty_like(m), a=-9.0, b=9.0)",
    f"{EMPTY}\n        nn.init.normal_(eps)",
    "eps = torch.zeros_like(m)\n        nn.init.normal_(tensor=eps)",
    "eps = torch.zeros_like(m)\n        eps.normal_()",
    "eps = torch.full_like(m, 0.5).normal_()",
    "eps = torch.normal(torch.zeros_like(m), 1.0)",
    "eps = torch.normal(torch.zeros_like(m[:1]), torch.ones_like(m))",
    "eps = Normal(torch.zeros_like(m), torch.ones_like(m)).sample()",
    "eps = Normal(torch.zeros_like(m[:1]), torch.ones_like(m)).sample()",
    "eps = Normal(torch.zeros_like(m), 1.0).sample((4,))",
    "eps = Normal(torch.zeros(self.rows(m)), 1.0).sample((4,))",
    "eps = Normal(torch.zeros(7), torch.full((m.shape[0], 7), 1.0)).sample()",
    "eps = Normal(torch.zeros(7), torch.full_like(m, 1.0)).sample()",
]
SHARED = [
    "eps = nn.init.normal_(torch.empty(7))",
    "eps = nn.init.normal_(torch.empty(m.size(1)))",
    "eps = nn.init.normal_(torch.zeros_like(m[:1]))",
    "eps = torch.empty(m.size(1))\n        nn.init.normal_(eps)",
    "eps = torch.zeros_like(m[:1])\n        eps.normal_()",
    "eps = torch.normal(torch.zeros_like(m[:1]), 1.0)",
    "eps = Normal(torch.zeros_like(m[:1]), torch.ones_like(m[:1])).sample()",
    "eps = Normal(torch.full_like(m[:1], 0.0), 1.0).sample()",
]
OF_ANOTHER_LAW = [
    "eps = nn.init.uniform_(torch.empty_like(m))",
    "eps = nn.init.normal_(torch.empty_like(m), 0.0, 0.1)",
    "eps = nn.init.normal_(torch.empty_like(m), std=2.0)",
    "eps = nn.init.trunc_normal_(torch.empty_like(m))",
    f"{EMPTY}\n        nn.init.uniform_(eps, -1.0, 1.0)",
]
# Neither a draw that is known, nor its absence.
NOT_READ = [
    "eps = torch.special.of_another_release(torch.zeros_like(m))",
    "eps = nn.init.normal_(self.to_m.weight)[: len(m), :7]",
    "eps = nn.init.sparse_(torch.zeros_like(m), sparsity=0.1)",
]


def found(drawn: str, folder: Path) -> list[str]:
    return codes(linted(folder, {"net.py": TRAINED.replace("{drawn}", drawn)}))


@pytest.mark.parametrize("drawn", OWN)
def test_a_fresh_tensor_that_a_draw_fills_is_noise(drawn: str, tmp_path: Path) -> None:
    assert found(drawn, tmp_path) == []


@pytest.mark.parametrize("drawn", SHARED)
def test_a_row_that_a_draw_fills_is_shared_noise(drawn: str, tmp_path: Path) -> None:
    assert found(drawn, tmp_path) == ["VAE203"]


@pytest.mark.parametrize("drawn", OF_ANOTHER_LAW)
def test_what_fills_a_tensor_has_a_law_of_its_own(drawn: str, tmp_path: Path) -> None:
    assert found(drawn, tmp_path) == ["VAE202"]


@pytest.mark.parametrize("drawn", NOT_READ)
def test_what_is_not_read_is_no_missing_noise(drawn: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": TRAINED.replace("{drawn}", drawn)})
    assert codes(report) == []
    assert not any("VAE207" in judgement.clean for judgement in report.judgements)


@pytest.mark.parametrize(
    ("given", "mean", "std"),
    [
        # By numbers: N(0, 1) between -1 and 2, below 1, and where all of it lies far behind one end.
        ("0.0, 1.0, -1.0, 2.0", 0.2296, 0.7209),
        ("0.0, 1.0, -1e200, 1.0", -0.2876, 0.7935),
        ("0.0, 1.0, -1.0, 1e200", 0.2876, 0.7935),
        ("1e200, 1.0, -1.0, 2.0", 2.0, 0.0),
        ("-90.0, 1.0, -1.0, 2.0", -1.0, 0.0),
    ],
)
def test_the_moments_of_a_draw_that_is_cut_off(given: str, mean: float, std: float, tmp_path: Path) -> None:
    drawn = f"eps = nn.init.trunc_normal_(torch.empty_like(m), {given})"
    report = linted(tmp_path, {"net.py": TRAINED.replace("{drawn}", drawn)})
    (noise,) = {facts.sampler.noise.value for facts in report.facts if facts.sampler.noise}
    assert noise.mean == pytest.approx(mean, abs=1e-4)
    assert noise.std == pytest.approx(std, abs=2e-4)


LOADED = (
    HEAD
    + MODEL
    + FORWARD.replace("torch.randn_like(s)", "{noise}")
    + """

class Rows(torch.utils.data.Dataset):
    def __init__(self, path):
        self.rows = torch.load(path)

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, place):
        return self.rows[place]


def fit(path):
    net = Net()
    for x in {loader}:
        y, m, s = net({seen})
        loss = F.binary_cross_entropy(y, x, reduction="sum") - 0.5 * torch.sum(1 + s - m.pow(2) - s.exp())
        loss.backward()
"""
)


@pytest.mark.parametrize(
    ("loader", "seen", "expected"),
    [
        ("torch.utils.data.DataLoader(Rows(path), batch_size=32)", "x", ["VAE203"]),
        ("torch.utils.data.DataLoader(Rows(path), 32)", "x", ["VAE203"]),
        ("torch.utils.data.DataLoader(Rows(path), batch_size=None)", "x", []),
        ("torch.utils.data.DataLoader(Rows(path), None)", "x", []),
        ("torch.utils.data.DataLoader(Rows(path))", "x.squeeze()", []),
        ("torch.utils.data.DataLoader(Rows(path))", "x.flatten()", []),
        ("torch.utils.data.DataLoader(Rows(path))", "x[0]", []),
        ("Rows(path)", "x", []),
    ],
)
def test_a_batch_of_a_loader_has_an_axis_that_one_row_of_noise_lacks(
    loader: str, seen: str, expected: list[str], tmp_path: Path
) -> None:
    text = LOADED.replace("{loader}", loader).replace("{seen}", seen)
    for noise, codes_of in (("torch.randn(7)", expected), ("torch.randn_like(m)", [])):
        report = linted(tmp_path, {"net.py": text.replace("{noise}", noise)})
        assert [code for code in codes(report) if code != "VAE501"] == codes_of


# What is written over a draw that was there.
OVER_A_DRAW = {
    "nn.init.uniform_(eps)": ["VAE202"],
    "nn.init.uniform_(tensor=eps, a=-1.0, b=1.0)": ["VAE202"],
    "nn.init.normal_(eps, 0.0, 0.1)": ["VAE202"],
    "nn.init.trunc_normal_(eps)": ["VAE202"],
    "eps.data.uniform_(-1, 1)": ["VAE202"],
    "eps.detach().uniform_()": ["VAE202"],
    "eps.detach().normal_(0, 3)": ["VAE202"],
    "nn.init.ones_(eps)": ["VAE207"],
    "nn.init.zeros_(eps)": ["VAE207"],
    "nn.init.constant_(eps, 0.0)": ["VAE207"],
    "nn.init.normal_(eps)": [],
    "nn.init.trunc_normal_(eps, a=-9.0, b=9.0)": [],
    "eps.data.normal_()": [],
    "nn.init.uniform_(self.to_m.weight)": [],
    "nn.init.uniform_(other)": [],
}


@pytest.mark.parametrize(("over", "expected"), OVER_A_DRAW.items(), ids=OVER_A_DRAW)
def test_what_is_written_over_a_draw_is_the_noise(over: str, expected: list[str], tmp_path: Path) -> None:
    other = "other = torch.zeros_like(m)\n        "
    assert found(f"{other}eps = torch.randn_like(m)\n        {over}", tmp_path) == expected


def test_a_uniform_draw_that_a_normal_one_is_written_over_is_none(tmp_path: Path) -> None:
    assert found("eps = torch.rand_like(m)\n        nn.init.normal_(eps)", tmp_path) == []
    assert found("eps = torch.rand_like(m)", tmp_path) == ["VAE202"]


def test_what_is_not_read_over_a_draw_leaves_its_law_open(tmp_path: Path) -> None:
    drawn = "eps = torch.randn_like(m)\n        nn.init.xavier_uniform_(eps)"
    report = linted(tmp_path, {"net.py": TRAINED.replace("{drawn}", drawn)})
    assert codes(report) == []
    assert report.vaes
    assert not any("VAE202" in each.clean for each in report.vaes)
